/* A room camera's picture: fetches it, and lets points be set for seats by mouse, keys or numbers. */

import { _, loadWords } from './words.js';

const PAUSE_MS = 500;
const STEP = 0.1;
const WIDE_STEP = 1;
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** A share of the picture in per cent, kept inside of it, with two decimals; NaN for what is no number. */
export function percent(value) {
  const number = typeof value === 'number' ? value : Number.parseFloat(value);
  return Number.isFinite(number) ? Math.round(Math.min(100, Math.max(0, number)) * 100) / 100 : Number.NaN;
}

/** Where a key moves a point ({x, y} in per cent); null for other keys. */
export function nudged(point, key, wide) {
  const way = WAYS[key];
  if (!way) return null;
  const step = wide ? WIDE_STEP : STEP;
  return { x: percent(point.x + way[0] * step), y: percent(point.y + way[1] * step) };
}

/** Waits for the picture: 'shown', 'nothing' when the camera gives none, 'late' when none came in time. */
export async function waitFor(url, seconds, { get = fetch, sleep = pause } = {}) {
  for (let waited = 0; waited < seconds * 1000; waited += PAUSE_MS) {
    try {
      const answer = await get(url, { headers: { Accept: 'application/json' } });
      if (answer.status === 200) return { state: 'shown', blob: await answer.blob() };
      if (answer.status !== 202) return { state: 'nothing' };
    } catch {
      // the next try may find the network again
    }
    await sleep(PAUSE_MS);
  }
  return { state: 'late' };
}

function pause(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

/** The page's form: rows with numbers on one side, points on the picture on the other. */
class View {
  constructor(form) {
    this.form = form;
    this.place = form.querySelector('[data-picture-place]');
    this.points = form.querySelector('[data-points]');
    for (const label of form.querySelectorAll('.seen-label')) {
      [label.style.left, label.style.top] = label.dataset.at.split(' ').map((share) => `${share}%`);
    }
  }

  rows() {
    return [...this.form.querySelectorAll('tr[data-seat]')];
  }

  fields(row) {
    return row.querySelectorAll('.percent');
  }

  pointOf(row) {
    const [x, y] = [...this.fields(row)].map((field) => percent(field.value));
    return Number.isNaN(x) || Number.isNaN(y) ? null : { x, y };
  }

  set(row, point) {
    const [x, y] = this.fields(row);
    x.value = point ? point.x.toFixed(2) : '';
    y.value = point ? point.y.toFixed(2) : '';
    this.draw(row);
  }

  draw(row) {
    const point = this.pointOf(row);
    let mark = this.points.querySelector(`[data-of="${row.dataset.seat}"]`);
    if (!point) {
      mark?.remove();
      return;
    }
    if (!mark) {
      mark = document.createElement('button');
      mark.type = 'button';
      mark.className = 'room-point';
      mark.dataset.of = row.dataset.seat;
      mark.textContent = row.dataset.number;
      this.points.append(mark);
    }
    mark.style.left = `${point.x}%`;
    mark.style.top = `${point.y}%`;
    mark.setAttribute('aria-label', _('%(seat)s 号：左 %(x)s%，上 %(y)s%', { seat: row.dataset.number, ...point }));
  }

  chosen() {
    const radio = this.form.querySelector('[data-choose]:checked');
    return radio ? radio.closest('tr') : null;
  }

  /** The first seat after this one that has no point yet is next. */
  choose(row) {
    row.querySelector('[data-choose]').checked = true;
  }

  listen() {
    this.place.addEventListener('click', (event) => this.clicked(event));
    this.points.addEventListener('keydown', (event) => this.typed(event));
    this.form.addEventListener('input', (event) => {
      if (event.target.classList.contains('percent')) this.draw(event.target.closest('tr'));
    });
    this.form.addEventListener('change', (event) => {
      // With the keys alone: a seat that is chosen gets a point in the middle, which arrow keys then move.
      if ('choose' in event.target.dataset && this.shown() && !this.pointOf(this.chosen())) {
        this.set(this.chosen(), { x: 50, y: 50 });
      }
    });
    this.form.querySelector('[data-clear]').addEventListener('click', () => {
      for (const row of this.rows()) this.set(row, null);
    });
  }

  shown() {
    return 'shown' in this.place.dataset;
  }

  clicked(event) {
    const mark = event.target.closest('.room-point');
    if (mark) {
      this.choose(this.form.querySelector(`tr[data-seat="${mark.dataset.of}"]`));
      return;
    }
    const row = this.chosen();
    if (!row || !this.shown()) return;
    const box = this.place.querySelector('[data-image]').getBoundingClientRect();
    const x = percent((100 * (event.clientX - box.left)) / box.width);
    const y = percent((100 * (event.clientY - box.top)) / box.height);
    this.set(row, { x, y });
  }

  typed(event) {
    const mark = event.target.closest('.room-point');
    if (!mark) return;
    const row = this.form.querySelector(`tr[data-seat="${mark.dataset.of}"]`);
    if (event.key === 'Delete') {
      this.set(row, null);
      return;
    }
    const point = nudged(this.pointOf(row), event.key, event.shiftKey);
    if (!point) return;
    event.preventDefault();
    this.set(row, point);
  }

  async picture() {
    const { still, url, wait } = this.form.dataset;
    if (!still) return;
    const words = this.place.querySelector('[data-words]');
    const found = await waitFor(url, Number(wait));
    if (found.state !== 'shown') {
      words.textContent = found.state === 'late' ? _('摄像头没有回答，请看它是否在运行') : _('没有画面');
      return;
    }
    const image = this.place.querySelector('[data-image]');
    image.src = URL.createObjectURL(found.blob);
    const whole = await image.decode().then(() => true, () => false);
    URL.revokeObjectURL(image.src);
    if (!whole) {
      words.textContent = _('没有画面');
      return;
    }
    image.hidden = false;
    this.place.dataset.shown = '';
    for (const row of this.rows()) this.draw(row);
  }
}

const form = globalThis.document?.querySelector('[data-room-camera]');
if (form) {
  await loadWords(form.dataset.language);
  const view = new View(form);
  view.listen();
  await view.picture();
}
