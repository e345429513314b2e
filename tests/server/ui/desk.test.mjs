import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hands, isScan, meant, pictureSize } from '../../../server/static/js/desk_keys.js';

const shown = (...selectors) => ({ querySelector: (one) => (selectors.includes(one) ? one : null) });

test('digits of any width belong to the scanner, letters and signs do not', () => {
  assert.deepEqual(['0', '9', '５', 'y', 'Enter', ' ', '-', 'F1'].map(isScan), [true, true, true, false, false, false, false, false]);
});

test('a letter stands for the button that is shown, whatever its case, and for no other', () => {
  assert.equal(hands('y', shown('[data-key="y"]')), '[data-key="y"]');
  assert.equal(hands('Y', shown('[data-key="y"]')), '[data-key="y"]');
  assert.equal(hands('y', shown('[data-key="n"]')), null);
  assert.equal(hands('d', shown('[data-doubt]')), '[data-doubt]');
  assert.equal(hands('Enter', shown('[data-key="enter"]')), null); // the focus decides what Enter presses
});

test('a picture keeps its shape and is 800 pixels at most; without a camera there is none', () => {
  assert.deepEqual(pictureSize(640, 480), [640, 480]);
  assert.deepEqual(pictureSize(1600, 1200), [800, 600]);
  assert.deepEqual(pictureSize(600, 1200), [400, 800]);
  assert.equal(pictureSize(0, 0), null);
});

test('in a field letters are written; Alt and D reaches the doubt from anywhere', () => {
  const press = (more) => ({ key: 'd', code: 'KeyD', ctrlKey: false, altKey: false, metaKey: false, ...more });
  assert.equal(meant(press({}), false), 'd');
  assert.equal(meant(press({}), true), '');
  assert.equal(meant(press({ altKey: true, key: '∂' }), true), 'd');
  assert.equal(meant(press({ altKey: true, code: 'KeyF', key: 'f' }), false), '');
  assert.equal(meant(press({ ctrlKey: true }), false), '');
  assert.equal(meant(press({ key: 'Enter', code: 'Enter' }), false), 'Enter');
});
