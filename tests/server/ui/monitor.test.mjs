import assert from 'node:assert/strict';
import { test } from 'node:test';
import { titled } from '../../../server/static/js/alarm.js';
import { batched } from '../../../server/static/js/batch.js';
import { nextEntry } from '../../../server/static/js/queue.js';
import { between, clicked } from '../../../server/static/js/selection.js';
import { centred, inside, scaleOf, zoomed } from '../../../server/static/js/viewport.js';

const WHOLE = { x: 0, y: 0, width: 2000, height: 1000 };

test('240 changes before the next frame are drawn once, each seat once', () => {
  const frames = [];
  const drawn = [];
  const add = batched((keys) => drawn.push([...keys]), (work) => frames.push(work));
  for (let seat = 1; seat <= 240; seat += 1) add([seat]);
  add([1, 2, 3]);
  assert.equal(frames.length, 1);
  assert.deepEqual(drawn, []);
  frames.shift()();
  assert.equal(drawn.length, 1);
  assert.equal(drawn[0].length, 240);
  add([]);
  assert.equal(frames.length, 0);
  add([7]);
  frames.shift()();
  assert.deepEqual(drawn[1], [7]);
});

test('what changes while a frame is drawn waits for the next one', () => {
  const frames = [];
  const drawn = [];
  const add = batched((keys) => {
    drawn.push([...keys]);
    if (drawn.length === 1) add([9]);
  }, (work) => frames.push(work));
  add([1]);
  frames.shift()();
  assert.deepEqual(drawn, [[1]]);
  frames.shift()();
  assert.deepEqual(drawn, [[1], [9]]);
});

test('the next entry is the worst, then the one after; what somebody has taken on is passed over', () => {
  const list = [{ key: 'a' }, { key: 'b' }, { key: 'c', taken: true }];
  assert.equal(nextEntry(list, '').key, 'a');
  assert.equal(nextEntry(list, 'a').key, 'b');
  assert.equal(nextEntry(list, 'b').key, 'a');
  assert.equal(nextEntry(list, 'c').key, 'a');
  assert.equal(nextEntry([{ key: 'c', taken: true }], '').key, 'c');
  assert.equal(nextEntry([], 'a'), null);
});

test('seats are picked one by one, and from one to another', () => {
  const order = [10, 11, 12, 13, 14];
  assert.deepEqual(between(order, 13, 11), [11, 12, 13]);
  assert.deepEqual([...clicked(new Set(), order, null, 12)], [12]);
  assert.deepEqual([...clicked(new Set([12]), order, 12, 12)], []);
  assert.deepEqual([...clicked(new Set([11]), order, 11, 13, { range: true })], [11, 12, 13]);
  assert.deepEqual([...clicked(new Set(), order, null, 13, { range: true })], [13]);
});

test('the number before a title is replaced, not added to', () => {
  assert.equal(titled('第一考场', 3), '(3) 第一考场');
  assert.equal(titled('(3) 第一考场', 12), '(12) 第一考场');
  assert.equal(titled('(3) 第一考场', 0), '第一考场');
});

test('zooming keeps the point under the pointer, and never shows more than the room', () => {
  const near = zoomed(WHOLE, 2, { x: 500, y: 250 }, WHOLE);
  assert.deepEqual(near, { x: 250, y: 125, width: 1000, height: 500 });
  assert.equal((500 - near.x) / near.width, (500 - WHOLE.x) / WHOLE.width);
  assert.deepEqual(zoomed(near, 0.1, { x: 250, y: 125 }, WHOLE), WHOLE);
});

test('a seat comes into the middle, at the edge as near as it goes', () => {
  const part = { x: 0, y: 0, width: 400, height: 200 };
  assert.deepEqual(centred(part, { x: 1000, y: 500 }, WHOLE), { x: 800, y: 400, width: 400, height: 200 });
  assert.deepEqual(centred(part, { x: 1990, y: 5 }, WHOLE), { x: 1600, y: 0, width: 400, height: 200 });
  assert.deepEqual(inside({ x: -50, y: 5000, width: 4000, height: 100 }, WHOLE), { x: 0, y: 900, width: 2000, height: 100 });
});

test('the scale is that of the tighter side', () => {
  assert.equal(scaleOf(WHOLE, 1000, 1000), 0.5);
  assert.equal(scaleOf(WHOLE, 1000, 250), 0.25);
});
