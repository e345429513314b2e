import assert from 'node:assert/strict';
import { test } from 'node:test';
import { against, millionths, nextCode, pasted, put, shown, sum, worth } from '../../../server/static/js/blueprint_sums.js';

test('decimals are exact and only plain numbers count', () => {
  assert.deepEqual(['2.5', ' 100 ', '0.000001', '7.'].map(millionths), [2_500_000, 100_000_000, 1, 7_000_000]);
  assert.deepEqual(['', '-1', '1e3', '1,5', '0.0000001', 'x'].map(millionths), Array(6).fill(null));
  assert.equal(shown(sum(['0.1', '0.2', '', 'x'])), '0.3');
  assert.equal(sum(Array(3).fill('33.333333')), 99_999_999);
});

test('a sum is right only when it is exactly what it must be', () => {
  assert.deepEqual(against(99_000_000, 100_000_000), { text: '99 / 100', right: false });
  assert.deepEqual(against(10_000_000, '10'), { text: '10 / 10', right: true });
  assert.deepEqual(against(0, ''), { text: '0 / ?', right: false });
});

test('counts times points', () => {
  assert.equal(shown(worth('60', '0.5')), '30');
  assert.equal(worth('', '1'), 0);
  assert.equal(worth('3', 'x'), 0);
});

test('paths make one object; ends of a range make a list', () => {
  const made = {};
  for (const [path, value] of [['title', 't'], ['kinds.single.count', '3'], ['bands.1.0', '2'], ['bands.1.1', '8'],
    ['importance.X.1', '4'], ['expected_score.target', '70']]) put(made, path, value);
  assert.deepEqual(made, {
    title: 't', kinds: { single: { count: '3' } }, bands: { 1: ['2', '8'] }, importance: { X: [, '4'] },
    expected_score: { target: '70' },
  });
  assert.ok(Array.isArray(made.bands[1]) && !Array.isArray(made.bands));
});

test('lines of a table become points, one word stays a word', () => {
  assert.equal(pasted('方针'), null);
  assert.deepEqual(pasted('A-001\t方针 与 责任\tx\r\nA-002\t机构\t\n'), [
    { code: 'A-001', name: '方针 与 责任', importance: 'X' }, { code: 'A-002', name: '机构', importance: '' },
  ]);
  assert.deepEqual(pasted('A-001 方针 Y\nA-002  机构 设置\n没有代码'), [
    { code: 'A-001', name: '方针', importance: 'Y' }, { code: 'A-002', name: '机构 设置', importance: '' },
    { code: '', name: '没有代码', importance: '' },
  ]);
});

test('the next code follows the last one of its list', () => {
  assert.deepEqual([['', ''], ['', 'A'], ['A', ''], ['A', 'A-B'], ['A', 'A-Z'], ['', '01']].map((at) => nextCode(...at, false)),
    ['A', 'B', 'A-A', 'A-C', '', '']);
  assert.deepEqual([['A-B', ''], ['A-B', 'A-B-009'], ['A', 'A-1'], ['A', 'A-0999']].map((at) => nextCode(...at, true)),
    ['A-B-001', 'A-B-010', 'A-002', 'A-1000']);
});
