/* Keeps the page, so that it opens without the server. `SHELL` stands before this text: page, version, files.

   The files of a version are kept together and taken from there first; the page itself and the words of a
   language are asked for each time and kept for when nobody answers. Nothing else is touched. */

/* global SHELL */

const CACHE = `scoring-${SHELL.version}`;
const PATIENCE_MS = 4000;
const WORDS = /^\/catalog\/[\w-]+\.json$/;

async function fetched(url) {
  const answer = await fetch(url, { cache: 'no-cache', credentials: 'same-origin', signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!answer.ok || answer.redirected) throw new Error(`not the file: ${url}`);
  return answer;
}

async function install() {
  const cache = await caches.open(CACHE);
  await Promise.all([SHELL.page, '/catalog/en.json', ...SHELL.files].map(async (url) => cache.put(url, await fetched(url))));
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
    const answer = await fetched(url);
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
  else if (SHELL.files.includes(url.pathname)) event.respondWith(kept(event.request));
});
