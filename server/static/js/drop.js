/* Files dropped on or chosen in a `.drop`: shows the name in place of the browser's own control. */

function size(bytes) {
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

for (const drop of document.querySelectorAll('.drop')) {
  const input = drop.querySelector('input[type="file"]');
  const title = drop.querySelector('b');
  const invitation = title.textContent;
  drop.classList.add('is-live');

  const show = () => {
    const file = input.files[0];
    title.textContent = file ? `${file.name} · ${size(file.size)}` : invitation;
    drop.classList.toggle('is-filled', Boolean(file));
  };
  input.addEventListener('change', show);
  for (const kind of ['dragenter', 'dragover']) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add('is-over');
    });
  }
  drop.addEventListener('dragleave', () => drop.classList.remove('is-over'));
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('is-over');
    if (event.dataTransfer.files.length) {
      input.files = event.dataTransfer.files;
      show();
    }
  });
  show(); // a page that comes back from history may still hold a file
}
