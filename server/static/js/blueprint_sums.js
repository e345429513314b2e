/* Sums of the blueprint editor in exact millionths, and the one object that its fields make. */

const NUMBER = /^\d{1,9}(\.\d{0,6})?$/;

/* "2.5" -> 2500000; null for what is no number. */
export function millionths(text) {
  const tidy = text.trim();
  if (!NUMBER.test(tidy)) return null;
  const [whole, rest = ''] = tidy.split('.');
  return Number(whole) * 1_000_000 + Number(rest.padEnd(6, '0') || 0);
}

export function shown(amount) {
  return String(amount / 1_000_000);
}

/* The sum of texts; what is no number counts as nothing, the server names it. */
export function sum(texts) {
  return texts.reduce((total, text) => total + (millionths(text) ?? 0), 0);
}

/* How a sum stands against what it must be: {text: "99 / 100", right: false}. */
export function against(total, whole) {
  const wanted = typeof whole === 'string' ? millionths(whole) : whole;
  const text = `${shown(total)} / ${wanted === null ? '?' : shown(wanted)}`;
  return { text, right: wanted !== null && total === wanted };
}

/* Counts times points, as exact as their product is. */
export function worth(count, points) {
  const [n, each] = [millionths(count), millionths(points)];
  return n === null || each === null ? 0 : Math.round((n / 1_000_000) * each);
}

/* put({}, "kinds.single.count", "3") -> {kinds: {single: {count: "3"}}}; a number as a step makes a list. */
export function put(target, path, value) {
  const steps = path.split('.');
  const last = steps.pop();
  let at = target;
  steps.forEach((step, place) => {
    const next = place + 1 < steps.length ? steps[place + 1] : last;
    const list = step !== steps[0] && /^[01]$/.test(next);
    at[step] ??= list ? [] : {};
    at = at[step];
  });
  at[last] = value;
  return target;
}

/* Lines of a table as points: "A-001<tab>名称<tab>X"; null when the text is one line for one field. */
export function pasted(text) {
  const lines = text.split(/\r?\n/).map((line) => line.trim()).filter(Boolean);
  if (lines.length < 2 && !text.includes('\t')) return null;
  return lines.map((line) => {
    const cells = line.includes('\t') ? line.split('\t').map((cell) => cell.trim()) : splitLine(line);
    const importance = /^[XYZ]$/i.test(cells[2] ?? '') ? cells[2].toUpperCase() : '';
    return { code: cells[0] ?? '', name: cells[1] ?? '', importance };
  });
}

function splitLine(line) {
  const [, code, rest] = /^([A-Za-z0-9-]+)\s+(.*)$/.exec(line) ?? [null, '', line];
  const [, name, rank] = /^(.*?)\s+([XYZxyz])$/.exec(rest) ?? [null, rest, ''];
  return [code, name, rank];
}

/* The code that comes after the last of a list: "A" of [], "C" after "B", "A-B-003" after "A-B-002". */
export function nextCode(parent, last, isPoint) {
  const head = parent ? `${parent}-` : '';
  const tail = last.startsWith(head) ? last.slice(head.length) : '';
  if (isPoint) {
    const width = Math.max(3, tail.length);
    return head + String((/^\d+$/.test(tail) ? Number(tail) : 0) + 1).padStart(width, '0');
  }
  if (!tail) return last ? '' : `${head}A`;
  return /^[A-Y]$/.test(tail) ? head + String.fromCharCode(tail.charCodeAt(0) + 1) : '';
}
