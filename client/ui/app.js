// Which screen is shown: by the page's own phase first, then by the step the agent names.

import { html, useEffect, useErrorBoundary, useLayoutEffect, useState } from "./vendor/htm-preact.js";
import { Announcer, AnnouncementsDialog } from "./announcements.js";
import { Desk, DeskLine } from "./desk.js";
import { Broken, Ended, Page, Paused, Submitted } from "./ending.js";
import { Confirm, Identified, SignIn } from "./entry.js";
import { Frozen } from "./frozen.js";
import { DisplayDialog, Ribbon, Steps, TopBar } from "./frame.js";
import { HandDialog } from "./hand.js";
import { Pledge } from "./pledge.js";
import { greet } from "./prefs.js";
import { Speech } from "./speech.js";
import { LateReading, Warnings } from "./warning-dialog.js";
import { Practice } from "./practice.js";
import { PrivateMessage } from "./private-message.js";
import { Seb, gate } from "./seb.js";
import { Sitting } from "./sitting.js";
import { cannotSave, screenOf } from "./steps.js";
import { T } from "./texts.js";
import { Opening, Waiting } from "./waiting.js";

/** Steps before the paper: their place in the stepper and their screen. */
const ENTRY = {
  sign_in: [0, SignIn],
  identified: [1, Identified],
  admitted: [1, Confirm],
  confirmed: [2, Pledge],
  ready: [3, Waiting],
};

const AFTER = { submitted: Submitted, time_over: Submitted, ended: Ended, paused: Paused, frozen: Frozen, seb_wanted: Seb, seb_wrong: Seb };

/** Steps at which a candidate sits here, so that a hand can be raised. */
const SEATED = ["identified", "admitted", "confirmed", "ready", "opening", "paused", "frozen", "locked", "submitted", "time_over", "ended"];

/** Under the screens without a paper: raise the hand, read what the room was told. */
function DeskBar({ state, screen, onOpen }) {
  if (!SEATED.includes(screen) || !state.view.candidate) return null;
  return html`<footer class="desk-bar">
    <${Desk} state=${state} onOpen=${onOpen} />
    <p class="desk-line"><${DeskLine} state=${state} onOpen=${onOpen} /></p>
  </footer>`;
}

/** Dialogs that any screen may open, by name. */
const DIALOGS = { display: DisplayDialog, hand: HandDialog, announcements: AnnouncementsDialog };

function AgentDown() {
  return html`<div class="agent-down" role="alert"><div class="alert act"><div>${T.frame.agentDown}</div></div></div>`;
}

const CannotSave = () => html`<div class="agent-down" role="alert"><div class="alert act"><div>${T.saving.cannot}</div></div></div>`;

function Stage({ screen, store, state, onPractise }) {
  if (screen in ENTRY) {
    const [place, Screen] = ENTRY[screen];
    return html`<${Steps} current=${place} /><main class="stage" id="main"><${Screen} key=${screen} store=${store} state=${state} onPractise=${onPractise} /></main>`;
  }
  if (screen === "opening") return html`<${Steps} current=${4} /><main class="stage" id="main"><${Opening} fault=${state.view.fault} /></main>`;
  const After = AFTER[screen];
  return html`<main class="stage stage-calm" id="main">${After ? html`<${After} key=${screen} store=${store} state=${state} />` : html`<${Page} name=${screen} fault=${state.view ? state.view.fault : ""} />`}</main>`;
}

/** The page, or, should drawing it ever fail, a calm page that offers to load it again. */
export function App({ store }) {
  const [broken] = useErrorBoundary();
  return broken ? html`<main class="stage stage-calm" id="main"><${Broken} /></main>` : html`<${Whole} store=${store} />`;
}

function Whole({ store }) {
  const [state, setState] = useState(store.get());
  const [, turn] = useState(0);
  const [open, setOpen] = useState("");
  const [practising, setPractising] = useState(false);
  useEffect(() => {
    setState(store.get()); // an effect runs after the page was painted: what changed before was told to nobody
    return store.listen(setState);
  }, []);
  const redraw = () => turn((n) => n + 1);
  const screen = gate(screenOf(state), state.view);
  const practice = practising && screen === "ready";
  const exam = screen === "answering";
  useEffect(() => {
    if (screen !== "ready") setPractising(false);
    document.title = state.view && state.view.sitting ? state.view.sitting.title : T.frame.product;
  }, [screen]);
  const ticket = state.view && state.view.candidate ? state.view.candidate.ticket : "";
  const large = Boolean(state.view && state.view.accommodation && state.view.accommodation.large_print);
  useLayoutEffect(() => {
    if (state.view) greet(ticket, large);
  }, [Boolean(state.view), ticket, large]);
  const openDisplay = () => setOpen("display");
  const Opened = DIALOGS[open];
  return html`<div class="page" data-screen=${exam || practice ? "exam" : "steps"}>
    <${Ribbon} sitting=${state.view && state.view.sitting} />
    <${TopBar} store=${store} state=${state} exam=${exam} onDisplay=${openDisplay} redraw=${redraw} />
    ${store.down() && html`<${AgentDown} />`}
    ${cannotSave(state.view, exam) && html`<${CannotSave} />`}
    ${!exam && html`<${LateReading} store=${store} state=${state} />`}
    ${exam
      ? html`<${Sitting} key=${state.paper.form} store=${store} state=${state} onOpen=${setOpen} />`
      : practice
        ? html`<${Practice} state=${state} onOpen=${setOpen} onEnd=${() => setPractising(false)} onDisplay=${openDisplay} />`
        : html`<${Stage} screen=${screen} store=${store} state=${state} onPractise=${() => setPractising(true)} />`}
    ${state.phase === "running" && html`<${Warnings} store=${store} state=${state} />`}
    ${state.phase === "running" && !exam && !practice && html`<${DeskBar} state=${state} screen=${screen} onOpen=${setOpen} />`}
    ${Opened && html`<${Opened} key=${open} store=${store} state=${state} onClose=${() => setOpen("")} redraw=${redraw} />`}
    ${state.phase === "running" && html`<${PrivateMessage} key=${`message ${ticket}`} state=${state} />`}
    ${state.phase === "running" && html`<${Announcer} key=${ticket} state=${state} />`}
    <${Speech} />
  </div>`;
}
