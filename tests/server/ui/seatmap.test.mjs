import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countdown, found, lasted, neighbour, noteOf, share, stateText, waiting } from '../../../server/static/js/seatmap.js';

const card = (more = {}) => ({
  seat: 1, number: '1', name: '王芳', kind: 'normal', state: 'answering', answered: 3, total: 5,
  link: 'up', link_since: null, waiting: 0, alert: '', ...more,
});

test('a lost link comes before waiting records, those before the state', () => {
  const now = Date.parse('2026-11-21T09:01:05Z');
  const lost = { link: 'lost', link_since: '2026-11-21T09:00:00Z', waiting: 2 };
  assert.equal(noteOf(card(lost), now), '断网 01:05 ≥2');
  assert.equal(noteOf(card({ ...lost, waiting: 0 }), now), '断网 1 分 05 秒');
  assert.equal(noteOf(card({ waiting: 2 }), now), '待传 2 条');
  assert.equal(noteOf(card(), now), '作答 3/5');
});

test('a raised hand says for how long, and gives way to a lost link alone', () => {
  const now = Date.parse('2026-11-21T09:01:05Z');
  const raised = { hand_since: '2026-11-21T09:00:05Z', waiting: 2 };
  assert.equal(noteOf(card(raised), now), '举手 1 分 00 秒');
  assert.match(noteOf(card({ ...raised, link: 'lost', link_since: '2026-11-21T09:00:00Z' }), now), /断网/);
});

test('a covered paper is said before a raised hand, an open kiosk after', () => {
  const now = Date.parse('2026-11-21T09:01:05Z');
  assert.equal(noteOf(card({ frozen: true, kiosk: 'open', waiting: 2 }), now), '暂停显示');
  assert.equal(noteOf(card({ kiosk: 'open', waiting: 2 }), now), '锁定不完整');
  assert.equal(noteOf(card({ kiosk: 'open', state: 'submitted' }), now), '已交卷');
  assert.equal(noteOf(card({ frozen: true, hand_since: '2026-11-21T09:00:05Z' }), now), '暂停显示');
  assert.match(noteOf(card({ kiosk: 'open', hand_since: '2026-11-21T09:00:05Z' }), now), /举手/);
});

test('a seat that has not passed its self-check says so until the room starts', () => {
  const now = Date.now();
  assert.equal(noteOf(card({ state: 'assigned', check: 'bad' }), now), '自检不通过');
  assert.equal(noteOf(card({ state: 'assigned', check: 'look' }), now), '未到');
  assert.equal(noteOf(card({ state: 'assigned', check: '' }), now), '未到');
  assert.equal(noteOf(card({ state: 'ready', check: 'waiting' }), now), '等待自检结果');
  assert.equal(noteOf(card({ state: 'assigned', check: 'unpaired' }), now), '未配对');
  for (const check of ['waiting', 'unpaired']) {
    assert.equal(noteOf(card({ state: 'empty', check }), now), '空座');
    assert.equal(noteOf(card({ state: 'absent', check }), now), '缺考');
  }
  assert.match(noteOf(card({ state: 'ready', check: 'bad', link: 'lost', link_since: '2026-11-21T09:00:00Z' }), now), /断网/);
});

test('a seat that is done may be switched off without alarm', () => {
  const lost = { link: 'lost', link_since: '2026-11-21T09:00:00Z' };
  for (const state of ['submitted', 'auto_submitted', 'ended', 'absent', 'empty']) {
    assert.doesNotMatch(noteOf(card({ ...lost, state }), Date.now()), /断网/);
  }
});

test('every state has a word of its own', () => {
  const states = ['assigned', 'identified', 'admitted', 'confirmed', 'ready', 'answering', 'submitted',
    'auto_submitted', 'ended', 'absent', 'empty'];
  const words = states.map((state) => stateText(card({ state })));
  assert.equal(new Set(words).size, states.length);
  assert.equal(stateText(card({ state: 'empty', kind: 'spare' })), '备用');
});

test('durations and countdowns at their edges', () => {
  assert.deepEqual([0, 59, 60, 3599].map(lasted), ['0 秒', '59 秒', '1 分 00 秒', '59 分 59 秒']);
  assert.deepEqual([-5, 0, 0.2, 60, 3600].map(countdown), ['00:00', '00:00', '00:01', '01:00', '1:00:00']);
});

test('progress of an empty paper is nothing, not a fault', () => {
  assert.equal(share(card({ answered: 0, total: 0 })), 0);
  assert.equal(share(card({ answered: 2, total: 3 })), 67);
});

test('arrow keys go to the nearest seat in their direction', () => {
  const seats = [
    { seat: 1, x: 0, y: 0 }, { seat: 2, x: 100, y: 0 }, { seat: 3, x: 300, y: 0 },
    { seat: 4, x: 0, y: 80 }, { seat: 5, x: 100, y: 80 },
  ];
  const from = (seat) => seats.find((one) => one.seat === seat);
  assert.equal(neighbour(seats, from(1), 'ArrowRight').seat, 2);
  assert.equal(neighbour(seats, from(2), 'ArrowRight').seat, 3);
  assert.equal(neighbour(seats, from(2), 'ArrowDown').seat, 5);
  assert.equal(neighbour(seats, from(4), 'ArrowUp').seat, 1);
  assert.equal(neighbour(seats, from(1), 'ArrowLeft'), null);
  assert.equal(neighbour(seats, from(1), 'Tab'), null);
});

test('what waits for a person: alerts first, then admissions', () => {
  const cards = [
    card({ seat: 1 }), card({ seat: 2, state: 'identified' }), card({ seat: 3, alert: 'look' }),
    card({ seat: 4, alert: 'act' }), card({ seat: 5, state: 'identified' }),
  ];
  assert.deepEqual(waiting(cards).map((one) => one.seat), [4, 3, 2, 5]);
});

test('search by part of a name or by the whole number', () => {
  const cards = [card(), card({ seat: 2, number: '11', name: '阿卜杜·外力' })];
  assert.deepEqual(found(cards, '外力').map((one) => one.seat), [2]);
  assert.deepEqual(found(cards, '1').map((one) => one.seat), [1]);
  assert.deepEqual(found(cards, '  '), []);
});
