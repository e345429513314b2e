// The liveness check at sign-in: offered, done step by step, tried again, or left to people. The agent judges;
// this page only shows what it asks and passes on what is pressed.

import { sentence } from "./messages.js";
import { Icon, useFocus, useRequest } from "./parts.js";
import { T } from "./texts.js";
import { html } from "./vendor/htm-preact.js";
import { fill } from "./words.js";

/** The picture of each thing to do; the words beside it say the same. */
const ICONS = { centre: "user", turn_left: "left", turn_right: "right", look_up: "up", blink: "eye" };

/** What is asked of this candidate now, null for nothing. */
export const challengeOf = (watch) => (watch && watch.challenge) || null;

/** Why the try before did not pass; "" before the first. */
export function whyText(challenge, words = T.challenge) {
  if (challenge.state !== "again") return "";
  return Object.hasOwn(words.why, challenge.reason) ? words.why[challenge.reason] : words.why[""];
}

/** What to do now, in words; a step that this page does not know is shown as looking ahead. */
export function askText(challenge, words = T.challenge) {
  if (challenge.state === "starting") return words.starting;
  return Object.hasOwn(words.ask, challenge.ask) ? words.ask[challenge.ask] : words.ask.centre;
}

function Offer({ challenge, send, busy }) {
  const again = challenge.state === "again";
  return html`<p class=${again ? "challenge-why" : "muted"} role=${again ? "status" : null}>${again ? whyText(challenge) : T.challenge.intro}</p>
    <p>${T.challenge.ready}${again ? ` ${fill(T.challenge.tries, { n: challenge.tries })}` : ""}</p>
    <div class="row">
      <button class="btn btn-primary btn-large" type="button" aria-disabled=${busy ? "true" : null} onClick=${() => send("begin")}>
        ${again ? T.challenge.again : T.challenge.begin}
      </button>
      <${Cannot} send=${send} busy=${busy} />
    </div>`;
}

const Cannot = ({ send, busy }) =>
  html`<button class="btn btn-large" type="button" aria-disabled=${busy ? "true" : null} aria-describedby="challenge-cannot"
    onClick=${() => send("cannot")}>${T.challenge.cannot}</button>`;

function Running({ challenge, send, busy }) {
  const icon = ICONS[challenge.ask] || ICONS.centre;
  const share = challenge.seconds ? challenge.left / challenge.seconds : 1;
  return html`<div class="challenge-now">
      <${Icon} name=${icon} size="xl" />
      <p class="challenge-ask" role="alert">${askText(challenge)}</p>
    </div>
    <progress class="progress" max="1" value=${share} aria-label=${fill(T.challenge.left, { n: challenge.left })}></progress>
    <div class="challenge-foot">
      <p class="muted">${challenge.steps ? fill(T.challenge.step, challenge) : ""}</p>
      <p class="challenge-left">${challenge.steps ? fill(T.challenge.left, { n: challenge.left }) : ""}</p>
      <${Cannot} send=${send} busy=${busy} />
    </div>`;
}

/** The card of the check; takes the focus when it appears and when a try begins or ends. */
export function ChallengeCard({ store, challenge }) {
  const [busy, refused, run] = useRequest();
  const running = challenge.state === "starting" || challenge.state === "running";
  const ref = useFocus(running ? "running" : challenge.state);
  const send = (act) => run(() => store.api.challenge(act));
  const Part = running ? Running : Offer;
  return html`<section class="card challenge" aria-labelledby="challenge-title" data-state=${challenge.state}>
    <h2 id="challenge-title" ref=${ref} tabindex="-1">${T.challenge.title}</h2>
    <${Part} challenge=${challenge} send=${send} busy=${busy} />
    <p class="hint" id="challenge-cannot">${T.challenge.cannotHint}</p>
    ${refused && html`<p class="tag-line act" role="alert"><${Icon} name="act" />${sentence(refused.code, refused.params)}</p>`}
  </section>`;
}
