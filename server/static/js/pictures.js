/* Pictures of incidents: fetched once for a page, small in their place, large in a dialog. */

import { _ } from './words.js';

const MOST_KEPT = 150;
const kept = new Map(); // address -> promise of a blob's address

/** The address of a picture's blob; null when it cannot be had. Asked for once however often it is shown. */
export function picture(address, get = fetch) {
  if (!kept.has(address)) {
    const coming = load(address, get).catch(() => null);
    kept.set(address, coming);
    coming.then((url) => {
      if (url === null) kept.delete(address); // perhaps it can be had the next time
    });
    forgetOldest();
  }
  return kept.get(address);
}

async function load(address, get) {
  const answer = await get(address, { headers: { Accept: 'image/jpeg' } });
  return answer.ok ? URL.createObjectURL(await answer.blob()) : null;
}

function forgetOldest() {
  for (const [address, coming] of kept) {
    if (kept.size <= MOST_KEPT) return;
    kept.delete(address);
    coming.then((url) => url && URL.revokeObjectURL(url));
  }
}

/** Fills the pictures of a fragment that was just put into the page. */
export function fill(root) {
  for (const image of root.querySelectorAll('img[data-src]')) show(image);
}

async function show(image) {
  const url = await picture(image.dataset.src);
  if (url) image.src = url;
  else image.replaceWith(_('画面打不开'));
}

/* ---- large, in a dialog ---- */

let dialog = null;
let shown = [];
let place = 0;

/** Opens a picture large; those of the same list are one key away. */
export function enlarge(anchor) {
  const list = anchor.closest('.frames, .capture-list');
  shown = list ? [...list.querySelectorAll('[data-picture]')] : [anchor];
  place = shown.indexOf(anchor);
  dialog ??= made();
  draw();
  if (!dialog.open) dialog.showModal();
}

function made() {
  const node = document.createElement('dialog');
  node.className = 'dialog picture-dialog';
  node.setAttribute('aria-label', _('画面'));
  node.innerHTML = '<figure><img alt=""><figcaption></figcaption></figure><div class="dialog-foot">'
    + '<button class="btn" type="button" data-step="-1"></button><button class="btn" type="button" data-step="1"></button>'
    + '<button class="btn btn-primary" type="button" data-step="0" autofocus></button></div>';
  const words = { '-1': _('上一张'), 1: _('下一张'), 0: _('关闭') };
  for (const button of node.querySelectorAll('button')) button.textContent = words[button.dataset.step];
  node.addEventListener('click', (event) => {
    const step = event.target.closest('[data-step]')?.dataset.step;
    if (step === '0') node.close();
    else if (step) move(Number(step));
  });
  node.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowLeft') move(-1);
    else if (event.key === 'ArrowRight') move(1);
  });
  document.body.append(node);
  return node;
}

function move(step) {
  place = Math.min(shown.length - 1, Math.max(0, place + step));
  draw();
}

async function draw() {
  const anchor = shown[place];
  const image = dialog.querySelector('img');
  dialog.querySelector('figcaption').textContent = anchor.dataset.caption;
  dialog.querySelector('[data-step="-1"]').disabled = place === 0;
  dialog.querySelector('[data-step="1"]').disabled = place === shown.length - 1;
  if (!dialog.contains(document.activeElement)) dialog.querySelector('[data-step="0"]').focus();
  image.alt = anchor.dataset.caption;
  image.removeAttribute('src'); // the one before is of another moment
  const url = await picture(anchor.getAttribute('href'));
  if (shown[place] !== anchor) return;
  if (url) image.src = url;
  else dialog.querySelector('figcaption').textContent = `${anchor.dataset.caption} · ${_('画面打不开')}`;
}

/** Clicks on small pictures open them; without a script they are plain links. */
export function listen(root) {
  root.addEventListener('click', (event) => {
    const anchor = event.target.closest('[data-picture]');
    if (!anchor || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    enlarge(anchor);
  });
}
