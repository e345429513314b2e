// Which screen is shown: by the page's own phase first, then by the step the agent names.

import { html, useEffect, useErrorBoundary, useState } from "./vendor/htm-preact.js";
import { Broken, Ended, Page, Submitted } from "./ending.js";
import { Confirm, Identified, SignIn } from "./entry.js";
import { DisplayDialog, Ribbon, Steps, TopBar } from "./frame.js";
import { Pledge } from "./pledge.js";
import { LateReading, Warnings } from "./warning-dialog.js";
import { Practice } from "./practice.js";
import { Sitting } from "./sitting.js";
import { screenOf } from "./steps.js";
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

const AFTER = { submitted: Submitted, time_over: Submitted, ended: Ended };

function AgentDown() {
  return html`<div class="agent-down" role="alert"><div class="alert act"><div>${T.frame.agentDown}</div></div></div>`;
}

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
  const [display, setDisplay] = useState(false);
  const [practising, setPractising] = useState(false);
  useEffect(() => store.listen(setState), []);
  const redraw = () => turn((n) => n + 1);
  const screen = screenOf(state);
  const practice = practising && screen === "ready";
  const exam = screen === "answering";
  useEffect(() => {
    if (screen !== "ready") setPractising(false);
    document.title = state.view && state.view.sitting ? state.view.sitting.title : T.frame.product;
  }, [screen]);
  const openDisplay = () => setDisplay(true);
  return html`<div class="page" data-screen=${exam || practice ? "exam" : "steps"}>
    <${Ribbon} sitting=${state.view && state.view.sitting} />
    <${TopBar} store=${store} state=${state} exam=${exam} onDisplay=${openDisplay} redraw=${redraw} />
    ${store.down() && html`<${AgentDown} />`}
    ${!exam && html`<${LateReading} store=${store} state=${state} />`}
    ${exam
      ? html`<${Sitting} key=${state.paper.form} store=${store} state=${state} onDisplay=${openDisplay} />`
      : practice
        ? html`<${Practice} onEnd=${() => setPractising(false)} onDisplay=${openDisplay} />`
        : html`<${Stage} screen=${screen} store=${store} state=${state} onPractise=${() => setPractising(true)} />`}
    ${state.phase === "running" && html`<${Warnings} store=${store} state=${state} />`}
    ${display && html`<${DisplayDialog} onClose=${() => setDisplay(false)} redraw=${redraw} />`}
  </div>`;
}
