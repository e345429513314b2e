// Raising the hand: the candidate calls an invigilator, says why if they like, and can take it back.

import { html } from "./vendor/htm-preact.js";
import { sentence } from "./messages.js";
import { Dialog, Icon, Refusal, Stacked, useRequest } from "./parts.js";
import { say } from "./speech.js";
import { T } from "./texts.js";
import { clockText } from "./time.js";
import { fill } from "./words.js";

/** Opens the dialog; its word says whether the hand is up. */
export function HandButton({ view, onOpen }) {
  const up = Boolean(view.hand_raised_at);
  return html`<button class="btn desk-button" type="button" data-up=${up ? "" : null} aria-haspopup="dialog" onClick=${onOpen}>
    <${Icon} name="hand" /><${Stacked} all=${[T.hand.raise, T.hand.isUp]} now=${up ? "up" : "down"}>${up ? T.hand.isUp : T.hand.raise}<//>
  </button>`;
}

function Refused({ refused }) {
  if (!refused) return html`<${Refusal} text="" />`;
  const text = refused.code === "no_link" ? T.hand.noLink : sentence(refused.code, refused.params);
  return html`<${Refusal} text=${text} />`;
}

function Lower({ at, busy, refused, onLower, onClose }) {
  const foot = [
    html`<button class="btn btn-large" type="button" disabled=${busy} onClick=${onLower}>${T.hand.lower}</button>`,
    html`<button class="btn btn-primary btn-large" type="button" onClick=${onClose}>${T.hand.goOn}</button>`,
  ];
  return html`<${Dialog} title=${T.hand.upTitle} onClose=${onClose} foot=${foot}>
    <p>${fill(T.hand.upText, { at: clockText(Date.parse(at)) })}</p>
    <${Refused} refused=${refused} />
  <//>`;
}

function Raise({ busy, refused, onRaise, onClose }) {
  const foot = html`<button class="btn btn-large" type="button" onClick=${onClose}>${T.hand.cancel}</button>`;
  return html`<${Dialog} title=${T.hand.title} onClose=${onClose} foot=${foot}>
    <p>${T.hand.text}</p>
    <div class="hand-reasons">
      ${Object.entries(T.hand.reasons).map(
        ([reason, word]) => html`<button class="btn btn-large btn-block" type="button" disabled=${busy} onClick=${() => onRaise(reason)}>${word}</button>`,
      )}
    </div>
    <${Refused} refused=${refused} />
  <//>`;
}

/** Reasons while the hand is down, "take it back" while it is up. */
export function HandDialog({ store, state, onClose }) {
  const [busy, refused, run] = useRequest();
  const at = state.view.hand_raised_at;
  const call = (raised, reason, word) =>
    run(async () => {
      await store.api.callHand(raised, reason);
      onClose();
      say(word);
    });
  return at
    ? html`<${Lower} at=${at} busy=${busy} refused=${refused} onClose=${onClose} onLower=${() => call(false, "", T.hand.isDown)} />`
    : html`<${Raise} busy=${busy} refused=${refused} onClose=${onClose} onRaise=${(reason) => call(true, reason, T.hand.isUp)} />`;
}
