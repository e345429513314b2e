/* What a sheet comes to: the same fold and the same sum as the server's (itembank/sheet_marks.py), with whole
   numbers only. Points, weights and steps are texts with one decimal at most; a total has two. */

/** Tenths of a number given as text: "12.5" is 125n. */
export function tenths(text) {
  const [whole, part = ''] = String(text).split('.');
  return BigInt(whole) * 10n + BigInt((part + '0').slice(0, 1));
}

function plainOf(units, decimals) {
  const text = String(units).padStart(decimals + 1, '0');
  const whole = text.slice(0, -decimals);
  const part = text.slice(-decimals).replace(/0+$/, '');
  return part ? `${whole}.${part}` : whole;
}

/** Tenths as text without trailing zeros. */
export const plain = (units) => plainOf(units, 1);

/** What the marks are after these actions; the last word on a thing counts, nothing after a lock does. */
export function fold(actions) {
  const marks = { counts: {}, points: {}, vetoes: new Set(), notes: {}, photos: {}, total: null };
  for (const action of actions) {
    if (action.act === 'lock') {
      marks.total = action.total;
      break;
    }
    FOLDS[action.act]?.(marks, action);
  }
  return marks;
}

const FOLDS = {
  deduct(marks, { item, code, count }) {
    marks.counts[`${item}\n${code}`] = count;
  },
  points(marks, { item, points }) {
    marks.points[item] = points;
  },
  veto(marks, { code, on }) {
    if (on) marks.vetoes.add(code);
    else marks.vetoes.delete(code);
  },
  note(marks, { item, text }) {
    if (text) marks.notes[item] = text;
    else delete marks.notes[item];
  },
  photo(marks, { item, sha256 }) {
    const before = marks.photos[item] || [];
    if (!before.includes(sha256)) marks.photos[item] = [...before, sha256];
  },
};

/** How often a deduction was ticked; undefined when nothing was said of it. */
export const countOf = (marks, item, code) => marks.counts[`${item.number}\n${code}`];

/** Whether anything was said of an item's points. */
export function said(item, marks) {
  if (!item.deductions.length) return item.number in marks.points;
  return item.deductions.some((each) => countOf(marks, item, each.code) !== undefined);
}

const least = (one, other) => (one < other ? one : other);
const notBelowZero = (units) => (units < 0n ? 0n : units);

function itemUnits(item, marks) {
  const whole = tenths(item.points);
  if (!item.deductions.length) return least(tenths(marks.points[item.number] ?? '0'), whole);
  const lost = item.deductions.map((each) => {
    const count = BigInt(countOf(marks, item, each.code) ?? 0);
    const all = tenths(each.points) * (each.per_instance ? count : least(count, 1n));
    return each.most === null ? all : least(tenths(each.most), all);
  });
  return notBelowZero(whole - lost.reduce((sum, each) => sum + each, 0n));
}

function overtimeUnits(task, seconds) {
  const reached = task.overtime.filter((step) => seconds >= step.from_seconds).map((step) => tenths(step.points));
  return reached.reduce((most, each) => (each > most ? each : most), 0n);
}

/** The sum of fractions `[numerator, denominator]`, rounded half up to hundredths. */
function hundredths(parts) {
  const [over, under] = parts.reduce(([n, d], [more, by]) => [n * by + more * d, d * by], [0n, 1n]);
  return (200n * over + under) / (2n * under);
}

/** `{items, tasks, total, vetoes, missing}` with numbers as texts, as the server's `score` says them. */
export function score(template, marks, overtimeSeconds = 0) {
  const items = {};
  const tasks = {};
  const missing = [];
  const parts = [];
  for (const task of template.tasks) {
    let sum = 0n;
    for (const item of task.items) {
      const units = itemUnits(item, marks);
      items[item.number] = plain(units);
      sum += units;
      if (item.required && !said(item, marks)) missing.push(item.number);
    }
    const units = notBelowZero(sum - overtimeUnits(task, overtimeSeconds));
    tasks[task.number] = plain(units);
    parts.push([units * tenths(task.weight), 10n * tenths(task.full)]);
  }
  const vetoes = template.tasks.flatMap((task) => task.vetoes).map((veto) => veto.code).filter((code) => marks.vetoes.has(code));
  return { items, tasks, total: plainOf(hundredths(parts), 2), vetoes, missing };
}
