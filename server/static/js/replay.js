/* The course of a seat: the table is the record; from its rows the lanes are drawn and the state is told. */

const SVG = 'http://www.w3.org/2000/svg';
const LANES = ['answers', 'link', 'incidents', 'frames', 'acts'];
const HEIGHT = 32;
const WIDTH = 1000;

/** What a seat's answers and link were at a moment: events in the order of time, each {track, kind, at, until, item}. */
export function stateAt(events, moment) {
  const answered = new Set();
  let current = -1;
  let linked = true;
  events.forEach((event, place) => {
    if (event.at > moment) return;
    current = place;
    if (event.track === 'answers' && event.kind === 'answer') answered.add(event.item);
    if (event.track === 'answers' && event.kind === 'clear') answered.delete(event.item);
    if (event.track === 'link') linked = linked && event.until <= moment;
  });
  return { answered: answered.size, current, linked };
}

/** The place of the next event after a moment, or of the last before it; the moment itself when there is none. */
export function neighbour(events, moment, forward) {
  const moments = events.map((event) => event.at);
  const found = forward
    ? moments.find((at) => at > moment)
    : moments.findLast((at) => at < moment);
  return found ?? moment;
}

function read(row) {
  const { track, kind, at, until, item } = row.dataset;
  const begins = Date.parse(at);
  return { row, track, kind, item: item ?? '', at: begins, until: until ? Date.parse(until) : begins };
}

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

function draw(svg, events, place) {
  LANES.forEach((_lane, number) => {
    const y = HEIGHT * (number + 1);
    svg.append(shape('line', { class: 'lane', x1: 0, x2: WIDTH, y1: y, y2: y }));
  });
  for (const event of events) {
    const x = place(event.at);
    const bar = shape('rect', {
      x,
      y: HEIGHT * LANES.indexOf(event.track) + 6,
      width: Math.max(2, place(event.until) - x),
      height: HEIGHT - 12,
    });
    bar.dataset.track = event.track;
    svg.append(bar);
  }
  const cursor = shape('line', { class: 'cursor', x1: 0, x2: 0, y1: 0, y2: HEIGHT * LANES.length });
  svg.append(cursor);
  return cursor;
}

/** Brings a row into the table's own window; the page, and the slider in hand, stay where they are. */
function centre(row) {
  const frame = row.closest('.table-wrap');
  frame.scrollTop = row.offsetTop - frame.clientHeight / 2;
}

function start(section) {
  const events = [...document.querySelectorAll('.replay-table tbody tr')].map(read);
  const begins = Date.parse(section.dataset.begins);
  const length = Math.max(1000, Date.parse(section.dataset.ends) - begins);
  const place = (moment) => ((moment - begins) / length) * WIDTH;
  const svg = section.querySelector('svg');
  const slider = section.querySelector('input[type="range"]');
  const parts = {
    now: section.querySelector('output'),
    current: section.querySelector('[data-current]'),
    answered: section.querySelector('[data-answered]'),
    link: section.querySelector('[data-link]'),
  };
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: 'medium', timeZone: section.dataset.zone, hourCycle: 'h23' });
  const cursor = draw(svg, events, place);
  slider.max = String(Math.ceil(length / 1000));
  let shown = -2;
  let at = begins;

  function show(moment) {
    at = moment;
    const state = stateAt(events, moment);
    const x = String(place(moment));
    cursor.setAttribute('x1', x);
    cursor.setAttribute('x2', x);
    parts.now.textContent = clock.format(moment);
    slider.setAttribute('aria-valuetext', parts.now.textContent);
    parts.answered.textContent = String(state.answered);
    parts.link.textContent = state.linked ? parts.link.dataset.up : parts.link.dataset.down;
    if (state.current === shown) return;
    shown = state.current;
    events.forEach(({ row }, number) => {
      row.classList.toggle('is-later', number > shown);
      row.setAttribute('aria-current', String(number === shown));
    });
    const row = events[shown]?.row;
    parts.current.textContent = row ? row.cells[2].textContent : '—';
    if (row) centre(row);
  }

  function go(moment) {
    slider.value = String((moment - begins) / 1000);
    show(moment);
  }

  slider.addEventListener('input', () => show(begins + Number(slider.value) * 1000));
  slider.addEventListener('keydown', (event) => {
    if (event.key !== 'PageUp' && event.key !== 'PageDown') return;
    event.preventDefault();
    go(neighbour(events, at, event.key === 'PageDown'));
  });
  svg.addEventListener('click', (event) => {
    const box = svg.getBoundingClientRect();
    go(begins + ((event.clientX - box.left) / box.width) * length);
  });
  for (const event of events) event.row.addEventListener('click', () => go(event.at));
  filter(events);
  go(begins);
}

function filter(events) {
  const form = document.querySelector('.replay-filter');
  form.hidden = false;
  form.addEventListener('change', () => {
    const wanted = new Set([...form.querySelectorAll('input:checked')].map((box) => box.value));
    for (const { row, track } of events) row.hidden = !wanted.has(track);
  });
}

if (typeof document !== 'undefined') {
  const section = document.querySelector('.replay');
  if (section) start(section);
}
