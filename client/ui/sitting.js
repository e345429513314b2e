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
import { Desk, DeskLine } from "./desk.js";
import * as jots from "./jots.js";
import { band, creditMinutes, dueMinutes, hms, leftAt } from "./time.js";
import { fill } from "./words.js";

/** Seconds a quiet line stays. */
const LINE_SECONDS = 20;

const SAVED_LOOK = { server: ["good", "server"], here: ["look", "screen"], saving: ["off", "clock"], unsaved: ["act", "act"], refused: ["act", "act"] };

function SavedLine({ saved, refusal }) {
  if (!Object.hasOwn(SAVED_LOOK, saved)) return null;
  const [look, icon] = SAVED_LOOK[saved];
  return html`<span class="tag-line ${look}" role=${["unsaved", "refused"].includes(saved) ? "status" : null}><${Icon} name=${icon} />${refusal ? sentence(refusal) : T.saving.one[saved]}</span>`;
}

/** The quiet line: time thresholds and credits, each said once, for a while. */
function useQuietLine(state, now) {
  const { view, received } = state;
  const minutes = view.tools.warn_minutes;
  const left = leftAt(view.time.remaining, received, now);
  const due = dueMinutes(left, minutes);
  const seen = useRef({ due: null, deadline: view.time.deadline });
  const [line, setLine] = useState({ text: "", until: 0 });
  useEffect(() => {
    const say = (text) => setLine({ text, until: now + LINE_SECONDS });
    const credit = creditMinutes(seen.current.deadline, view.time.deadline);
    if (credit) say(fill(T.paper.credited, { minutes: credit }));
    else if (due !== null && due !== seen.current.due) say(fill(band(left, minutes) === "red" ? T.paper.timeShort : T.paper.timeLeft, { minutes: due }));
    seen.current = { due, deadline: view.time.deadline };
  }, [due, view.time.deadline]);
  return line.until > now ? line.text : "";
}

function FaultAlert({ fault }) {
  return html`<div class="alert act exam-alert" role="alert"><div>
    <p class="alert-title">${T.saving.faultTitle}</p>
    <p>${fault && sentence(fault)} ${T.saving.faultText}</p>
  </div></div>`;
}

/** The screen of Step ANSWERING with an open paper. */
export function Sitting({ store, state, onOpen }) {
  const now = useNow(store);
  const { view, paper, box, received, refusal } = state;
  const [handing, setHanding] = useState(null);
  const { answers, marked } = overlay(box, view);
  const quiet = useQuietLine(state, now);
  const wait = leftAt(view.time.submit_in, received, now);
  const stuck = box.entries.some((entry) => entry.state === "unsaved");
  const message = refusal ? sentence(refusal) : lateText(state, now) || quiet;
  const foot = (button) => html`<${Desk} state=${state} onOpen=${onOpen} />
    ${button}
    <p class="submit-line muted">${wait ? fill(T.paper.submitWait, { clock: hms(wait) }) : ""}</p>`;
  return html`<${Exam}
      paper=${paper} answers=${answers} marked=${marked} onDisplay=${() => onOpen("display")} foot=${foot} resume=${view.resume}
      tools=${view.tools} jots=${state.jots} onJot=${store.jot} onLook=${(item) => store.jot((old) => jots.look(old, item))}
      notice=${html`<${DeskLine} state=${state} onOpen=${onOpen} />`}
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
