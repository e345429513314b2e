/* The room monitor: cards come by Socket.IO and patch the drawing; lists and drawer are fragments of the server. */

import { io } from '../vendor/socket.io.esm.min.js';
import { listen as listenForLooks } from './look.js';
import { fill, listen as listenForPictures } from './pictures.js';
import { countdown, found, lasted, neighbour, noteOf, patch, waiting } from './seatmap.js';
import { loadWords } from './words.js';

const NEWS_EVERY = 700;
const main = document.getElementById('main');
const room = Number(main.dataset.room);
const map = document.getElementById('seatmap');
const drawer = document.getElementById('drawer');
const dialog = document.getElementById('dialog');
const find = document.getElementById('find');
const cards = new Map();
const groups = new Map([...map.querySelectorAll('.seat')].map((group) => [Number(group.dataset.seat), group]));
const places = [...groups].map(([seat, group]) => ({ seat, x: Number(group.dataset.x), y: Number(group.dataset.y) }));
let offset = Date.parse(main.dataset.now) - Date.now();
let selected = null;
let step = '';

const now = () => Date.now() + offset;

/* ---- what the server tells ---- */

function onSeats(cells) {
  let news = false;
  for (const card of cells) {
    const before = cards.get(card.seat);
    // Without the time of its cause a change is one of the record: an act, an incident, a warning read.
    const told = !before || before.alert !== card.alert || before.state !== card.state || !card.changed_ns;
    news ||= told;
    if (told && card.seat === selected) tellDrawer();
    cards.set(card.seat, card);
    const group = groups.get(card.seat);
    if (group) patch(group, card, now());
  }
  if (news) tellNews();
}

function onRoom(board) {
  offset = Date.parse(board.server_time) - Date.now();
  for (const [key, value] of Object.entries(board.counts)) {
    const node = document.querySelector(`[data-count="${key}"]`);
    if (!node) continue;
    node.textContent = value;
    const count = node.closest('.count');
    if (count.dataset.state) count.classList.toggle(count.dataset.state, value > 0);
  }
  const next = [board.state, board.phase, board.ends_at, board.last_ends_at, board.entry_closes_at === null].join('|');
  if (step && step !== next) document.body.dispatchEvent(new Event('room-step'));
  step = next;
}

let newsDue = 0;
function tellNews() {
  if (newsDue) return;
  newsDue = setTimeout(() => {
    newsDue = 0;
    document.body.dispatchEvent(new Event('room-news'));
  }, NEWS_EVERY);
}

let drawerDue = 0;
function tellDrawer() {
  if (drawerDue) return;
  drawerDue = setTimeout(() => {
    drawerDue = 0;
    refreshDrawer();
  }, NEWS_EVERY);
}

function showLink(up) {
  const node = document.getElementById('socket-state');
  node.className = `tag-line ${up ? 'good' : 'act'}`;
  node.innerHTML = '<span class="icon" aria-hidden="true"></span>';
  node.append(up ? node.dataset.up : node.dataset.down);
}

function connect() {
  const socket = io('/monitor', { transports: ['websocket'], auth: { room }, reconnectionDelayMax: 4000 });
  socket.on('connect', () => showLink(true));
  socket.on('disconnect', (reason) => {
    showLink(false);
    if (reason === 'io server disconnect') location.reload(); // the account was closed, or signed out elsewhere
  });
  socket.on('connect_error', () => showLink(false));
  socket.on('seats', onSeats);
  socket.on('room', onRoom);
  socket.on('activity', tellNews);
}

/* ---- seats: selecting, opening ---- */

function select(seat, { focus = true } = {}) {
  const group = groups.get(seat);
  if (!group) return;
  for (const [key, other] of groups) {
    other.setAttribute('aria-selected', String(key === seat));
    other.setAttribute('tabindex', key === seat ? '0' : '-1');
  }
  selected = seat;
  if (focus) group.focus({ preventScroll: true });
}

async function open(seat) {
  select(seat, { focus: false });
  await window.htmx.ajax('GET', `/monitor/${room}/seats/${seat}`, { target: '#drawer', swap: 'innerHTML' });
  drawer.hidden = false;
  (drawer.querySelector('[autofocus]') ?? drawer).focus();
}

