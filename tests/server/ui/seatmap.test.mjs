import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandText, countdown, farShade, farSign, filtered, found, lasted, merged, neighbour, noteOf, share, slow, squeezed, stateText } from '../../../server/static/js/seatmap.js';

const card = (more = {}) => ({
  seat: 1, number: '1', name: '王芳', kind: 'normal', state: 'answering', answered: 3, total: 5,
  link: 'up', link_since: null, waiting: 0, alert: '', ...more,
});

test('a part of a card waits for the whole one, which it then changes', () => {
  const part = { seat: 1, number: '1', alert: 'act' };
  assert.equal(merged(undefined, part), null);
  assert.deepEqual(merged(undefined, card()), card());
  assert.deepEqual(merged(card(), part), card({ alert: 'act' }));
  assert.equal(merged(card({ alert: 'act' }), { seat: 1, alert: '' }).alert, '');
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
  assert.equal(noteOf(card({ frozen: true, kiosk: 'open', waiting: 2 }), now), '试卷已遮住');
  assert.equal(noteOf(card({ kiosk: 'open', waiting: 2 }), now), '锁定不完整');
  assert.equal(noteOf(card({ kiosk: 'open', state: 'submitted' }), now), '已交卷');
  assert.equal(noteOf(card({ frozen: true, hand_since: '2026-11-21T09:00:05Z' }), now), '试卷已遮住');
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
  assert.equal(stateText(card({ state: 'ended', with_room: true })), '已收卷');
  assert.equal(farSign(card({ state: 'ended', with_room: true })), 'auto_submitted');
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

test('search by part of a name or by the whole number', () => {
  const cards = [card(), card({ seat: 2, number: '11', name: '阿卜杜·外力' })];
  assert.deepEqual(found(cards, '外力').map((one) => one.seat), [2]);
  assert.deepEqual(found(cards, '1').map((one) => one.seat), [1]);
  assert.deepEqual(found(cards, '  '), []);
});

test('a whole ticket or its last four characters find a seat, fewer do not', () => {
  const cards = [card({ ticket: '3502260017' }), card({ seat: 2, number: '2', name: '李雷', ticket: '3502260018' })];
  assert.deepEqual(found(cards, '0018').map((one) => one.seat), [2]);
  assert.deepEqual(found(cards, '3502260017').map((one) => one.seat), [1]);
  assert.deepEqual(found(cards, '018'), []);
});

test('from the last word on a seat counts as lost, not from when it was noticed', () => {
  const now = Date.parse('2026-11-21T09:01:05Z');
  const lost = { link: 'lost', link_since: '2026-11-21T09:01:00Z', heard_at: '2026-11-21T09:00:50Z' };
  assert.equal(noteOf(card(lost), now), '断网 15 秒');
});

test('a command that is under way is told until it is done, a pause after it', () => {
  const sent = { command: 'pause', command_state: 'sent', paused: true };
  assert.equal(noteOf(card(sent), 0), '暂停 已发送');
  assert.equal(noteOf(card({ ...sent, command_state: 'received' }), 0), '暂停 已收到');
  const done = card({ ...sent, command_state: 'done', command_at: '2026-11-21T09:00:00Z' });
  assert.equal(noteOf(done, Date.parse('2026-11-21T09:00:09Z')), '暂停 已执行');
  assert.equal(noteOf(done, Date.parse('2026-11-21T09:00:11Z')), '暂停中');
  assert.equal(commandText(card(), 0), '');
  const started = card({ command: 'start', command_state: 'sent', command_at: '2026-11-21T09:00:00Z' });
  assert.equal(noteOf(started, Date.parse('2026-11-21T09:00:09Z')), '开考 已发送');
  assert.equal(noteOf(started, Date.parse('2026-11-21T09:00:11Z')), '作答 3/5');
});

test('a cover says who covered, the desk says who may not sit down', () => {
  assert.equal(noteOf(card({ frozen: true, cover: 'LOCKED' }), 0), '已锁定');
  assert.equal(noteOf(card({ frozen: true, cover: 'IDENTITY' }), 0), '等待核对身份');
  assert.equal(noteOf(card({ frozen: true, cover: 'SECOND_SCREEN' }), 0), '试卷已遮住');
  assert.equal(noteOf(card({ state: 'assigned', desk: 'passed' }), 0), '已签到');
  assert.equal(noteOf(card({ state: 'identified', desk: 'doubt' }), 0), '身份存疑');
  assert.equal(noteOf(card({ desk: 'passed' }), 0), '作答 3/5');
});

test('from afar what is wrong comes before the state, and a seat that is done is calm', () => {
  const signs = [
    [{}, 'answering', ''], [{ alert: 'look' }, 'look', 'look'], [{ link: 'lost' }, 'lost', 'act'],
    [{ alert: 'act', link: 'lost', frozen: true }, 'act', 'act'], [{ frozen: true, hand_since: 'x' }, 'frozen', 'look'],
    [{ hand_since: 'x', alert: 'look' }, 'hand', 'look'], [{ kiosk: 'open' }, 'open', 'look'],
    [{ state: 'submitted', link: 'lost', kiosk: 'open' }, 'submitted', ''], [{ paused: true }, 'paused', 'look'],
    [{ state: 'empty', kind: 'spare' }, 'spare', ''], [{ state: 'submitted', paused: true }, 'submitted', ''],
  ];
  for (const [more, sign, shade] of signs) {
    assert.deepEqual([farSign(card(more)), farShade(card(more))], [sign, shade], JSON.stringify(more));
  }
});

test('slow is less than half of what the middle seat has answered', () => {
  const writing = (seat, answered) => card({ seat, answered, total: 100 });
  const cards = [writing(1, 60), writing(2, 30), writing(3, 29), writing(4, 61), writing(5, 90),
    card({ seat: 6, state: 'submitted', answered: 1, total: 100 })];
  assert.deepEqual([...slow(cards)], [3]);
  assert.deepEqual([...slow([])], []);
});

test('every filter shows its seats and no other', () => {
  const cards = [
    card({ seat: 1 }), card({ seat: 2, alert: 'look' }), card({ seat: 3, link: 'lost' }), card({ seat: 4, state: 'assigned' }),
    card({ seat: 5, hand_since: 'x' }), card({ seat: 6, paused: true }), card({ seat: 7, state: 'submitted', link: 'lost' }),
    card({ seat: 8, frozen: true }), card({ seat: 9, state: 'absent' }),
  ];
  const shown = Object.fromEntries(Object.entries(filtered(cards)).map(([key, seats]) => [key, [...seats]]));
  assert.deepEqual(shown, {
    all: [1, 2, 3, 4, 5, 6, 7, 8, 9], alerts: [2, 8], lost: [3], away: [4, 9], hands: [5], paused: [6], slow: [],
  });
});

test('words wider than a seat are squeezed into it, others are left as they are', () => {
  assert.equal(squeezed('作答 21/100'), null);
  assert.equal(squeezed('Answered 21/100'), 84);
  assert.equal(squeezed('断网 35 秒'), null);
  assert.equal(squeezed('等待自检结果和𠮷田'), 84);
});
