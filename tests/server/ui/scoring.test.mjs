import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ApiFault, api } from '../../../server/static/js/scoring/api.js';
import { bodyOf, digest, lockText, nextRecord, sha256, signLock, sound } from '../../../server/static/js/scoring/chain.js';
import { fitted } from '../../../server/static/js/scoring/photo.js';
import { fold, plain, said, score, tenths } from '../../../server/static/js/scoring/sums.js';
import * as view from '../../../server/static/js/scoring/view.js';

const { vectors, templates } = JSON.parse(readFileSync(new URL('../../data/sheet_scores.json', import.meta.url)));
const ZERO = '0'.repeat(64);

test('every sheet of the shared vectors comes to what the server says', () => {
  assert.ok(vectors.length >= 25);
  for (const one of vectors) {
    const template = typeof one.template === 'string' ? templates[one.template] : one.template;
    const found = score(template, fold(one.actions), one.overtime_seconds ?? 0);
    assert.deepEqual(found, one.score, one.name);
  }
});

test('tenths are exact, there and back', () => {
  assert.deepEqual(['0', '0.5', '12.5', '100', '7.0'].map(tenths), [0n, 5n, 125n, 1000n, 70n]);
  assert.deepEqual([0n, 5n, 125n, 1000n].map(plain), ['0', '0.5', '12.5', '100']);
});

test('a hash is over place, body and link, the same as the server makes', async () => {
  const record = { sheet: 'abc', journal: 2, seq: 3, body: '{"action":{"text":"站位不对 \\"a\\" \\n"}}', prev: ZERO };
  const text = `["abc",2,3,${JSON.stringify(record.body)},"${ZERO}"]`;
  assert.equal(await digest(record), await sha256(text));
  for (const [name, value] of [['sheet', 'abd'], ['journal', 3], ['seq', 4], ['body', '{}'], ['prev', 'f'.repeat(64)]]) {
    assert.notEqual(await digest({ ...record, [name]: value }), await digest(record), name);
  }
});

test('records follow each other, no two bodies of one action are alike', async () => {
  const action = { act: 'deduct', item: '1.1', code: 'a', count: 1 };
  const first = await nextRecord('abc', 1, { seq: 0, head: ZERO }, bodyOf(action));
  const second = await nextRecord('abc', 1, { seq: 1, head: first.hash }, bodyOf(action));
  assert.deepEqual([first.seq, first.prev, second.seq, second.prev], [1, ZERO, 2, first.hash]);
  assert.notEqual(first.body, second.body);
  assert.deepEqual(JSON.parse(first.body).action, action);
});

test('a lock is signed over its place and hash', async () => {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
  const record = await nextRecord('abc', 1, { seq: 0, head: ZERO }, bodyOf({ act: 'lock', total: '85' }));
  const raw = Uint8Array.from(atob(await signLock(pair.privateKey, record)), (c) => c.charCodeAt(0));
  const over = (text) => crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, pair.publicKey, raw, new TextEncoder().encode(text));
  assert.equal(await over(lockText(record)), true);
  assert.equal(await over(lockText({ ...record, seq: 2 })), false);
});

test('text that no store keeps is cleaned', () => {
  assert.equal(sound('a\ud800b\u0000c\udc00'), 'abc');
  assert.equal(sound('𠮷田 ok'), '𠮷田 ok');
});

test('a photo keeps its shape and has 1600 pixels at most', () => {
  assert.deepEqual(fitted(4000, 3000), [1600, 1200]);
  assert.deepEqual(fitted(640, 480), [640, 480]);
  assert.deepEqual(fitted(9000, 1), [1600, 1]);
});

const template = {
  minutes: '30',
  tasks: [{ number: '1', weight: '100', full: '100', overtime: [], vetoes: [], items: [{ number: '1.1', points: '100', required: true, deductions: [] }] }],
};
const give = (points) => ({ act: 'points', item: '1.1', points });
const local = (seq, action, more = {}) => ({ sheet: 's', journal: 1, seq, hash: `h${seq}`, body: bodyOf(action), state: 'here', code: '', message: '', ...more });

function pictureWith(records, more = {}) {
  const sheet = { uid: 's', state: 'open', journal: { journal: 1, seq: records.length, head: `h${records.length}` }, records, photos: [], ...more };
  const turn = { id: 7, mine: true, state: 'performing', started_at: 'x', overtime_seconds: 0, sheet };
  return { rooms: [{ id: 1, template, turns: [turn] }] };
}
const placeIn = (picture) => view.placeOf(picture, 's');

test('what only this tablet holds lies on top of what the server holds, each once', () => {
  const picture = pictureWith([{ journal: 1, seq: 1, hash: 'h1', action: give('50'), refused: '' }]);
  const mine = [local(1, give('50'), { state: 'server' }), local(2, give('60'))];
  const seen = view.sheetView(picture, mine, placeIn(picture));
  assert.deepEqual([seen.score.total, seen.state, seen.waiting.length], ['60', 'open', 1]);
});

test('what was refused or forked does not count and does not disappear', () => {
  const picture = pictureWith([{ journal: 1, seq: 1, hash: 'h1', action: give('50'), refused: 'fork' }]);
  const mine = [local(2, give('60'), { state: 'refused', code: 'sheet_locked', message: '已锁定' })];
  const seen = view.sheetView(picture, mine, placeIn(picture));
  assert.equal(seen.score.total, '0');
  assert.deepEqual(seen.refused.map((one) => [one.code, one.action.points]), [['fork', '50'], ['sheet_locked', '60']]);
});

