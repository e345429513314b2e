import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as model from '../../../server/static/js/room_model.js';

const seat = (number, row, column, x, y, more = {}) => ({ id: null, number, row, column, x, y, kind: 'normal', camera: '', ...more });
const plan = (...seats) => ({ name: 'r', kind: 'standard', seats, held: [], aisles: [], screens: [], video: [] });
const block = () => plan(seat('01', 1, 1, 1, 1.5), seat('02', 1, 2, 2.2, 1.5), seat('03', 2, 1, 1, 2.7), seat('04', 2, 2, 2.2, 2.7));
const numbers = (found) => found.seats.map((each) => each.number);

test('seats move in steps of five centimetres, and one that a sitting holds does not', () => {
  const held = { ...plan(seat('01', 1, 1, 1, 1, { id: 7 }), seat('02', 1, 2, 2, 1, { id: 8 })), held: [7] };
  const found = model.moved(held, new Set([0, 1]), 0.123, -0.06);
  assert.deepEqual(found.seats.map((each) => [each.x, each.y]), [[1, 1], [2.1, 0.95]]);
  assert.deepEqual(held.seats[1].x, 2);
});

test('a held seat takes another camera and nothing else', () => {
  const held = { ...plan(seat('01', 1, 1, 1, 1, { id: 7 })), held: [7] };
  const [found] = model.edited(held, new Set([0]), { number: '9', kind: 'broken', camera: 'C' }).seats;
  assert.deepEqual([found.number, found.kind, found.camera], ['01', 'normal', 'C']);
  assert.equal(model.without(held, new Set([0])).seats.length, 1);
});

test('a row and a column more stand as far as the others', () => {
  const row = model.withRow(block());
  assert.deepEqual(row.seats.slice(4).map((each) => [each.number, each.row, each.column, each.x, each.y]), [['05', 3, 1, 1, 3.9], ['06', 3, 2, 2.2, 3.9]]);
  const column = model.withColumn(block());
  assert.deepEqual(column.seats.slice(4).map((each) => [each.row, each.column, each.x]), [[1, 3, 3.4], [2, 3, 3.4]]);
});

test('new seats get the least free number', () => {
  assert.equal(model.freeNumber([seat('01'), seat('3'), seat('02')]), '04');
  assert.deepEqual(numbers(model.withSeat(plan(seat('02', 1, 1, 1, 1)))), ['02', '01']);
});

test('single seats stand behind the last row, one beside the other', () => {
  const known = { ...block(), seats: block().seats.map((each, at) => ({ ...each, id: at + 1 })) };
  const found = model.withSeat(model.withSeat(model.withSeat(known)));
  assert.deepEqual(found.seats.slice(4).map((each) => [each.row, each.column, each.x, each.y]), [[3, 1, 2.2, 3.9], [3, 2, 1, 3.9], [4, 1, 2.2, 5.1]]);
});

test('ways of numbering', () => {
  const mixed = model.edited(block(), new Set([3]), { kind: 'spare' });
  assert.deepEqual(numbers(model.renumbered(mixed, 'rows')), ['01', '02', '03', '备1']);
  assert.deepEqual(numbers(model.renumbered(block(), 'columns')), ['01', '03', '02', '04']);
  assert.deepEqual(numbers(model.renumbered(block(), 'snake')), ['01', '04', '02', '03']);
  assert.equal(model.renumbered({ ...plan(seat('01', 1, 1, 1, 1, { id: 7 })), held: [7] }, 'rows'), null);
});

test('rows and columns follow where seats stand', () => {
  const moved = model.moved(block(), new Set([1]), 0, 1.2);
  const found = model.regridded({ ...moved, seats: moved.seats.filter((each) => each.number !== '04') });
  assert.deepEqual(found.seats.map((each) => [each.row, each.column]), [[1, 1], [2, 2], [2, 1]]);
});

test('what was undone comes back until something else is done', () => {
  const history = new model.History(block());
  history.put(model.without(history.plan, new Set([0])));
  history.put(model.without(history.plan, new Set([0])));
  assert.equal(history.plan.seats.length, 2);
  assert.ok(history.undo() && history.undo() && !history.undo());
  assert.equal(history.plan.seats.length, 4);
  assert.ok(history.redo());
  assert.equal(history.plan.seats.length, 3);
  history.put(block());
  assert.ok(!history.redo());
});
