/* Keeps the page, so that it opens without the server. `SHELL` stands before this text: page, version, files.

   The files of a version are kept together and taken from there first; the page itself and the words of a
   language are asked for each time and kept for when nobody answers. A file is kept by its hash and the page by
   its version: a network's own sign-in page or a half-upgraded server never takes their place. */

/* global SHELL */

const CACHE = `scoring-${SHELL.version}`;
const PATIENCE_MS = 4000;
const WORDS = /^\/catalog\/[\w-]+\.json$/;

async function fetched(url) {
  const answer = await fetch(url, { cache: 'no-cache', credentials: 'same-origin', signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!answer.ok || answer.redirected) throw new Error(`not the file: ${url}`);
  return answer;
}

/** The answer, when its bytes are those that this version has there. */
async function sound(url, answer) {
  const bytes = await answer.clone().arrayBuffer();
  const text = new TextDecoder().decode(bytes);
  if (WORDS.test(url)) JSON.parse(text);
  else if (url === SHELL.page ? !text.includes(`data-version="${SHELL.version}"`) : (await hashOf(bytes)) !== SHELL.files[url]) {
    throw new Error(`another version: ${url}`);
  }
  return answer;
}

async function hashOf(bytes) {
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function install() {
  const cache = await caches.open(CACHE);
  const urls = [SHELL.page, '/catalog/en.json', ...Object.keys(SHELL.files)];
  await Promise.all(urls.map(async (url) => cache.put(url, await sound(url, await fetched(url)))));
  await self.skipWaiting();
}

async function activate() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith('scoring-') && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** The newest page there is: from the server, else as it was kept. */
async function newest(url, request) {
  const cache = await caches.open(CACHE);
  try {
    const answer = await sound(url, await fetched(url));
    await cache.put(url, answer.clone());
    return answer;
  } catch {
    return (await cache.match(url)) || fetch(request);
  }
}

async function kept(request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(request, { ignoreSearch: true })) || fetch(request);
}

self.addEventListener('install', (event) => event.waitUntil(install()));
self.addEventListener('activate', (event) => event.waitUntil(activate()));
self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== self.location.origin) return;
  const isPage = url.pathname === SHELL.page || `${url.pathname}/` === SHELL.page;
  if (event.request.mode === 'navigate' && isPage) event.respondWith(newest(SHELL.page, event.request));
  else if (WORDS.test(url.pathname)) event.respondWith(newest(url.pathname, event.request));
  else if (url.pathname in SHELL.files) event.respondWith(kept(event.request));
});
