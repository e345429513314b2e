/* Several seats at once: which are picked, and the form that hands them on to who commands them. */

/** The seats from one to another in the plan's order, both included. */
export function between(order, from, to) {
  const [first, last] = [order.indexOf(from), order.indexOf(to)].sort((a, b) => a - b);
  return first < 0 ? [to] : order.slice(first, last + 1);
}

/** Picked seats after a click: alone, with Ctrl (one more or less) or with Shift (all up to here). */
export function clicked(picked, order, anchor, seat, { range = false } = {}) {
  const next = new Set(picked);
  if (range && anchor !== null) for (const each of between(order, anchor, seat)) next.add(each);
  else if (!next.delete(seat)) next.add(seat);
  return next;
}

/** The picked seats of a page: draws them, fills `form#selection`, and tells `examhall:selection`. */
export class Selection {
  constructor(groups, form) {
    this.groups = groups;
    this.form = form;
    this.order = [...groups.keys()];
    this.picked = new Set();
    this.anchor = null;
    this.mode = false;
  }

  click(seat, { range = false } = {}) {
    const next = clicked(this.picked, this.order, this.anchor, seat, { range });
    this.anchor = seat;
    this.take(next);
  }

  add(seats) {
    this.take(new Set([...this.picked, ...seats]));
  }

  clear() {
    this.anchor = null;
    if (this.picked.size) this.take(new Set());
  }

  row(seat) {
    const row = this.groups.get(seat)?.dataset.row;
    return this.order.filter((each) => this.groups.get(each).dataset.row === row);
  }

  take(next) {
    this.picked = next;
    for (const [seat, group] of this.groups) {
      group.dataset.picked = next.has(seat) ? 'yes' : '';
      group.setAttribute('aria-pressed', String(next.has(seat)));
    }
    const seats = this.order.filter((seat) => next.has(seat));
    this.form.hidden = !seats.length && !this.mode;
    const count = this.form.querySelector('#selection-count');
    count.textContent = count.dataset.text.replace('%(n)s', seats.length);
    const inputs = seats.map((seat) => Object.assign(document.createElement('input'), { type: 'hidden', name: 'seat', value: seat }));
    this.form.querySelector('#selection-seats').replaceChildren(...inputs);
    if (this.place) sessionStorage.setItem(this.place, JSON.stringify(seats));
    document.body.dispatchEvent(new CustomEvent('examhall:selection', { detail: { seats } }));
  }

  /** Picked seats stay picked when the page comes again after a command; `place` names them in this tab. */
  keep(place) {
    const seats = JSON.parse(sessionStorage.getItem(place) ?? '[]').filter((seat) => this.groups.has(seat));
    this.place = place;
    if (seats.length) this.take(new Set(seats));
  }

  setMode(on) {
    this.mode = on;
    this.take(this.picked);
  }
}
