/* Start: words, the worker that keeps the page, then the page. */

import { html, render } from '../../vendor/htm-preact.js';
import { loadWords } from '../words.js';
import { App } from './app.js';
import { createStore } from './store.js';

const SCOPE = '/scoring';

async function keepPage(store) {
  const { serviceWorker } = navigator;
  if (serviceWorker.controller) serviceWorker.addEventListener('controllerchange', store.renew);
  try {
    await navigator.serviceWorker.register(`${SCOPE}/worker.js`, { scope: SCOPE });
  } catch {
    // without the server the one that was registered before serves the page
  }
}

const root = document.getElementById('app');
await loadWords(root.dataset.language);
const store = createStore();
globalThis.scoringSaving = () => store.saving();
render(html`<${App} store=${store} />`, root);
if (navigator.serviceWorker) keepPage(store);
await store.start();
