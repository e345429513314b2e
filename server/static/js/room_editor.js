/* The seat map editor: draws the plan, takes hands and keys, asks the server's rules, saves. */

import { History, STEP, edited, held, moved, regridded, renumbered, snapped, withColumn, withRow, withSeat, without } from './room_model.js';
import { fields, things, video } from './room_panels.js';
import { _, loadWords } from './words.js';

const SVG = 'http://www.w3.org/2000/svg';
const CARD = [0.7, 0.5];
const PATIENCE = 300;
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const page = document.getElementById('editor');
const floor = document.getElementById('floor');
const told = document.getElementById('told');
const token = document.querySelector('meta[name="csrf-token"]').content;
let history = null;
let picked = new Set();
let stored = '';
let faults = new Set();
let waiting = 0;

await loadWords(document.documentElement.lang === 'en' ? 'en' : 'zh');
await load();

async function load() {
  for (;;) {
    const plan = await fetch(page.dataset.plan).then((answer) => answer.json()).catch(() => null);
    if (plan) return take(plan);
    say(_('服务器没有回答，正在重试…'), true);
    await new Promise((done) => setTimeout(done, 2000));
  }
}

function take(answer) {
  const { findings, ...plan } = answer;
  history = new History(plan);
  stored = JSON.stringify(plan);
  picked = new Set();
  show(findings);
  draw();
}

function put(plan) {
  if (plan === history.plan) return;
  history.put(plan);
  draw();
  ask();
}

function ask() {
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    const answer = await send(page.dataset.check, history.plan);
    if (answer.problem) say(answer.problem, true);
    else show(answer.findings);
  }, PATIENCE);
}

async function send(path, plan) {
  const headers = { 'Content-Type': 'application/json', 'X-CSRFToken': token };
  try {
    const answer = await fetch(path, { method: 'POST', headers, body: JSON.stringify(plan) });
    const content = await answer.json();
    return answer.ok ? content : { problem: content.problem ?? _('没有保存，请刷新页面后重试。') };
  } catch {
    return { problem: _('服务器没有回答，没有保存。') };
  }
}

async function save() {
  const answer = await send(page.dataset.plan, regridded(history.plan));
  if (answer.problem) {
    say(answer.problem, true);
    return;
  }
  take(answer);
  say(_('已保存。'), false);
}

function say(text, bad) {
  told.textContent = text;
  told.className = bad ? 'error' : 'good';
}

function show(findings) {
  const list = document.getElementById('findings');
  faults = new Set(findings.flatMap((each) => (each.hard ? each.seats : [])));
  list.replaceChildren(...findings.map((each) => {
    const line = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.className = `btn btn-quiet btn-small tag-line ${each.hard ? 'act' : 'look'}`;
    const icon = document.createElement('span');
    icon.className = 'icon';
    icon.setAttribute('aria-hidden', 'true');
    button.append(icon, each.text);
    button.addEventListener('click', () => pick(each.seats));
    line.append(button);
    return line;
  }));
  if (!findings.length) {
    const line = document.createElement('li');
    line.textContent = _('没有发现问题。');
    list.append(line);
  }
  draw();
}

function pick(numbers) {
  picked = new Set(history.plan.seats.flatMap((seat, at) => (numbers.includes(seat.number) ? [at] : [])));
  draw();
}

/* --- drawing ---------------------------------------------------------------------------------------- */