test('the chain goes on from whichever end is further, and from none while a journal is missing', () => {
  const picture = pictureWith([]);
  assert.deepEqual(view.endOf([], placeIn(picture).turn.sheet), { journal: 1, seq: 0, head: 'h0' });
  assert.deepEqual(view.endOf([local(1, give('1')), local(2, give('2'))], placeIn(picture).turn.sheet), { journal: 1, seq: 2, head: 'h2' });
  assert.deepEqual(view.endOf([local(1, give('1'), { journal: 9 })], placeIn(picture).turn.sheet).seq, 0);
  assert.equal(view.endOf([], { ...placeIn(picture).turn.sheet, journal: null }), null);
});

test('a lock on its way ends the sheet here; one that was refused opens it again', () => {
  const picture = pictureWith([]);
  const lock = local(1, { act: 'lock', total: '0' });
  assert.equal(view.sheetView(picture, [lock], placeIn(picture)).state, 'locking');
  assert.equal(view.sheetView(picture, [{ ...lock, state: 'refused' }], placeIn(picture)).state, 'open');
  const locked = pictureWith([], { state: 'locked' });
  assert.equal(view.sheetView(locked, [], placeIn(locked)).state, 'locked');
});

test('records go out sheet by sheet in the order of their chains', () => {
  const mine = [local(2, give('2')), local(1, give('1'), { sheet: 't' }), local(1, give('1')), local(3, give('3'), { state: 'server' })];
  assert.deepEqual(view.unsentOf(mine, 9).map((one) => [one.sheet, one.seq]), [['s', 1], ['s', 2], ['t', 1]]);
  assert.equal(view.unsentOf(mine, 2).length, 2);
});

test('records left out of a picture because they are known are kept from the one before', () => {
  const before = pictureWith([{ journal: 1, seq: 1, hash: 'h1', action: give('50'), refused: '' }]);
  assert.deepEqual(view.knownOf(before), { s: 1, 'template/1': 1 });
  const fresh = pictureWith([]);
  fresh.rooms[0].template = { same: true };
  placeIn(fresh).turn.sheet.records = null;
  assert.equal(placeIn(view.joined(fresh, before)).turn.sheet.records.length, 1);
  assert.equal(fresh.rooms[0].template, before.rooms[0].template);
});

test('saving is said as it is: nothing is at the server while anything waits', () => {
  const base = { failed: false, stuck: false, slow: 0, local: [], photos: [] };
  assert.equal(view.savingOf(base), 'server');
  assert.equal(view.savingOf({ ...base, local: [local(1, give('1'))] }), 'here');
  assert.equal(view.savingOf({ ...base, photos: [{ state: 'here' }] }), 'here');
  assert.equal(view.savingOf({ ...base, failed: true }), 'unsaved');
  assert.equal(view.savingOf({ ...base, slow: 1 }), 'unsaved');
});

test('an item without an opinion is told from one with nothing to deduct', () => {
  const item = { number: '1', points: '10', deductions: [{ code: 'a', points: '1', per_instance: true, most: null }] };
  assert.equal(said(item, fold([])), false);
  assert.equal(said(item, fold([{ act: 'deduct', item: '1', code: 'a', count: 0 }])), true);
});

test('what the server said it has and has no more is sent again', () => {
  const picture = pictureWith([{ journal: 1, seq: 1, hash: 'h1', action: give('50'), refused: '' }]);
  const mine = [local(1, give('50'), { state: 'server' }), local(2, give('60'), { state: 'server' }), local(3, give('70'))];
  const elsewhere = local(1, give('1'), { sheet: 'gone', state: 'server' });
  assert.deepEqual(view.missingOf([...mine, elsewhere], picture).map((one) => one.seq), [2]);
});

test('a picture is as old as this clock says, unless the clock was put back or far ahead', () => {
  assert.equal(view.ageOf({ kept_at: 1000 }, 61_000), 60_000);
  assert.equal(view.ageOf({ kept_at: 61_000 }, 1000), 0);
  assert.equal(view.ageOf({ kept_at: 0 }, 9 * 86_400_000), 0);
  assert.deepEqual([view.ageOf({}, 5), view.ageOf(null, 5)], [0, 0]);
});

async function faultOf(status, body, type = 'application/json') {
  globalThis.fetch = async () => new Response(body, { status, headers: { 'Content-Type': type } });
  return api.me().then(() => 'none', (fault) => (fault instanceof ApiFault ? `${fault.kind} ${fault.code}`.trim() : String(fault)));
}

test('only what the server says is taken for an answer', async () => {
  const before = globalThis.fetch;
  assert.equal(await faultOf(200, '{"user":1,"name":"x","csrf":"t"}'), 'none');
  for (const status of [200, 401, 403, 404, 511]) assert.equal(await faultOf(status, '<h1>Wi-Fi</h1>', 'text/html'), 'away', status);
  assert.equal(await faultOf(200, '{"ok":true}'), 'away');
  assert.equal(await faultOf(502, '{"code":"x"}'), 'away');
  assert.equal(await faultOf(401, '{"code":"sign_in_needed"}'), 'stranger sign_in_needed');
  assert.equal(await faultOf(400, '{"code":"form_expired"}'), 'stranger form_expired');
  assert.equal(await faultOf(403, '{"code":"device_revoked","message":"m"}'), 'refused device_revoked');
  globalThis.fetch = before;
});
