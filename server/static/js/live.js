/* What the screens of one room and of all rooms share: the line to the server, its load, counts. */

const BUSY = 2;
const OVERLOADED = 6;
const AGAIN_MS = 2000;

function say(node, shade, words) {
  node.className = `tag-line ${shade}`;
  node.innerHTML = '<span class="icon" aria-hidden="true"></span>';
  node.append(words);
}

/** Whether the socket is up. */
function showLink(up) {
  const node = document.getElementById('socket-state');
  say(node, up ? 'good' : 'act', up ? node.dataset.up : node.dataset.down);
}

/**
 * Follows a socket of the monitor. A server whose store is away refuses, and is asked again: nobody else would, since
 * a line that was refused in words does not come back by itself. Every other refusal stands.
 */
export function followLink(socket) {
  socket.on('connect', () => showLink(true));
  socket.on('disconnect', (reason) => {
    showLink(false);
    if (reason === 'io server disconnect') location.reload(); // the account was closed, or signed out elsewhere
  });
  socket.on('connect_error', (fault) => {
    showLink(false);
    if (fault.message === 'store_unavailable') setTimeout(() => socket.connect(), AGAIN_MS);
  });
}

/** The server's load hint, 0 (at ease) to 10. */
export function showLoad(load) {
  const node = document.getElementById('server-load');
  node.dataset.load = load;
  say(node, load > OVERLOADED ? 'act' : load > BUSY ? 'look' : 'good', node.dataset.text.replace('%(n)s', load));
}

/** Whether what is saved here lies on a second server, too: none | protected | unprotected | fenced. */
export function showStandby(state, lag) {
  const node = document.getElementById('standby-state');
  document.getElementById('taken-over').hidden = state !== 'fenced';
  node.hidden = state === 'none';
  if (node.hidden) return;
  const words = lag === null && state === 'unprotected' ? node.dataset.silent : node.dataset[state];
  say(node, state === 'protected' ? 'good' : 'act', words.replace('%(n)s', lag));
}

/** Counts into the fields of a part of the page; one that is not nothing gets its colour. */
export function showCounts(root, counts) {
  for (const [key, value] of Object.entries(counts)) {
    const node = root.querySelector(`[data-count="${key}"]`);
    if (!node) continue;
    if (node.textContent !== String(value)) node.textContent = value;
    const count = node.closest('.count');
    if (count.dataset.state) count.classList.toggle(count.dataset.state, value > 0);
  }
}