function element(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function extent(plan) {
  const points = [...plan.seats, ...[plan.door, plan.desk].filter(Boolean), ...plan.screens, { x: 0, y: 0 }];
  const right = Math.max(...points.map((point) => point.x), 4) + 1.2;
  const back = Math.max(...points.map((point) => point.y), 3) + 1.2;
  const left = Math.min(...points.map((point) => point.x), 0) - 0.6;
  const front = Math.min(...points.map((point) => point.y), 0) - 0.6;
  return [left, front, right - left, back - front];
}

function draw() {
  const { plan } = history;
  const box = extent(plan);
  const focused = document.activeElement?.dataset?.at;
  floor.setAttribute('viewBox', box.join(' '));
  floor.replaceChildren(...grid(box), ...plan.aisles.map((aisle) => line(aisle, box)), ...marks(plan), ...plan.seats.map(card));
  if (focused !== undefined) floor.querySelector(`[data-at="${focused}"]`)?.focus();
  document.getElementById('undo').disabled = !history.past.length;
  document.getElementById('redo').disabled = !history.future.length;
  document.getElementById('save').disabled = JSON.stringify(plan) === stored;
  const count = (kind) => plan.seats.filter((seat) => seat.kind === kind).length;
  document.getElementById('counts').textContent = _('普通 %(n)s · 备用 %(spare)s · 停用 %(broken)s', { n: count('normal'), spare: count('spare'), broken: count('broken') });
  panels(plan);
}

function grid([left, front, width, height]) {
  const lines = [];
  for (let x = Math.ceil(left); x <= left + width; x += 1) lines.push(element('line', { class: 'grid', x1: x, x2: x, y1: front, y2: front + height }));
  for (let y = Math.ceil(front); y <= front + height; y += 1) lines.push(element('line', { class: 'grid', x1: left, x2: left + width, y1: y, y2: y }));
  return lines;
}

function line(aisle, [left, front, width, height]) {
  const across = aisle.axis === 'x' ? { x1: aisle.at, x2: aisle.at, y1: front, y2: front + height } : { x1: left, x2: left + width, y1: aisle.at, y2: aisle.at };
  return element('line', { class: 'aisle', ...across });
}

function marks(plan) {
  const known = [['door', plan.door, _('门')], ['desk', plan.desk, _('讲台')], ...plan.screens.map((screen, at) => [`screen-${at}`, screen, _('屏幕')])];
  return known.filter(([, point]) => point).map(([name, point, word]) => {
    const rect = element('rect', { class: 'thing', x: point.x - 0.5, y: point.y - 0.17, width: 1, height: 0.34 });
    const text = element('text', { x: point.x, y: point.y });
    text.textContent = word;
    const group = element('g', { 'data-thing': name }, rect, text);
    group.addEventListener('pointerdown', (event) => dragThing(event, name));
    return group;
  });
}

function card(seat, at) {
  const number = element('text', { x: 0, y: -0.05 });
  number.textContent = seat.number;
  const word = element('text', { class: 'word', x: 0, y: 0.15 });
  word.textContent = { normal: seat.camera, spare: _('备用'), broken: _('停用中') }[seat.kind].slice(0, 10);
  const rect = element('rect', { x: -CARD[0] / 2, y: -CARD[1] / 2, width: CARD[0], height: CARD[1], rx: 0.04 });
  const where = _('%(seat)s 号座位，%(x)s 米，%(y)s 米', { seat: seat.number, x: seat.x, y: seat.y });
  const group = element('g', { class: 'seat', role: 'button', tabindex: '0', 'data-at': at, 'data-kind': seat.kind, 'data-fault': faults.has(seat.number), 'aria-pressed': picked.has(at), 'aria-label': where, transform: `translate(${seat.x} ${seat.y})` }, rect, number, word);
  group.addEventListener('pointerdown', (event) => dragSeats(event, at));
  return group;
}

/* --- hands ------------------------------------------------------------------------------------------ */

function place(event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(floor.getScreenCTM().inverse());
  return [point.x, point.y];
}

function follow(event, step) {
  const [x, y] = place(event);
  floor.setPointerCapture(event.pointerId);
  const move = (next) => { const [nx, ny] = place(next); step(nx - x, ny - y); };
  const end = () => { floor.removeEventListener('pointermove', move); floor.removeEventListener('pointerup', end); floor.removeEventListener('pointercancel', end); };
  floor.addEventListener('pointermove', move);
  floor.addEventListener('pointerup', end);
  floor.addEventListener('pointercancel', end);
  event.preventDefault();
  event.stopPropagation();
}

function dragSeats(event, at) {
  if (event.shiftKey || event.ctrlKey) {
    if (picked.has(at)) picked.delete(at); else picked.add(at);
    draw();
    return;
  }
  if (!picked.has(at)) picked = new Set([at]);
  draw();
  floor.querySelector(`[data-at="${at}"]`).focus();
  const begun = history.plan;
  let first = true;
  follow(event, (dx, dy) => {
    if (Math.abs(dx) < STEP && Math.abs(dy) < STEP && first) return;
    if (!first) history.undo();
    first = false;
    put(moved(begun, picked, dx, dy));
  });
}

function dragThing(event, name) {
  const begun = history.plan;
  let first = true;
  follow(event, (dx, dy) => {
    if (!first) history.undo();
    first = false;
    const shift = (point) => ({ x: snapped(point.x + dx), y: snapped(point.y + dy) });
    const at = Number(name.split('-')[1]);
    put(name.startsWith('screen') ? { ...begun, screens: begun.screens.map((point, n) => (n === at ? shift(point) : point)) } : { ...begun, [name]: shift(begun[name]) });
  });
}

floor.addEventListener('pointerdown', (event) => {
  if (event.target.closest('.seat, [data-thing]')) return;
  picked = new Set();
  draw();
});

/* --- keys and buttons ------------------------------------------------------------------------------- */

floor.addEventListener('keydown', (event) => {
  const at = Number(event.target.dataset.at);
  const step = STEPS[event.key];
  if (event.key === ' ' || event.key === 'Enter') {
    if (picked.has(at)) picked.delete(at); else picked.add(at);
    draw();
  } else if (step) {
    if (!picked.has(at)) picked = new Set([at]);
    const far = event.shiftKey ? 0.5 : 0.1;
    put(moved(history.plan, picked, step[0] * far, step[1] * far));
  } else if (event.key === 'Delete' || event.key === 'Backspace') act('remove');
  else return;
  event.preventDefault();
});

document.addEventListener('keydown', (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.target.matches('input, select, textarea')) return;
  const key = event.key.toLowerCase();
  if (key === 'a') act('all');
  else if (key === 'z' && !event.shiftKey) again(history.undo());
  else if (key === 'y' || key === 'z') again(history.redo());
  else if (key === 's') save();
  else return;
  event.preventDefault();
});

