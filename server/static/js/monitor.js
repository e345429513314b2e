/* The room monitor: cards come by Socket.IO and patch the drawing; lists and drawer are fragments of the server. */

import { io } from '../vendor/socket.io.esm.min.js';
import { Alarm } from './alarm.js';
import { batched } from './batch.js';
import { freshen, showDialog } from './drawer.js';
import { followLink, showCounts, showLoad, showStandby } from './live.js';
import { listen as listenForLooks } from './look.js';
import { fill, listen as listenForPictures } from './pictures.js';
import { entriesOf, mark, nextEntry } from './queue.js';
import { countdown, filtered, found, lasted, merged, neighbour, patch, renote } from './seatmap.js';
import { Selection } from './selection.js';
import { Viewport } from './viewport.js';
import { loadWords } from './words.js';

const NEWS_EVERY = 700;
const AGAIN_EVERY = 3000;
const main = document.getElementById('main');
const room = Number(main.dataset.room);
const map = document.getElementById('seatmap');
const drawer = document.getElementById('drawer');
const dialog = document.getElementById('dialog');
const find = document.getElementById('find');
const side = document.getElementById('side');
const acting = main.dataset.acting === 'yes';
const view = new Viewport(map);
const alarm = new Alarm(document.getElementById('sound'));
const cards = new Map();
const groups = new Map([...map.querySelectorAll('.seat')].map((group) => [Number(group.dataset.seat), group]));
const places = [...groups].map(([seat, group]) => ({ seat, x: Number(group.dataset.x), y: Number(group.dataset.y) }));
let offset = Date.parse(main.dataset.now) - Date.now();
const selection = new Selection(groups, document.getElementById('selection'));
let selected = null;
let chosen = '';
let filter = 'all';
let step = '';

const now = () => Date.now() + offset;

/* ---- what the server tells ---- */

const draw = batched((seats) => {
  for (const seat of seats) {
    const group = groups.get(seat);
    if (group) patch(group, cards.get(seat), now());
  }
  drawFilters();
  main.dataset.frames = Number(main.dataset.frames ?? 0) + 1;
});

function onSeats(cells) {
  let news = false;
  for (const cell of cells) {
    const before = cards.get(cell.seat);
    const card = merged(before, cell);
    if (!card) continue;
    // Without the time of its cause a change is one of the record: an act, an incident, a warning read.
    const told = !before || before.alert !== card.alert || before.state !== card.state || !card.changed_ns;
    news ||= told;
    if (told && card.seat === selected) tellDrawer();
    cards.set(card.seat, card);
  }
  draw(cells.map((cell) => cell.seat).filter((seat) => cards.has(seat)));
  if (news) tellNews();
}

function onServer(told) {
  offset = Date.parse(told.server_time) - Date.now();
  showLoad(told.load);
  showStandby(told.standby, told.standby_lag);
}

