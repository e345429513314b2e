// What the invigilators said to the room: a quiet line while something is unread, and a list behind a button.

import { html, useEffect, useRef } from "./vendor/htm-preact.js";
import * as jots from "./jots.js";
import { Dialog, Icon } from "./parts.js";
import { say } from "./speech.js";
import { T } from "./texts.js";
import { clockText } from "./time.js";
import { fill, langOf } from "./words.js";

const listOf = (state) => (state.view && state.view.announcements) || [];

/** Those the candidate has not opened, the eldest first. */
export function unread(state) {
  return listOf(state).filter((one) => one.announcement > state.jots.read);
}

/** Says each new announcement once. */
export function Announcer({ state }) {
  const said = useRef(state.jots.read);
  const fresh = listOf(state).filter((one) => one.announcement > Math.max(said.current, state.jots.read));
  useEffect(() => {
    if (!fresh.length) return;
    said.current = Math.max(...fresh.map((one) => one.announcement));
    say(fill(T.announcements.said, { text: fresh.map((one) => one.text).join("。") }));
  });
  return null;
}

/** The button with the number of unread ones; nothing while nothing was ever said. */
export function AnnouncementsButton({ state, onOpen }) {
  const count = unread(state).length;
  const none = !listOf(state).length;
  return html`<button class="btn desk-button" type="button" data-up=${count ? "" : null} disabled=${none} aria-haspopup="dialog" onClick=${onOpen}>
    <${Icon} name="list" />${T.announcements.button}${count > 0 && html` <span class="desk-count num"><span aria-hidden="true">${count}</span>
      <span class="sr-only">${fill(T.announcements.unread, { count })}</span></span>`}
  </button>`;
}

/** The quiet line over the question, or the strip on other screens: the newest unread one and the way to all. */
export function AnnouncementLine({ state, onOpen }) {
  const fresh = unread(state);
  if (!fresh.length) return null;
  const { text } = fresh[fresh.length - 1];
  return html`<span class="announcement-line"><${Icon} name="info" /><b>${T.announcements.from}</b>
    <span class="announcement-text" lang=${langOf(text)}>${text}</span>
    <button class="btn btn-quiet btn-line" type="button" aria-haspopup="dialog" onClick=${onOpen}>${T.announcements.open}</button></span>`;
}

/** All of them, the newest first; what is shown here counts as read. */
export function AnnouncementsDialog({ store, state, onClose }) {
  const list = listOf(state);
  const newest = Math.max(0, ...list.map((one) => one.announcement));
  useEffect(() => store.jot((old) => jots.read(old, newest)), [newest]);
  const foot = html`<button class="btn btn-primary btn-large" type="button" onClick=${onClose}>${T.frame.close}</button>`;
  return html`<${Dialog} title=${T.announcements.title} onClose=${onClose} foot=${foot} wide>
    <ul class="announcement-list">
      ${[...list].reverse().map(
        (one) => html`<li key=${one.announcement}><time class="num">${clockText(Date.parse(one.at))}</time>
          <p lang=${langOf(one.text)}>${one.text}</p></li>`,
      )}
    </ul>
  <//>`;
}
