import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';

const SOURCE = readFileSync(new URL('../../../server/static/js/scoring/worker.js', import.meta.url), 'utf8');
const hash = (text) => createHash('sha256').update(text).digest('hex');
const PAGE = '<div data-version="v1"></div>';
const SITE = { '/scoring/': PAGE, '/catalog/en.json': '{}', '/static/a.js': 'let a;' };

/** A worker of version v1 in front of a server that answers from `site`; `ask(path)` is what the page gets. */
function worker(site) {
  const kept = new Map();
  const cache = { put: async (url, answer) => kept.set(url, await answer.text()), match: async (asked) => found(typeof asked === 'string' ? asked : asked.url) };
  const found = (url) => (kept.has(new URL(url, 'https://site').pathname) ? new Response(kept.get(new URL(url, 'https://site').pathname)) : undefined);
  const on = {};
  const fetch = async (asked) => {
    const path = typeof asked === 'string' ? asked : new URL(asked.url).pathname;
    if (!(path in site)) throw new TypeError('away');
    return new Response(site[path]);
  };
  const self = { addEventListener: (name, act) => (on[name] = act), skipWaiting: async () => null, clients: { claim: async () => null }, location: { origin: 'https://site' } };
  const SHELL = { page: '/scoring/', version: 'v1', files: { '/static/a.js': hash('let a;') } };
  const caches = { open: async () => cache, keys: async () => [], delete: async () => true };
  runInNewContext(SOURCE, { SHELL, self, caches, fetch, crypto, URL, TextDecoder, Uint8Array, AbortSignal, Response });
  const install = () => {
    let done;
    on.install({ waitUntil: (promise) => (done = promise) });
    return done;
  };
  const ask = async (path, mode = 'navigate') => {
    let answer;
    on.fetch({ request: { url: `https://site${path}`, method: 'GET', mode }, respondWith: (promise) => (answer = promise) });
    return (await answer).text();
  };
  return { install, ask, kept };
}

test('a version is kept whole, or not at all', async () => {
  const good = worker({ ...SITE });
  await good.install();
  assert.deepEqual([...good.kept.keys()].sort(), Object.keys(SITE).sort());
  for (const [path, wrong] of [['/static/a.js', '<h1>Wi-Fi</h1>'], ['/scoring/', '<h1>Wi-Fi</h1>'], ['/scoring/', '<div data-version="v2"></div>'], ['/catalog/en.json', '<h1>Wi-Fi</h1>']]) {
    await assert.rejects(worker({ ...SITE, [path]: wrong }).install(), path);
  }
});

test('neither a strange network nor another version takes the place of the page that is kept', async () => {
  const site = { ...SITE };
  const made = worker(site);
  await made.install();
  for (const other of ['<h1>Wi-Fi</h1>', '<div data-version="v2"></div>']) {
    site['/scoring/'] = other;
    assert.equal(await made.ask('/scoring/'), PAGE);
  }
  site['/scoring/'] = `${PAGE} in another language`;
  assert.equal(await made.ask('/scoring/'), `${PAGE} in another language`);
  delete site['/scoring/'];
  assert.equal(await made.ask('/scoring'), `${PAGE} in another language`);
  delete site['/static/a.js'];
  assert.equal(await made.ask('/static/a.js', 'cors'), 'let a;');
});
