// What an invigilator said to this candidate alone: a dialog over whatever the page shows, closed by reading it.
// The time goes on as it does for a warning; it is no warning and needs no word back to the server.

import { html, useEffect, useState } from "./vendor/htm-preact.js";
import { Dialog } from "./parts.js";
import { say } from "./speech.js";
import { T } from "./texts.js";
import { clockText } from "./time.js";
import { fill, langOf } from "./words.js";

const KEY = "examhall-message-read";

/** The newest message that was read in this window; a window without storage asks again after a reload. */
function readUpTo() {
  try {
    return Number(sessionStorage.getItem(KEY)) || 0;
  } catch {
    return 0;
  }
}

function keep(number) {
  try {
    sessionStorage.setItem(KEY, String(number));
  } catch {
    // shown again after a reload
  }
}

/** Those that were not read, the eldest first. */
export const unreadMessages = (messages, read) => (messages || []).filter((one) => one.message > read);

/** The oldest unread message, one at a time. */
export function PrivateMessage({ state }) {
  const [read, setRead] = useState(readUpTo);
  const [first] = unreadMessages(state.view && state.view.messages, read);
  useEffect(() => {
    if (first) say(fill(T.privateMessage.said, { text: first.text }));
  }, [first && first.message]);
  if (!first) return null;
  const close = () => {
    keep(first.message);
    setRead(first.message);
  };
  const foot = html`<button class="btn btn-primary btn-large" type="button" onClick=${close}>${T.privateMessage.read}</button>`;
  return html`<${Dialog} key=${first.message} title=${T.privateMessage.title} onClose=${close} foot=${foot}>
    <p class="muted num">${clockText(Date.parse(first.at))}</p>
    <p class="warning-text" lang=${langOf(first.text)} data-message=${first.message}>${first.text}</p>
  <//>`;
}
