// The real paper: answers to the outbox, saving states, time messages, handing in.

import { html, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import { summary } from "./answers.js";
import { Exam } from "./exam.js";
import { sentence } from "./messages.js";
import { overlay, refusalOf, savedState, taken } from "./outbox.js";
import { Icon, useNow } from "./parts.js";
import { SubmitDialog } from "./submit.js";
import { lateText } from "./warning-dialog.js";
import { CameraSign } from "./camera.js";
import { T } from "./texts.js";
import { band, creditMinutes, hms, leftAt } from "./time.js";
import { fill } from "./words.js";

/** Seconds a quiet line stays. */
const LINE_SECONDS = 20;

const SAVED_LOOK = { server: ["good", "server"], here: ["look", "screen"], saving: ["off", "clock"], unsaved: ["act", "act"], refused: ["act", "act"] };

function SavedLine({ saved, refusal }) {
  if (!Object.hasOwn(SAVED_LOOK, saved)) return null;
  const [look, icon] = SAVED_LOOK[saved];
  return html`<span class="tag-line ${look}" role="status"><${Icon} name=${icon} />${refusal ? sentence(refusal) : T.saving.one[saved]}</span>`;
}

/** The quiet line: time thresholds and credits, each said once, for a while. */
function useQuietLine(state, now) {
  const { view, received } = state;
  const tone = band(leftAt(view.time.remaining, received, now));
  const seen = useRef({ tone: "plenty", deadline: view.time.deadline });
  const [line, setLine] = useState({ text: "", until: 0 });
  useEffect(() => {
    const say = (text) => setLine({ text, until: now + LINE_SECONDS });
    const credit = creditMinutes(seen.current.deadline, view.time.deadline);
    if (credit) say(fill(T.paper.credited, { minutes: credit }));
    else if (tone !== seen.current.tone && T.paper[tone]) say(T.paper[tone]);
    seen.current = { tone, deadline: view.time.deadline };
  }, [tone, view.time.deadline]);
  return line.until > now ? line.text : "";
}

function FaultAlert({ fault }) {
  return html`<div class="alert act exam-alert" role="alert"><div>
    <p class="alert-title">${T.saving.faultTitle}</p>
    <p>${fault && sentence(fault)} ${T.saving.faultText}</p>
  </div></div>`;
}

/** The screen of Step ANSWERING with an open paper. */
export function Sitting({ store, state, onDisplay }) {
  const now = useNow(store);
  const { view, paper, box, received, refusal } = state;
  const [handing, setHanding] = useState(null);
  const { answers, marked } = overlay(box, view);
  const quiet = useQuietLine(state, now);
  const wait = leftAt(view.time.submit_in, received, now);
  const stuck = box.entries.some((entry) => entry.state === "unsaved");
  const message = refusal ? sentence(refusal) : lateText(state, now) || quiet;
  const foot = (button) => html`${button}
    <p class="submit-line muted">${wait ? fill(T.paper.submitWait, { clock: hms(wait) }) : ""}</p>`;
  return html`<${Exam}
      paper=${paper} answers=${answers} marked=${marked} onDisplay=${onDisplay} foot=${foot}
      load=${(sha) => store.api.picture(`/api/media/${sha}`)}
      sign=${html`<${CameraSign} watch=${view.watch} />`}
      message=${message && html`<span class="tag-line ${refusal ? "act" : "look"}"><${Icon} name=${refusal ? "act" : "clock"} />${message}</span>`}
      alert=${!store.down() && (view.fault || stuck) && html`<${FaultAlert} fault=${view.fault} />`}
      saved=${(item) => html`<${SavedLine} saved=${savedState(box, view, item)} refusal=${refusalOf(box, item)} />`}
      onAnswer=${(item, response) => store.put("answer", item, response)}
      onMark=${(item, on) => store.put("mark", item, on)}
      onSubmit=${(goTo) => setHanding(() => goTo)}
    />
    ${handing &&
    html`<${SubmitDialog} store=${store} state=${state} counts=${summary(paper, overlay(taken(box), view).answers, marked)} wait=${wait}
      onGo=${(number) => (setHanding(null), handing(number))} onClose=${() => setHanding(null)} />`}`;
}
