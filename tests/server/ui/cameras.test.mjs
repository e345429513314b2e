import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, askAll, groups } from '../../../server/static/js/look.js';
import { picture } from '../../../server/static/js/pictures.js';
import { _, loadWords } from '../../../server/static/js/words.js';
import { cameraText, patch } from '../../../server/static/js/seatmap.js';

const json = (body, status = 200) => ({ ok: status < 300, status, json: async () => body, blob: async () => 'picture' });

/** A server that answers looks: `answers[ref]` are the statuses of its polls in turn. */
function server(looks, answers, seconds = 2) {
  const calls = [];
  const get = async (address, { body } = {}) => {
    calls.push(body ? `ask ${body}` : address);
    if (body) return json({ looks, seconds });
    const [, ref] = address.split('/looks/');
    return json({}, answers[ref].shift() ?? 202);
  };
  return { calls, get };
}

function shown() {
  const found = new Map();
  return { found, show: (seat, told) => found.set(seat, [...(found.get(seat) ?? []), told.words ?? told.blob ?? told.state]) };
}

const sleep = async () => {};

test('a look waits, then shows the picture', async () => {
  const { get } = server([{ seat: 4, ref: 'r' }], { r: [202, 202, 200] });
  const { found, show } = shown();
  await ask(1, [4], show, { get, sleep });
  assert.deepEqual(found.get(4), ['waiting', 'picture']);
});

test('a camera that never answers, gives nothing, or may not be asked is told apart from waiting', async () => {
  const looks = [{ seat: 1, ref: 'never' }, { seat: 2, ref: 'gone' }, { seat: 3, problem: '不能看' }];
  const { calls, get } = server(looks, { never: [], gone: [202, 404, 200] });
  const { found, show } = shown();
  await ask(1, [1, 2, 3], show, { get, sleep });
  assert.deepEqual(found.get(1), ['waiting', '没有画面']);
  assert.deepEqual(found.get(2), ['waiting', '没有画面']);
  assert.deepEqual(found.get(3), ['waiting', '不能看']);
  assert.equal(calls.filter((call) => call.endsWith('/never')).length, 5); // two seconds, 0.4 each
  assert.equal(calls.filter((call) => call.endsWith('/gone')).length, 2);
});

test('a picture that is cut off on its way is fetched again', async () => {
  const { get } = server([{ seat: 1, ref: 'r' }], { r: [200, 200] });
  let cut = 1;
  const shaky = async (address, options) => {
    const answer = await get(address, options);
    return address.endsWith('/r') && cut-- > 0 ? { ...answer, blob: () => Promise.reject(new TypeError('cut')) } : answer;
  };
  const { found, show } = shown();
  await ask(1, [1], show, { get: shaky, sleep });
  assert.deepEqual(found.get(1), ['waiting', 'picture']);
});

test('words that cannot be had stop no page', async () => {
  const real = globalThis.fetch;
  for (const answer of [() => Promise.reject(new TypeError('network')), async () => json({}, 503), async () => ({ ok: true, json: () => Promise.reject(new SyntaxError('html')) })]) {
    globalThis.fetch = answer;
    await loadWords('en');
    assert.equal(_('没有画面'), '没有画面');
  }
  globalThis.fetch = real;
});

test('a network that fails for a moment is asked again; one that fails at first is told', async () => {
  let fails = 2;
  const { get } = server([{ seat: 1, ref: 'r' }], { r: [200] });
  const shaky = async (address, options) => {
    if (address.endsWith('/r') && fails-- > 0) throw new TypeError('network');
    return get(address, options);
  };
  const { found, show } = shown();
  await ask(1, [1], show, { get: shaky, sleep });
  assert.equal(found.get(1).at(-1), 'picture');
  await ask(1, [2], show, { get: async () => Promise.reject(new TypeError('network')), sleep });
  assert.match(found.get(2).at(-1), /再试/);
});

test('a whole room is asked in small groups, one after the other', async () => {
  assert.deepEqual(groups([1, 2, 3, 4, 5], 2), [[1, 2], [3, 4], [5]]);
  assert.deepEqual(groups([], 2), []);
  const asked = [];
  const get = async (_address, { body }) => {
    asked.push(body.getAll('seat'));
    return json({ looks: [], seconds: 1 });
  };
  await askAll(7, [1, 2, 3], 2, () => {}, { get, sleep });
  assert.deepEqual(asked, [['1', '2'], ['3']]);
});

test('a picture is fetched once however often it is shown; a failure is tried again', async () => {
  URL.createObjectURL = () => 'blob:1';
  let calls = 0;
  const get = async () => {
    calls += 1;
    return { ok: calls > 1, blob: async () => 'x' };
  };
  assert.equal(await picture('/frames/1', get), null);
  assert.equal(await picture('/frames/1', get), 'blob:1');
  await Promise.all([picture('/frames/1', get), picture('/frames/1', get)]);
  assert.equal(calls, 2);
});

/** The parts of a seat's group that `patch` touches. */
function group() {
  const node = (parts = {}) => ({
    attributes: {}, textContent: '', parts,
    getAttribute(name) { return this.attributes[name] ?? null; },
    setAttribute(name, value) { this.attributes[name] = value; },
    removeAttribute(name) { delete this.attributes[name]; },
    querySelector(selector) { return this.parts[selector] ?? null; },
  });
  const camera = node({ use: node(), title: node() });
  return node({
    '.seat-name': node(), '.seat-mark': node(), '.seat-note': node(), '.ring': node(), '.seat-camera': camera,
    '.seat-extra': node(), '.seat-extra text': node(), '.seat-sign': node(), '.far-sign': node(),
    '.seat-room': node(), '.seat-room title': node(),
  });
}

const card = (camera) => ({
  seat: 1, number: '1', name: '王芳', kind: 'normal', state: 'answering', answered: 3, total: 5, link: 'up', waiting: 0,
  alert: '', camera,
});

test('the sign of a camera follows its card, in shape, words and label', () => {
  const seat = group();
  const sign = seat.parts['.seat-camera'];
  for (const word of ['watching', 'lost', 'wrong']) {
    patch(seat, card(word), 0);
    assert.equal(sign.attributes['data-camera'], word);
    assert.equal(sign.parts.use.attributes.href, `#camera-${word}`);
    assert.equal(sign.parts.title.textContent, cameraText(card(word)));
    assert.ok(seat.attributes['aria-label'].endsWith(cameraText(card(word))));
  }
});

test('a standard room has no signs of cameras', () => {
  const seat = group();
  delete seat.parts['.seat-camera'];
  patch(seat, card(''), 0);
  assert.equal(seat.attributes['aria-label'], '1 王芳 作答 3/5');
});

test('what a camera does not do never reads like watching', () => {
  const words = ['none', 'opening', 'live', 'enrolling', 'no_identity', 'manual', 'lost', 'stalled', 'unavailable', 'wrong'];
  const said = words.map((word) => cameraText(card(word)));
  assert.equal(new Set([...said, cameraText(card('watching'))]).size, words.length + 1);
  assert.ok(said.every(Boolean));
});
