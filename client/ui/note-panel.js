// The note to a question: a field under the answer, shown when it is asked for. For the candidate alone.

import { html, useLayoutEffect, useRef } from "./vendor/htm-preact.js";
import { NOTE_LIMIT } from "./jots.js";
import { Icon } from "./parts.js";
import { T } from "./texts.js";
import { useDraft } from "./typing.js";

/** The button in the head of the question; says whether there is a note. */
export function NoteButton({ text, shown, onToggle }) {
  return html`<button class="btn btn-quiet" type="button" aria-expanded=${shown ? "true" : "false"} aria-controls="note" onClick=${onToggle}>
    <${Icon} name="edit" />${T.note.button}${text && html`<span class="note-there">${T.note.there}</span>`}
  </button>`;
}

/** The field; it takes the focus when it opens. */
export function NotePanel({ text, onWrite }) {
  const ref = useRef(null);
  const draft = useDraft(text, onWrite);
  useLayoutEffect(() => ref.current.focus(), []); // before the next key
  return html`<div class="note" id="note">
    <label for="note-text">${T.note.label}</label>
    <textarea id="note-text" ref=${ref} rows="2" maxlength=${NOTE_LIMIT} spellcheck=${false} value=${draft.value} aria-describedby="note-hint"
      onInput=${(event) => draft.type(event.target.value)} onBlur=${draft.leave}></textarea>
    <span class="hint" id="note-hint">${T.note.hint}</span>
  </div>`;
}
