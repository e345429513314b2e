import assert from 'node:assert/strict';
import test from 'node:test';

import { nudged, percent, waitFor } from '../../../server/static/js/room_camera.js';

test('shares stay inside the picture, with two decimals', () => {
  assert.equal(percent('12.345'), 12.35);
  assert.equal(percent(-3), 0);
  assert.equal(percent(100.01), 100);
  assert.ok(Number.isNaN(percent('')));
  assert.ok(Number.isNaN(percent('x')));
});

test('arrow keys move a point, with Shift further, other keys do not', () => {
  const point = { x: 50, y: 50 };
  assert.deepEqual(nudged(point, 'ArrowLeft', false), { x: 49.9, y: 50 });
  assert.deepEqual(nudged(point, 'ArrowDown', true), { x: 50, y: 51 });
  assert.deepEqual(nudged({ x: 100, y: 0 }, 'ArrowUp', true), { x: 100, y: 0 });
  assert.equal(nudged(point, 'Enter', false), null);
});

const answers = (list) => async () => {
  const next = list.shift();
  if (next === 'lost') throw new Error('network');
  return { status: next, blob: async () => 'picture' };
};
const hands = (list) => ({ get: answers(list), sleep: async () => {} });

test('the picture is waited for through a gap of the network', async () => {
  assert.deepEqual(await waitFor('/x', 5, hands([202, 'lost', 202, 200])), { state: 'shown', blob: 'picture' });
  assert.deepEqual(await waitFor('/x', 5, hands([404])), { state: 'nothing' });
  assert.deepEqual(await waitFor('/x', 1, hands([202, 202, 202])), { state: 'late' });
});