function onRoom(board) {
  offset = Date.parse(board.server_time) - Date.now();
  showCounts(document, board.counts);
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

function connect() {
  const socket = io('/monitor', { transports: ['websocket'], auth: { room }, reconnectionDelayMax: 4000 });
  followLink(socket);
  socket.on('seats', onSeats);
  socket.on('room', onRoom);
  socket.on('activity', tellNews);
  socket.on('server', onServer);
}

/* ---- seats: selecting, opening ---- */

function select(seat, { focus = true } = {}) {
  const group = groups.get(seat);
  if (!group) return;
  for (const [key, other] of groups) {
    other.setAttribute('aria-current', String(key === seat));
    other.setAttribute('tabindex', key === seat ? '0' : '-1');
  }
  selected = seat;
  if (focus) group.focus({ preventScroll: true });
}

function middleOf(seat) {
  const place = places.find((one) => one.seat === seat);
  return place && { x: place.x + 48, y: place.y + 32 };
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
  const answer = await fetch(`/monitor/${room}/seats/${seat}`, { headers: { 'HX-Request': 'true' } }).catch(() => null);
  if (!answer || answer.status >= 500) return setTimeout(tellDrawer, AGAIN_EVERY); // it still shows what was before
  if (!answer.ok || drawer.hidden || seat !== selected) return;
  freshen(drawer, await answer.text());
}

function close() {
  drawer.hidden = true;
  drawer.replaceChildren();
  if (selected !== null) select(selected);
}

/* ---- what waits ---- */

/** The worst entry, or the one after the chosen one: marked in the list, its seat in the middle of the map. */
function goNext() {
  const entry = nextEntry(entriesOf(side), chosen);
  if (entry) choose(entry);
}

function choose(entry) {
  chosen = entry.key;
  mark(side, chosen);
  if (!entry.seat) {
    entry.node.querySelector('button, a')?.focus();
    return;
  }
  view.centre(middleOf(entry.seat));
  if (drawer.hidden) select(entry.seat);
  else open(entry.seat);
}

/** Says that somebody goes there: in an open drawer, or in the chosen entry of the list. */
function acknowledge() {
  const wanted = 'button[data-answer], button[name="outcome"][value="acknowledged"]';
  const entry = entriesOf(side).find((one) => one.key === chosen);
  const place = drawer.hidden ? entry?.node : drawer;
  place?.querySelector(wanted)?.click();
}

function onList() {
  if (chosen) mark(side, chosen);
  alarm.tell(Number(document.getElementById('todo')?.dataset.urgent ?? 0));
}

/* ---- filters ---- */

function drawFilters() {
  const seats = filtered([...cards.values()]);
  for (const chip of document.querySelectorAll('[data-filter]')) {
    const count = chip.dataset.filter === 'all' ? cards.size : seats[chip.dataset.filter].size;
    chip.querySelector('[data-filter-count]').textContent = count;
    chip.setAttribute('aria-pressed', String(chip.dataset.filter === filter));
  }
  for (const [seat, group] of groups) group.classList.toggle('is-dim', !seats[filter].has(seat));
}

/* ---- several seats ---- */

function pick(what) {
  if (what === 'none') selection.clear();
  else if (what === 'row' && selected !== null) selection.add(selection.row(selected));
  else if (what === 'all') selection.add(filtered([...cards.values()])[filter]);
}

/** The commands for the picked seats, in place; the same form leads to their page without scripts. */
function command() {
  const seats = new URLSearchParams(new FormData(selection.form));
  if (seats.has('seat')) showDialog(dialog, `${selection.form.action}?${seats}`);
}

function setPickMode(on) {
  document.getElementById('pick-mode')?.setAttribute('aria-pressed', String(on));
  selection.setMode(on);
}

/* ---- keys and clicks ---- */

function typing(target) {
  return target.closest('input, select, textarea, dialog') !== null;
}

function onEscape(target) {
  if (!drawer.hidden) close();
  else if (target === find) {
    find.value = '';
    onFind();
    find.blur();
  } else if (selection.picked.size || selection.mode) {
    setPickMode(false);
    selection.clear();
  }
}

const KEYS = {
  '/': () => find.focus(),
  n: goNext,
  a: acknowledge,
  c: () => document.getElementById('selection-command')?.click(),
  '+': () => view.in(),
  '=': () => view.in(),
  '-': () => view.out(),
  0: () => view.wholeRoom(),
};

function onKey(event) {
  if (document.querySelector('dialog[open]')) return; // it has its own keys
  if (event.key === 'Escape') {
    onEscape(event.target);
    return;
  }
  if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = KEYS[event.key.toLowerCase()];
  const seat = event.target.closest('.seat');
  if (act) {
    event.preventDefault();
    act();
  } else if (event.key.startsWith('Arrow') && !drawer.contains(event.target)) {
    onArrow(event);
  } else if (event.key === 'Enter' && seat) {
    event.preventDefault();
    open(Number(seat.dataset.seat));
  } else if (event.key === ' ' && seat) {
    event.preventDefault();
    if (acting) selection.click(Number(seat.dataset.seat), { range: event.shiftKey });
  }
}

function onArrow(event) {
  const from = places.find((place) => place.seat === selected) ?? places[0];
  const to = selected === null ? from : neighbour(places, from, event.key);
  if (!to) return;
  event.preventDefault();
  select(to.seat);
  view.reveal(middleOf(to.seat));
}

function onSeat(event, seat) {
  const several = event.ctrlKey || event.metaKey || event.shiftKey || selection.mode;
  if (!several || !acting) {
    open(seat);
    return;
  }
  select(seat);
  selection.click(seat, { range: event.shiftKey });
}

function onClick(event) {
  const { target } = event;
  const seat = target.closest('.seat');
  const opener = target.closest('[data-open]');
  const link = target.closest('[data-dialog]');
  const closer = target.closest('[data-close]');
  const tool = target.closest('[data-filter], [data-zoom], [data-pick], #pick-mode');
  const entry = target.closest('[data-entry]');
  if (seat) onSeat(event, Number(seat.dataset.seat));
  else if (opener) open(Number(opener.dataset.open));
  else if (link) {
    event.preventDefault();
    showDialog(dialog, link.href);
  } else if (closer) {
    event.preventDefault();
    if (dialog.open) dialog.close();
    else close();
  } else if (tool) onTool(tool);
  else if (entry && !target.closest('a, button, input')) choose(entriesOf(side).find((one) => one.node === entry));
}

function onTool(tool) {
  if (tool.dataset.filter) {
    filter = tool.dataset.filter;
    drawFilters();
  } else if (tool.dataset.zoom) {
    ({ in: () => view.in(), out: () => view.out(), whole: () => view.wholeRoom() })[tool.dataset.zoom]();
  } else if (tool.dataset.pick) pick(tool.dataset.pick);
  else setPickMode(!selection.mode);
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
  view.centre(middleOf(hit.seat));
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
    if (card.link !== 'lost' && !card.hand_since && !card.command) continue;
    const group = groups.get(card.seat);
    if (group) renote(group, card, now());
  }
}

