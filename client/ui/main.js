// Start: words, launch nonce out of the address, then the page.

import { App } from "./app.js";
import { guard } from "./guard.js";
import { offerLeaving } from "./leaving.js";
import { restore } from "./prefs.js";
import { answerFor } from "./seb.js";
import { createStore } from "./store.js";
import { watchPage } from "./watchfulness.js";
import { html, render } from "./vendor/htm-preact.js";

const LAUNCH = /^#launch=([\w-]+)$/;

/** The nonce of the address, taken out of it and of the history. */
function takeNonce() {
  const found = LAUNCH.exec(location.hash);
  if (found) history.replaceState(null, "", location.pathname);
  return found ? found[1] : "";
}

guard(window);
const store = createStore();
offerLeaving(document, store);
await restore();
render(html`<${App} store=${store} />`, document.getElementById("app"));
store.listen(answerFor(store.api, window));
addEventListener("hashchange", () => {
  const nonce = takeNonce();
  if (nonce) store.start(nonce);
});
const nonce = takeNonce();
watchPage(store.api, Boolean(nonce) || store.api.hasToken());
store.start(nonce);
