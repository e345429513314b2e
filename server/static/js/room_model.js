/* The plan of a room as the editor changes it: every act takes a plan and gives another one, so that undo is
   only to remember them. Metres, three decimals; `picked` is a Set of places in `plan.seats`. */

export const STEP = 0.05;
const TIDY = 1000;

export function metres(value) {
  return Math.round(value * TIDY) / TIDY;
}

export function snapped(value) {
  return metres(Math.round(value / STEP) * STEP);
}

/* Whether a sitting relies on the seat: it keeps place, number and kind. */
export function held(plan, seat) {
  return seat.id !== null && plan.held.includes(seat.id);
}

function changed(plan, picked, change) {
  return { ...plan, seats: plan.seats.map((seat, at) => (picked.has(at) ? { ...seat, ...change(seat, at) } : seat)) };
}

export function moved(plan, picked, dx, dy) {
  return changed(plan, picked, (seat) => (held(plan, seat) ? {} : { x: snapped(seat.x + dx), y: snapped(seat.y + dy) }));
}

export function edited(plan, picked, fields) {
  return changed(plan, picked, (seat) => {
    const free = { ...fields };
    if (held(plan, seat)) for (const name of ['number', 'kind', 'x', 'y', 'row', 'column']) delete free[name];
    return free;
  });
}

export function without(plan, picked) {
  return { ...plan, seats: plan.seats.filter((seat, at) => !picked.has(at) || held(plan, seat)) };
}

/* The least number that no seat has, filled up to two digits. */
export function freeNumber(seats) {
  const taken = new Set(seats.map((seat) => seat.number));
  for (let n = 1; ; n += 1) {
    const text = String(n).padStart(2, '0');
    if (!taken.has(text) && !taken.has(String(n))) return text;
  }
}

function withSeats(plan, places) {
  const seats = [...plan.seats];
  for (const place of places) {
    seats.push({ id: null, number: freeNumber(seats), kind: 'normal', camera: '', ...place });
  }
  return { ...plan, seats };
}

/* One seat more: behind the last row on the right, and the next ones beside it, going to the left. */
export function withSeat(plan) {
  if (!plan.seats.length) return withSeats(plan, [{ row: 1, column: 1, x: 1, y: 1.5 }]);
  const [across, behind] = [usual(plan.seats.map((seat) => seat.x)), usual(plan.seats.map((seat) => seat.y))];
  const row = Math.max(...plan.seats.map((seat) => seat.row));
  const last = plan.seats.at(-1);
  const left = metres(last.x - across);
  const beside = last.id === null && last.row === row && left >= Math.min(...plan.seats.map((seat) => seat.x));
  if (beside) return withSeats(plan, [{ row, column: last.column + 1, x: left, y: last.y }]);
  const [x, y] = [Math.max(...plan.seats.map((seat) => seat.x)), Math.max(...plan.seats.map((seat) => seat.y))];
  return withSeats(plan, [{ row: row + 1, column: 1, x, y: metres(y + behind) }]);
}

function usual(values) {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  const steps = sorted.slice(1).map((value, at) => value - sorted[at]).filter((step) => step >= 0.3);
  steps.sort((a, b) => a - b);
  return steps.length ? steps[Math.floor(steps.length / 2)] : 1.2;
}

/* A row behind the last one, or a column to the right of the last one, as wide apart as the others are. */
export function withRow(plan) {
  if (!plan.seats.length) return withSeat(plan);
  const last = Math.max(...plan.seats.map((seat) => seat.row));
  const front = plan.seats.filter((seat) => seat.row === last);
  const behind = usual(plan.seats.map((seat) => seat.y));
  return withSeats(plan, front.map((seat) => ({ row: last + 1, column: seat.column, x: seat.x, y: metres(seat.y + behind) })));
}

export function withColumn(plan) {
  if (!plan.seats.length) return withSeat(plan);
  const last = Math.max(...plan.seats.map((seat) => seat.column));
  const edge = plan.seats.filter((seat) => seat.column === last);
  const across = usual(plan.seats.map((seat) => seat.x));
  return withSeats(plan, edge.map((seat) => ({ row: seat.row, column: last + 1, x: metres(seat.x + across), y: seat.y })));
}

/* Rows and columns as the seats stand: less than half the usual distance apart is the same one. */
export function regridded(plan) {
  const lines = (axis) => {
    const values = [...new Set(plan.seats.map((seat) => seat[axis]))].sort((a, b) => a - b);
    const half = usual(values) / 2;
    const found = [];
    for (const value of values) if (!found.length || value - found.at(-1)[0] >= half) found.push([value]); else found.at(-1).push(value);
    return (value) => found.findIndex((line) => line.includes(value)) + 1;
  };
  const row = lines('y');
  const column = lines('x');
  return { ...plan, seats: plan.seats.map((seat) => (held(plan, seat) ? seat : { ...seat, row: row(seat.y), column: column(seat.x) })) };
}

const WAYS = {
  rows: (a, b) => a.row - b.row || a.column - b.column,
  columns: (a, b) => a.column - b.column || a.row - b.row,
  snake: (a, b) => a.column - b.column || (a.column % 2 ? a.row - b.row : b.row - a.row),
};

/* Numbers in the order of a way through the room; spare seats are counted for themselves. Null when a sitting
   holds a seat: numbers stand on tickets. */
export function renumbered(plan, way) {
  if (plan.seats.some((seat) => held(plan, seat))) return null;
  const tidy = regridded(plan);
  const order = tidy.seats.map((seat, at) => ({ ...seat, at })).sort(WAYS[way]);
  const numbers = new Map();
  let normal = 0;
  let spare = 0;
  for (const seat of order) {
    if (seat.kind === 'spare') numbers.set(seat.at, `备${(spare += 1)}`);
    else numbers.set(seat.at, String((normal += 1)).padStart(2, '0'));
  }
  return { ...tidy, seats: tidy.seats.map((seat, at) => ({ ...seat, number: numbers.get(at) })) };
}

export class History {
  constructor(plan) {
    this.past = [];
    this.plan = plan;
    this.future = [];
  }

  put(plan) {
    if (plan === this.plan) return;
    this.past.push(this.plan);
    this.plan = plan;
    this.future = [];
  }

  undo() {
    if (!this.past.length) return false;
    this.future.push(this.plan);
    this.plan = this.past.pop();
    return true;
  }

  redo() {
    if (!this.future.length) return false;
    this.past.push(this.plan);
    this.plan = this.future.pop();
    return true;
  }
}
