/* The blueprint editor: fields and tree out of the form's one field and back into it, with live sums.
   The sums help while typing; what holds is what the server says after saving. */

import { against, millionths, put, shown, sum, worth } from './blueprint_sums.js';
import * as tree from './blueprint_tree.js';
import { _, loadWords } from './words.js';

const WHOLE = 100_000_000; // millionths of 100: per cent of the top weights, points of a paper
const form = document.getElementById('blueprint');
const content = form.elements.content;
const top = document.getElementById('scopes');
const occupation = document.getElementById('f-occupation');
const undo = document.getElementById('undo');
let dirty = false;

await loadWords(document.documentElement.lang === 'en' ? 'en' : 'zh');
const start = JSON.parse(content.value);
top.append(...start.scopes.map((scope, n) => tree.scopeRow(scope, `f-scopes-${n}`)));
showFaults();
sums();
openTarget();

function showFaults() {
  for (const fault of document.querySelectorAll('#faults > li')) {
    const place = found(fault.dataset.for);
    if (!place) continue;
    const words = document.createElement('p');
    words.className = 'error';
    words.id = `${fault.dataset.for}-e`;
    words.textContent = fault.textContent;
    const input = place.matches('input, select') ? place : place.querySelector('input');
    if (place.matches('input, select')) {
      input.setAttribute('aria-invalid', 'true');
      input.setAttribute('aria-describedby', words.id);
    }
    (place.closest('.scope-row, .point, td, .field, .section') ?? place).append(words);
  }
}

/* The element of an id; a point's row is made first. */
function found(id) {
  const inPoints = /^(f-scopes-[\w-]*?)-points-\d+/.exec(id);
  if (inPoints && !document.getElementById(id)) {
    const scope = document.getElementById(inPoints[1]);
    if (scope) {
      tree.open(scope);
      scope.querySelector(':scope > .points').open = true;
    }
  }
  return document.getElementById(id);
}

function openTarget() {
  const target = location.hash && found(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  target.scrollIntoView({ block: 'center' });
  (target.matches('input, select') ? target : target.querySelector('input'))?.focus();
}

function judge(output, total, whole) {
  const { text, right } = against(total, whole);
  if (output.textContent !== text) output.textContent = text; // a reader announces what changes
  output.classList.toggle('good', right);
  output.classList.toggle('act', !right);
  const said = document.getElementById(`${output.id}-e`);
  if (said) said.hidden = right;
}

function sums() {
  judge(document.querySelector('[data-sum="scopes"]'), sum([...top.children].map(tree.weight)), WHOLE);
  for (const scope of top.querySelectorAll('.scope')) {
    const output = scope.querySelector('[data-sum="children"]');
    const below = tree.children(scope);
    output.hidden = below.length === 0;
    if (below.length) judge(output, sum(below.map(tree.weight)), tree.weight(scope));
  }
  let [items, points] = [0, 0];
  for (const row of document.querySelectorAll('#kinds > tr')) {
    const [count, each] = [...row.querySelectorAll('input')].map((input) => input.value);
    const subtotal = worth(count, each);
    items += millionths(count) ?? 0;
    points += subtotal;
    row.querySelector('[data-subtotal]').textContent = subtotal ? shown(subtotal) : '';
  }
  judge(document.querySelector('[data-sum="counts"]'), items, document.getElementById('f-size').value);
  judge(document.querySelector('[data-sum="points"]'), points, WHOLE);
}

function changed() {
  dirty = true;
  document.getElementById('dirty').textContent = _('有未保存的改动');
  sums();
}

function removeRow(row) {
  const point = row.matches('.point');
  const scope = point ? row.closest('.scope') : null;
  const name = [...row.querySelectorAll('input')].slice(0, 2).map((input) => input.value).join(' ').trim();
  const back = tree.remove(row);
  const [words, button] = undo.children;
  const nameless = _('空行');
  words.textContent = _('已删除“%(name)s”', { name: name || nameless });
  button.hidden = false;
  button.onclick = () => {
    back();
    words.textContent = '';
    button.hidden = true;
    if (scope) tree.countPoints(scope);
    changed();
  };
  if (scope) tree.countPoints(scope);
}

function act(button) {
  const scope = button.closest('.scope');
  const row = button.closest('.point') ?? scope;
  switch (button.dataset.act) {
    case 'up': case 'down':
      tree.move(row, button.dataset.act === 'up');
      button.focus();
      break;
    case 'sibling': tree.addScope(scope.parentElement, scope); break;
    case 'child': tree.addScope(scope.querySelector(':scope > .scopes')); break;
    case 'point': tree.addPoint(scope); break;
    default: removeRow(row);
  }
  changed();
}

function collected() {
  const fields = { ...start, kinds: {}, scoring: {}, bands: {}, importance: {} };
  for (const input of form.querySelectorAll('[data-path]')) {
    put(fields, input.dataset.path, input.type === 'checkbox' ? input.checked : input.value.trim());
  }
  if (occupation.value && occupation.value !== occupation.dataset.known) {
    [fields.occupation, fields.level] = occupation.value.split('/');
  }
  fields.scopes = [...top.children].map(tree.scopeData);
  return fields;
}

form.addEventListener('input', changed);
form.addEventListener('click', (event) => {
  const button = event.target.closest('[data-act]');
  if (button) act(button);
});
document.getElementById('add-scope').addEventListener('click', () => {
  tree.addScope(top);
  changed();
});
form.addEventListener('keydown', (event) => {
  const row = event.target.closest('.point') ?? event.target.closest('.scope');
  const typing = event.target.matches('input, select');
  if (typing && event.key === 'Enter' && !event.isComposing) {
    event.preventDefault(); // a draft is saved by its button, not by accident
    if (!row) return;
    if (row.matches('.point')) tree.addPoint(row.closest('.scope'), row);
    else tree.addScope(row.parentElement, row);
    changed();
  }
  if (typing && row && event.altKey && ['ArrowUp', 'ArrowDown'].includes(event.key)) {
    event.preventDefault();
    tree.move(row, event.key === 'ArrowUp');
    event.target.focus();
    changed();
  }
});
form.addEventListener('paste', (event) => {
  const row = event.target.closest('.point');
  if (row && tree.pastePoints(row, event.clipboardData.getData('text/plain'))) {
    event.preventDefault();
    changed();
  }
});
form.addEventListener('submit', () => {
  content.value = JSON.stringify(collected());
  dirty = false;
});
addEventListener('beforeunload', (event) => {
  if (dirty) event.preventDefault();
});
addEventListener('hashchange', openTarget);
