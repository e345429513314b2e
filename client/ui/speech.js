// One polite live region for the whole page: what changed without the focus going there, said once.

import { html, useLayoutEffect, useState } from "./vendor/htm-preact.js";

let speak = () => {};

/** Says a text to a screen reader, the same text again too. */
export const say = (text) => text && speak(text);

/** The region; one of it stands on a page. */
export function Speech() {
  const [line, setLine] = useState({ text: "", turn: 0 });
  useLayoutEffect(() => {
    speak = (text) => setLine((old) => ({ text, turn: old.turn + 1 }));
    return () => (speak = () => {});
  }, []);
  return html`<p class="sr-only" role="status" data-speech>${line.text}${line.turn % 2 ? "\u00a0" : ""}</p>`;
}
