/* Signing out on any page of this browser: the tablet's page forgets who used it last. What was not sent stays. */

import { inUse, lastUser } from './shelf.js';

const PATIENCE_MS = 1000;
const late = () => new Promise((resolve) => { setTimeout(resolve, PATIENCE_MS); });

async function forget() {
  if (await inUse()) await lastUser(null);
}

document.querySelector('form[action$="/logout"]')?.addEventListener('submit', async (event) => {
  event.preventDefault();
  await Promise.race([forget().catch(() => null), late()]);
  event.target.submit();
});
