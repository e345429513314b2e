// A seat behind Safe Exam Browser: what SEB says is passed on, and the page waits until the server agrees.

import { html } from "./vendor/htm-preact.js";
import { Calm } from "./ending.js";
import { Facts } from "./parts.js";
import { T } from "./texts.js";

const KEYS_LIMIT_MS = 2000;
const AGAIN_MS = 3000;
/** Steps that a seat may not pass before it has proved itself; a paper that is open goes on. */
const BEFORE = ["unassigned", "sign_in", "identified", "admitted", "confirmed", "ready", "opening"];

/** The screen instead of `screen`: "seb_wanted" or "seb_wrong" while the server does not agree. */
export const gate = (screen, view) =>
  view && BEFORE.includes(screen) && ["wanted", "wrong"].includes(view.seb) ? `seb_${view.seb}` : screen;

/** Lets a version that asks for it (macOS and iOS 3.0) compute its keys; others have them ready. */
function updated(security, later) {
  if (typeof security.updateKeys !== "function") return Promise.resolve();
  return new Promise((done) => {
    later(done, KEYS_LIMIT_MS);
    security.updateKeys(done);
  });
}

/** What SEB's script interface says at this address, null without it; the keys are hashed with the address. */
export async function readKeys({ SafeExamBrowser: seb, location }, later = setTimeout) {
  if (!seb || !seb.security) return null;
  await updated(seb.security, later);
  const { configKey, browserExamKey } = seb.security;
  if (!configKey) return null;
  return {
    url: location.href.split("#")[0],
    config_key: String(configKey),
    browser_exam_key: String(browserExamKey || ""),
    version: String(seb.version || ""),
  };
}

/** A listener of the store: whenever the server asks, SEB is asked, one thing at a time. */
export function answerFor(api, browser, later = setTimeout) {
  let busy = false;
  return async function listen(state) {
    if (busy || state.phase !== "running" || state.view.seb !== "wanted") return;
    busy = true;
    try {
      const keys = await readKeys(browser, later);
      if (keys) await api.sendSeb(keys);
    } catch {
      // the state says what holds; below it is tried again
    }
    later(() => {
      busy = false;
    }, AGAIN_MS);
  };
}

/** The calm page while the seat is not let on: what to do, and which seat it is. */
export function Seb({ state }) {
  const { seb, seat } = state.view;
  const wrong = seb === "wrong";
  return html`<${Calm} look="look" icon=${wrong ? "look" : "lock"} title=${wrong ? T.seb.wrong : T.seb.wanted} text=${wrong ? T.seb.wrongText : T.seb.wantedText}>
    ${seat && html`<div class="card"><${Facts} rows=${[[T.frame.seat, html`<b class="num-left">${seat}</b>`]]} /></div>`}
  <//>`;
}
