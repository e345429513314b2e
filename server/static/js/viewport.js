/* Which part of the seat map is seen: wheel, pinch, drag and buttons move its viewBox; far away seats say less. */

export const NEAREST = 1.6; // screen pixels for one unit of the drawing
const READABLE = 0.66; // below it words are too small: number and sign alone are shown
const COMFORT = 0.95;
const STEP = 1.25;
const DRAG = 6;

/** A part {x, y, width, height} kept inside the whole drawing, as far as it fits. */
export function inside(part, whole) {
  const width = Math.min(part.width, whole.width);
  const height = Math.min(part.height, whole.height);
  const x = Math.min(Math.max(part.x, whole.x), whole.x + whole.width - width);
  const y = Math.min(Math.max(part.y, whole.y), whole.y + whole.height - height);
  return { x, y, width, height };
}

/** The part after zooming by a factor (> 1 is nearer) about a point, which stays where it is. */
export function zoomed(part, factor, point, whole) {
  const width = Math.min(part.width / factor, whole.width);
  const height = Math.min(part.height / factor, whole.height);
  const x = point.x - ((point.x - part.x) * width) / part.width;
  const y = point.y - ((point.y - part.y) * height) / part.height;
  return inside({ x, y, width, height }, whole);
}

/** The part of the same size with a point in its middle; at the edge of the drawing as near as it goes. */
export function centred(part, point, whole) {
  const { width, height } = part;
  return inside({ x: point.x - width / 2, y: point.y - height / 2, width, height }, whole);
}

/** Screen pixels for one unit of the drawing, where the part is fitted into width x height pixels. */
export function scaleOf(part, width, height) {
  return Math.min(width / part.width, height / part.height);
}

/** The view of one svg. */
export class Viewport {
  constructor(svg) {
    this.svg = svg;
    const [x, y, width, height] = svg.getAttribute('viewBox').split(/\s+/).map(Number);
    this.whole = { x, y, width, height };
    this.part = this.whole;
    this.pointers = new Map();
    this.dragged = false;
    svg.addEventListener('wheel', (event) => this.onWheel(event), { passive: false });
    for (const [name, act] of [['pointerdown', this.onDown], ['pointermove', this.onMove], ['pointerup', this.onUp],
      ['pointercancel', this.onUp]]) svg.addEventListener(name, act.bind(this));
    svg.addEventListener('click', (event) => this.onClick(event), true);
    new ResizeObserver(() => this.show(this.part)).observe(svg);
  }

  get scale() {
    const { width, height } = this.svg.getBoundingClientRect();
    return scaleOf(this.part, width, height);
  }

  show(part) {
    this.part = part;
    this.svg.setAttribute('viewBox', `${part.x} ${part.y} ${part.width} ${part.height}`);
    this.svg.dataset.far = this.scale < READABLE ? 'yes' : 'no';
    this.svg.dataset.zoomed = part.width < this.whole.width - 1 ? 'yes' : 'no';
  }

  zoom(factor, point = this.middle()) {
    const most = NEAREST / this.scale;
    this.show(zoomed(this.part, Math.min(factor, Math.max(most, 1 / STEP)), point, this.whole));
  }

  in() {
    this.zoom(STEP);
  }

  out() {
    this.zoom(1 / STEP);
  }

  wholeRoom() {
    this.show(this.whole);
  }

  /** A point comes into the middle; from afar also near enough to be read. */
  centre(point) {
    if (this.scale < READABLE) {
      const { width, height } = this.svg.getBoundingClientRect();
      this.part = { x: 0, y: 0, width: width / COMFORT, height: height / COMFORT };
    }
    this.show(centred(this.part, point, this.whole));
  }

  /** A point that is out of sight comes into the middle. */
  reveal(point, room = 60) {
    const { x, y, width, height } = this.part;
    const seen = point.x - room >= x && point.y - room >= y && point.x + room <= x + width && point.y + room <= y + height;
    if (!seen) this.show(centred(this.part, point, this.whole));
  }

  middle() {
    return { x: this.part.x + this.part.width / 2, y: this.part.y + this.part.height / 2 };
  }

  at(event) {
    const matrix = this.svg.getScreenCTM().inverse();
    return new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
  }

  onWheel(event) {
    event.preventDefault();
    this.zoom(event.deltaY < 0 ? STEP : 1 / STEP, this.at(event));
  }

  onDown(event) {
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.pointers.size === 1) this.dragged = false;
  }

  onMove(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    const moved = Math.hypot(event.clientX - before.x, event.clientY - before.y);
    if (!this.dragged && moved < DRAG) return;
    if (!this.dragged) this.svg.setPointerCapture?.(event.pointerId);
    this.dragged = true;
    const after = { x: event.clientX, y: event.clientY };
    this.pointers.set(event.pointerId, after);
    if (others.length) this.pinch(others[0], before, after);
    else this.pan(after.x - before.x, after.y - before.y);
  }

  pan(dx, dy) {
    const { x, y, width, height } = this.part;
    this.show(inside({ x: x - dx / this.scale, y: y - dy / this.scale, width, height }, this.whole));
  }

  pinch(still, before, after) {
    const factor = Math.hypot(after.x - still.x, after.y - still.y) / (Math.hypot(before.x - still.x, before.y - still.y) || 1);
    this.zoom(factor, this.at({ clientX: (still.x + after.x) / 2, clientY: (still.y + after.y) / 2 }));
  }

  onUp(event) {
    this.pointers.delete(event.pointerId);
  }

  /** The click at the end of a drag opens nothing. */
  onClick(event) {
    if (!this.dragged) return;
    this.dragged = false;
    event.stopPropagation();
    event.preventDefault();
  }
}
