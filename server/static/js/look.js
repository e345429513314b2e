/* Looking through a seat's camera: asks the server, waits a few seconds for one small picture, shows it. */

import { _ } from './words.js';

const PAUSE_MS = 400;

/** Splits a list into groups of at most `size`. */
export function groups(list, size) {
  const found = [];
  for (let start = 0; start < list.length; start += size) found.push(list.slice(start, start + size));
  return found;
}

/** Asks some seats for a picture each. `show(seat, {state, blob?, words?})`; state: waiting, shown, nothing. */
export async function ask(room, seats, show, { get = fetch, sleep = pause } = {}) {
  for (const seat of seats) show(seat, { state: 'waiting' });
  const told = await asked(room, seats, get);
  if (told === null) {
    for (const seat of seats) show(seat, { state: 'nothing', words: _('服务器没有回答，请再试') });
    return;
  }
  await Promise.all(told.looks.map((look) => waitFor(room, look, told.seconds, { show, get, sleep })));
}

/** The same for many seats, a few at a time, so that no network is flooded with pictures. */
export async function askAll(room, seats, atOnce, show, hands = {}) {
  for (const group of groups(seats, atOnce)) await ask(room, group, show, hands);
}

async function asked(room, seats, get) {
  const body = new URLSearchParams(seats.map((seat) => ['seat', String(seat)]));
  const token = globalThis.document?.querySelector('meta[name="csrf-token"]')?.content ?? '';
  try {
    const headers = { Accept: 'application/json', 'X-CSRFToken': token };
    const answer = await get(`/monitor/${room}/looks`, { method: 'POST', body, headers });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

async function waitFor(room, look, seconds, { show, get, sleep }) {
  if (look.problem) {
    show(look.seat, { state: 'nothing', words: look.problem });
    return;
  }
  for (let waited = 0; waited < seconds * 1000; waited += PAUSE_MS) {
    await sleep(PAUSE_MS);
    try {
      const answer = await get(`/monitor/${room}/looks/${look.ref}`, { headers: { Accept: 'application/json' } });
      if (answer.status === 200) {
        show(look.seat, { state: 'shown', blob: await answer.blob() });
        return;
      }
      if (answer.status !== 202) break;
    } catch {
      // cut off: the next try may find the network again
    }
  }
  show(look.seat, { state: 'nothing', words: _('没有画面') });
}

function pause(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

/* ---- in a page: [data-look] buttons fill the [data-look-at] of their seat ---- */

function drawInto(root) {
  return (seat, told) => {
    const place = root.querySelector(`[data-look-at="${seat}"]`);
    if (!place) return; // the drawer was closed meanwhile
    const words = told.state === 'waiting' ? _('正在取画面…') : told.words;
    place.replaceChildren(told.state === 'shown' ? shownAs(told.blob) : paragraph(words));
  };
}

function shownAs(blob) {
  const image = document.createElement('img');
  image.alt = _('座位画面');
  image.src = URL.createObjectURL(blob);
  image.addEventListener('load', () => URL.revokeObjectURL(image.src), { once: true });
  return image;
}

function paragraph(words) {
  const node = document.createElement('p');
  node.textContent = words;
  return node;
}

/** Listens for the buttons of a page or a drawer. */
export function listen(root, room) {
  root.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-look], [data-look-all]');
    if (!button) return;
    const all = 'lookAll' in button.dataset;
    const seats = all
      ? [...root.querySelectorAll('[data-look-at]')].map((place) => Number(place.dataset.lookAt))
      : [Number(button.dataset.look)];
    button.disabled = true;
    try {
      await askAll(room, seats, Number(button.dataset.atOnce ?? 1), drawInto(root));
    } finally {
      button.disabled = false;
    }
  });
}
