/* The tree of scopes: rows out of data and back, moved by buttons and keys. Points of a scope are made into
   rows when their fold is opened: 600 of them stay light. */

import { nextCode, pasted } from './blueprint_sums.js';
import { _ } from './words.js';

const kept = new WeakMap(); // scope row -> its points, until the fold has been opened

const own = (scope, what) => scope.querySelector(`:scope > ${what}`);
const list = (scope) => own(scope, '.scopes');
const field = (row, name) => row.querySelector(`[data-field="${name}"]`);
const pointRows = (scope) => [...own(scope, '.points').querySelectorAll('.point')];

function made(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

function fill(row, data, path, names) {
  for (const name of names) {
    const input = field(row, name);
    input.value = data[name] ?? '';
    if (path) input.id = `${path}-${name}`;
  }
  return row;
}

export function scopeRow(data, path = '') {
  const row = fill(made('scope-template'), data, path, ['code', 'name', 'weight']);
  if (path) own(row, '.scope-row').querySelector('[data-sum]').id = `${path}-children`;
  if (path) row.id = path;
  kept.set(row, { points: data.points ?? [], path });
  own(row, '.points').addEventListener('toggle', () => open(row));
  (data.children ?? []).forEach((child, n) => list(row).append(scopeRow(child, path && `${path}-children-${n}`)));
  countPoints(row);
  return row;
}

/* Makes the rows of a scope's points, once. */
export function open(scope) {
  const waiting = kept.get(scope);
  if (!waiting) return;
  kept.delete(scope);
  const rows = waiting.points.map((point, n) =>
    pointRow(point, waiting.path && `${waiting.path}-points-${n}`));
  own(scope, '.points').querySelector('.point-rows').append(...rows);
}

function pointRow(data, path = '') {
  const row = fill(made('point-template'), data, path, ['code', 'name', 'importance']);
  const rank = field(row, 'importance');
  if (data.importance && rank.value !== data.importance) {
    rank.append(new Option(data.importance, data.importance, true, true)); // unknown: stays to be seen
  }
  if (path) row.id = path;
  return row;
}

/* A scope as data. */
export function scopeData(scope) {
  const waiting = kept.get(scope);
  const points = waiting ? waiting.points : pointRows(scope).map((row) => data(row, ['code', 'name', 'importance']));
  return { ...data(own(scope, '.scope-row'), ['code', 'name', 'weight']), points, children: children(scope).map(scopeData) };
}

function data(row, names) {
  return Object.fromEntries(names.map((name) => [name, field(row, name).value.trim()]));
}

export function children(scope) {
  return [...list(scope).children];
}

export function weight(scope) {
  return field(scope, 'weight').value;
}

export function countPoints(scope) {
  const n = kept.get(scope)?.points.length ?? pointRows(scope).length;
  own(scope, '.points').classList.toggle('is-empty', n === 0);
  own(scope, '.points').querySelector('summary').textContent = _('%(n)s 个鉴定点', { n });
}

/* A new scope after `before` (or at the end of `among`), ready for typing. */
export function addScope(among, before = null) {
  const parent = among.closest('.scope');
  const last = (before ?? among.lastElementChild)?.querySelector('[data-field="code"]').value ?? '';
  const code = nextCode(parent ? field(parent, 'code').value : '', last, false);
  const row = scopeRow({ code });
  if (before) before.after(row); else among.append(row);
  (code ? field(row, 'name') : field(row, 'code')).focus();
}

export function addPoint(scope, after = null) {
  open(scope);
  const fold = own(scope, '.points');
  fold.open = true;
  const rows = pointRows(scope);
  const last = (after ?? rows.at(-1))?.querySelector('[data-field="code"]').value ?? '';
  const row = pointRow({ code: nextCode(field(scope, 'code').value, last, true) });
  if (after) after.after(row); else fold.querySelector('.point-rows').append(row);
  field(row, 'name').focus();
  countPoints(scope);
}

/* Puts lines of a table in the place of an empty row, or after a filled one. */
export function pastePoints(row, text) {
  const points = pasted(text);
  if (!points) return false;
  const scope = row.closest('.scope');
  const rows = points.map((point) => pointRow(point));
  row.after(...rows);
  if (!field(row, 'name').value.trim()) row.remove();
  field(rows.at(-1), 'name').focus();
  countPoints(scope);
  return true;
}

export function move(row, up) {
  const other = up ? row.previousElementSibling : row.nextElementSibling;
  if (!other) return;
  if (up) other.before(row); else other.after(row);
}

/* Takes a row out; the way to bring it back. */
export function remove(row) {
  const [among, next] = [row.parentElement, row.nextElementSibling];
  const neighbour = next ?? row.previousElementSibling;
  row.remove();
  neighbour?.querySelector('input').focus();
  return () => {
    if (next?.parentElement === among) next.before(row); else among.append(row);
    row.querySelector('input').focus();
  };
}
