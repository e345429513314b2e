/* The course of a seat: what the scrubber tells at a moment, and where it goes by one key. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { neighbour, stateAt } from '../../../server/static/js/replay.js';

const event = (track, kind, at, rest = {}) => ({ track, kind, at, until: at, item: '', ...rest });
const COURSE = [
  event('acts', 'admitted', 0),
  event('answers', 'answer', 10, { item: 'a' }),
  event('link', 'gap', 20, { until: 50 }),
  event('answers', 'answer', 30, { item: 'b' }),
  event('answers', 'answer', 40, { item: 'a' }),
  event('answers', 'clear', 60, { item: 'a' }),
];

test('answers, link and the current event are told up to the moment, itself included', () => {
  const told = (moment) => stateAt(COURSE, moment);
  assert.deepEqual(told(-1), { answered: 0, current: -1, linked: true });
  assert.deepEqual(told(10), { answered: 1, current: 1, linked: true });
  assert.deepEqual(told(20), { answered: 1, current: 2, linked: false });
  assert.deepEqual(told(49), { answered: 2, current: 4, linked: false });
  assert.deepEqual(told(50), { answered: 2, current: 4, linked: true });
  assert.deepEqual(told(60), { answered: 1, current: 5, linked: true });
});

test('page keys walk from event to event and stay at the ends', () => {
  let at = 0;
  const met = [];
  for (let step = 0; step < 6; step += 1) {
    at = neighbour(COURSE, at, true);
    met.push(at);
  }
  assert.deepEqual(met, [10, 20, 30, 40, 60, 60]);
  assert.equal(neighbour(COURSE, 35, false), 30);
  assert.equal(neighbour(COURSE, 0, false), 0);
});
