// Start: words, launch nonce out of the address, then the page.

import { App } from "./app.js";
import { restore } from "./prefs.js";
import { createStore } from "./store.js";
import { html, render } from "./vendor/htm-preact.js";

const LAUNCH = /^#launch=([\w-]+)$/;

/** The nonce of the address, taken out of it and of the history. */
function takeNonce() {
  const found = LAUNCH.exec(location.hash);
  if (found) history.replaceState(null, "", location.pathname);
  return found ? found[1] : "";
}

const store = createStore();
await restore();
render(html`<${App} store=${store} />`, document.getElementById("app"));
addEventListener("hashchange", () => {
  const nonce = takeNonce();
  if (nonce) store.start(nonce);
});
store.start(takeNonce());