/** Brings the parts of an open drawer up to date; one that somebody writes in stays as it is. */
async function refreshDrawer() {
  const seat = selected;
  if (drawer.hidden || seat === null) return;
  const answer = await fetch(`/monitor/${room}/seats/${seat}`, { headers: { 'HX-Request': 'true' } });
  if (!answer.ok || drawer.hidden || seat !== selected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
  for (const part of drawer.querySelectorAll('[data-fresh]')) {
    const next = fresh.querySelector(`[data-fresh="${part.dataset.fresh}"]`);
    if (!next || part.innerHTML === next.innerHTML || inUse(part)) continue;
    part.replaceWith(next);
    window.htmx.process(next);
    fill(next);
  }
}

function inUse(part) {
  const written = [...part.querySelectorAll('input:not([type="hidden"])')].some((input) => input.value !== input.defaultValue);
  return written || part.contains(document.activeElement);
}

function close() {
  drawer.hidden = true;
  drawer.replaceChildren();
  if (selected !== null) select(selected);
}

function goNext() {
  const list = waiting([...cards.values()]);
  if (!list.length) return;
  const place = list.findIndex((card) => card.seat === selected);
  open(list[(place + 1) % list.length].seat);
}

/* ---- dialogs: pages of their own, shown in place ---- */

async function showDialog(href) {
  const answer = await fetch(href, { headers: { 'HX-Request': 'true', Accept: 'text/html' } });
  if (!answer.ok) {
    location.assign(href);
    return;
  }
  dialog.innerHTML = await answer.text();
  window.htmx.process(dialog);
  dialog.showModal();
}

/* ---- keys and clicks ---- */

function typing(target) {
  return target.closest('input, select, textarea, dialog') !== null;
}

function onKey(event) {
  if (document.querySelector('dialog[open]')) return; // it has its own keys
  if (event.key === 'Escape') {
    if (!drawer.hidden) close();
    else if (event.target === find) {
      find.value = '';
      onFind();
      find.blur();
    }
    return;
  }
  if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === '/') {
    event.preventDefault();
    find.focus();
  } else if (event.key === 'n' || event.key === 'N') {
    goNext();
  } else if (event.key === 'a' || event.key === 'A') {
    drawer.querySelector('button[data-answer], button[name="outcome"][value="acknowledged"]')?.click();
  } else if (event.key.startsWith('Arrow') && !drawer.contains(event.target)) {
    const from = places.find((place) => place.seat === selected) ?? places[0];
    const to = selected === null ? from : neighbour(places, from, event.key);
    if (to) {
      event.preventDefault();
      select(to.seat);
    }
  } else if ((event.key === 'Enter' || event.key === ' ') && event.target.closest('.seat')) {
    event.preventDefault();
    open(Number(event.target.closest('.seat').dataset.seat));
  }
}

function onClick(event) {
  const seat = event.target.closest('.seat');
  const opener = event.target.closest('[data-open]');
  const link = event.target.closest('[data-dialog]');
  const closer = event.target.closest('[data-close]');
  if (seat) open(Number(seat.dataset.seat));
  else if (opener) open(Number(opener.dataset.open));
  else if (link) {
    event.preventDefault();
    showDialog(link.href);
  } else if (closer) {
    event.preventDefault();
    if (dialog.open) dialog.close();
    else close();
  }
}

function onFind() {
  const hits = found([...cards.values()], find.value);
  const seats = new Set(hits.map((card) => card.seat));
  for (const [seat, group] of groups) group.classList.toggle('is-found', seats.has(seat));
}

function onFindKey(event) {
  if (event.key !== 'Enter') return;
  const [hit] = found([...cards.values()], find.value);
  if (!hit) return;
  find.value = '';
  onFind();
  open(hit.seat);
}

/* ---- the clock: once a second ---- */

function tick() {
  const zone = { timeZone: main.dataset.zone || 'Asia/Shanghai', hourCycle: 'h23' };
  const clock = document.getElementById('server-clock');
  if (clock) clock.textContent = new Date(now()).toLocaleTimeString('en-GB', zone);
  for (const node of document.querySelectorAll('[data-until]')) {
    const left = (Date.parse(node.dataset.until) - now()) / 1000;
    node.textContent = node.dataset.text.replace('%(time)s', countdown(left));
  }
  for (const node of document.querySelectorAll('[data-age]')) {
    const age = (now() - Date.parse(node.dataset.age)) / 1000;
    node.textContent = node.dataset.text.replace('%(time)s', lasted(age));
  }
  for (const card of cards.values()) {
    if (card.link !== 'lost' && !card.hand_since) continue;
    const note = groups.get(card.seat)?.querySelector('.seat-note');
    if (note) note.textContent = noteOf(card, now());
  }
}

await loadWords(main.dataset.language);
document.addEventListener('keydown', onKey);
document.addEventListener('click', onClick);
map.addEventListener('focusin', (event) => {
  const seat = event.target.closest('.seat');
  if (seat) select(Number(seat.dataset.seat), { focus: false });
});
document.body.addEventListener('htmx:afterRequest', (event) => {
  if (event.detail.requestConfig.verb !== 'post') return;
  if (event.detail.elt.closest('dialog')) dialog.close();
  if (event.detail.elt.closest('#drawer, #side, dialog')) tellNews();
});
document.body.addEventListener('htmx:afterSwap', (event) => {
  if (event.detail.target !== drawer) return; // a dialog may have opened it
  drawer.hidden = false;
  select(Number(drawer.querySelector('[data-drawer]')?.dataset.drawer), { focus: false });
});
document.body.addEventListener('htmx:load', (event) => fill(event.detail.elt));
listenForPictures(document);
listenForLooks(document, room);
fill(document);
find.addEventListener('input', onFind);
find.addEventListener('keydown', onFindKey);
connect();
setInterval(tick, 1000);
tick();