await loadWords(main.dataset.language);
document.addEventListener('keydown', onKey);
document.addEventListener('click', onClick);
map.addEventListener('focusin', (event) => {
  const seat = event.target.closest('.seat');
  if (seat) select(Number(seat.dataset.seat), { focus: false });
});
for (const fault of ['htmx:sendError', 'htmx:timeout', 'htmx:responseError']) {
  document.body.addEventListener(fault, ({ detail }) => {
    const passing = !detail.xhr?.status || detail.xhr.status >= 500; // what it was to show anew is as it was before
    if (passing && detail.elt.id === 'side') setTimeout(tellNews, AGAIN_EVERY);
    if (passing && detail.elt.id === 'bar') setTimeout(() => document.body.dispatchEvent(new Event('room-step')), AGAIN_EVERY);
  });
}
document.body.addEventListener('htmx:afterRequest', (event) => {
  if (event.detail.requestConfig.verb !== 'post') return;
  if (event.detail.elt.closest('dialog')) dialog.close();
  if (event.detail.elt.closest('#drawer, #side, dialog')) tellNews();
});
document.body.addEventListener('htmx:afterSettle', (event) => {
  if (side.contains(event.detail.target)) onList();
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
selection.form.addEventListener('submit', (event) => {
  event.preventDefault();
  command();
});
selection.keep(`picked-${room}`);
find.addEventListener('input', onFind);
find.addEventListener('keydown', onFindKey);
showLoad(Number(document.getElementById('server-load').dataset.load));
onList();
connect();
setInterval(tick, 1000);
tick();
const asked = Number(location.hash.match(/^#seat-(\d+)$/)?.[1]);
if (groups.has(asked)) {
  view.centre(middleOf(asked));
  select(asked);
}
