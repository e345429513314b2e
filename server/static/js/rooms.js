/* All rooms on one screen: counts come by the socket, tiles and list as a fragment when something has changed. */

import { io } from '../vendor/socket.io.esm.min.js';
import { Alarm } from './alarm.js';
import { followLink, showCounts, showLoad, showStandby } from './live.js';
import { fill, listen as listenForPictures } from './pictures.js';
import { entriesOf, mark, nextEntry } from './queue.js';
import { lasted } from './seatmap.js';
import { loadWords } from './words.js';

const NEWS_EVERY = 1500;
const hall = document.getElementById('hall');
const alarm = new Alarm(document.getElementById('sound'));
let offset = Date.parse(hall.dataset.now) - Date.now();
let chosen = '';
let newsDue = 0;

function tellNews() {
  newsDue ||= setTimeout(() => {
    newsDue = 0;
    document.body.dispatchEvent(new Event('room-news'));
  }, NEWS_EVERY);
}

function onRoom(board) {
  const tile = hall.querySelector(`[data-room="${board.room_sitting}"]`);
  if (tile) showCounts(tile, board.counts);
  tellNews();
}

function onServer(told) {
  offset = Date.parse(told.server_time) - Date.now();
  showLoad(told.load);
  showStandby(told.standby, told.standby_lag);
}

function connect() {
  const socket = io('/monitor', { transports: ['websocket'], auth: { rooms: 'all' }, reconnectionDelayMax: 4000 });
  followLink(socket);
  socket.on('room', onRoom);
  socket.on('activity', tellNews);
  socket.on('server', onServer);
}

function onList() {
  if (chosen) mark(hall, chosen);
  alarm.tell(Number(document.getElementById('todo')?.dataset.urgent ?? 0));
}

/** N goes through the list, the worst first; Enter on the chosen one goes to its room. */
function onKey(event) {
  if (event.target.closest('input, select, textarea, dialog') || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key.toLowerCase() !== 'n') return;
  const entry = nextEntry(entriesOf(hall), chosen);
  if (!entry) return;
  chosen = entry.key;
  mark(hall, chosen);
  entry.node.querySelector('a.btn')?.focus();
}

function tick() {
  for (const node of document.querySelectorAll('[data-age]')) {
    const age = (Date.now() + offset - Date.parse(node.dataset.age)) / 1000;
    node.textContent = node.dataset.text.replace('%(time)s', lasted(age));
  }
}

await loadWords(hall.dataset.language);
document.addEventListener('keydown', onKey);
document.body.addEventListener('htmx:load', (event) => fill(event.detail.elt));
document.body.addEventListener('htmx:afterSettle', onList);
listenForPictures(document);
fill(document);
onList();
connect();
setInterval(tick, 1000);