function again(done) {
  if (!done) return;
  picked = new Set([...picked].filter((at) => at < history.plan.seats.length));
  draw();
  ask();
}

function act(name) {
  const { plan } = history;
  if (name === 'all') { picked = new Set(plan.seats.keys()); draw(); return; }
  if (name === 'remove') {
    const next = without(plan, picked);
    picked = new Set();
    put(next);
    return;
  }
  if (name === 'renumber') {
    const next = renumbered(plan, document.getElementById('way').value);
    if (next) put(next); else say(_('有座位已编排考生，不能重新编号。'), true);
    return;
  }
  put({ seat: () => withSeat(plan), row: () => withRow(plan), column: () => withColumn(plan) }[name]());
}

for (const button of document.querySelectorAll('[data-do]')) button.addEventListener('click', () => act(button.dataset.do));
document.getElementById('undo').addEventListener('click', () => again(history.undo()));
document.getElementById('redo').addEventListener('click', () => again(history.redo()));
document.getElementById('save').addEventListener('click', save);
addEventListener('beforeunload', (event) => { if (JSON.stringify(history.plan) !== stored) event.preventDefault(); });

function panels(plan) {
  fields(document.getElementById('picked'), plan, picked, (change) => put(edited(history.plan, picked, change)), held);
  things(document.getElementById('things'), plan, (change) => put({ ...history.plan, ...change }));
  video(document.getElementById('video'), plan, (change) => put({ ...history.plan, ...change }));
  for (const name of ['name', 'kind', 'partitioned']) {
    const input = document.getElementById(name);
    if (document.activeElement === input) continue;
    if (name === 'partitioned') input.checked = plan.partitioned; else input.value = plan[name];
  }
}

for (const name of ['name', 'kind', 'partitioned']) {
  const input = document.getElementById(name);
  input.addEventListener('change', () => put({ ...history.plan, [name]: name === 'partitioned' ? input.checked : input.value.trim() }));
}
