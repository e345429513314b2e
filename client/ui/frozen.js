// The paper is covered until an invigilator has looked. Calm, no blame: what was answered stays, time goes on.

import { html } from "./vendor/htm-preact.js";
import { Calm } from "./ending.js";
import { Icon, useNow } from "./parts.js";
import { T } from "./texts.js";
import { hms, leftAt } from "./time.js";

/** Title and words by what covers the paper; a breach has the general ones. */
const WORDS = {
  IDENTITY: () => [T.frozen.identity, T.frozen.identityText],
  LOCKED: () => [T.frozen.locked, T.frozen.lockedText],
};

/** The screen of the step "frozen". */
export function Frozen({ store, state }) {
  const now = useNow(store);
  const left = leftAt(state.view.time.remaining, state.received, now);
  const [title, text] = (WORDS[state.view.cover] || (() => [T.frozen.title, T.frozen.text]))();
  return html`<${Calm} look="look" icon="pause" title=${title} text=${text}>
    <p class="calm-do" data-covered data-cover=${state.view.cover}><${Icon} name="hand" size="lg" />${T.frozen.raise}</p>
    ${left !== null && html`<p class="muted">${T.frozen.left} <b class="num">${hms(left)}</b></p>`}
  <//>`;
}
