// What stands around every screen: ribbon, top bar with exam, person and time, stepper, display settings.

import { html, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import { Dialog, Icon, Stacked, useNow } from "./parts.js";
import { prefs, setLanguage, setSize, setTheme } from "./prefs.js";
import { savingState } from "./outbox.js";
import { say } from "./speech.js";
import { T } from "./texts.js";
import { band, hms, leftAt } from "./time.js";
import { fill, langOf } from "./words.js";

const SAVING_LOOK = {
  server: ["good", "server"],
  here: ["look", "screen"],
  saving: ["off", "clock"],
  unsaved: ["act", "act"],
};

/** DEMO or rehearsal, on every screen of such a sitting. */
export function Ribbon({ sitting }) {
  if (!sitting || !(sitting.demo || sitting.rehearsal)) return null;
  return html`<aside class="demo-ribbon" aria-label="DEMO">${sitting.demo ? T.frame.demo : T.frame.rehearsal}</aside>`;
}

/** Seconds a saving state must last before it is said aloud. */
const SPOKEN_AFTER = 2;

/** Says once that saving is in trouble, and once that it is well again; never each save. */
function useSpokenSaving(saving, now) {
  const kept = useRef({ saving, since: now, said: "server" }).current;
  if (kept.saving !== saving) Object.assign(kept, { saving, since: now });
  const due = saving !== "saving" && saving !== kept.said && now - kept.since >= SPOKEN_AFTER;
  useEffect(() => {
    if (!due) return;
    kept.said = saving;
    say(T.saving.said[saving]);
  }, [due, saving]);
}

/** The remaining time and, under it, the saving state; both keep their place whatever they say. */
function TimeBox({ store, state }) {
  const now = useNow(store);
  const left = leftAt(state.view.time.remaining, state.received, now);
  const tone = band(left, state.view.tools.warn_minutes);
  const saving = store.down() ? "unsaved" : savingState(state.box, state.view, now);
  const [look, icon] = SAVING_LOOK[saving];
  useSpokenSaving(saving, now);
  return html`<div class="timebox">
    <div class="timebox-time" data-band=${tone} role="timer" aria-label=${T.paper.left}>
      <span class="timebox-label">${T.paper.left}</span>
      <${Icon} name=${tone === "plenty" || tone === "none" ? "clock" : "look"} />
      <span class="timebox-clock">${left === null ? "--:--:--" : hms(left)}</span>
    </div>
    <div class="timebox-saving" data-saving=${saving}>
      <${Stacked} all=${Object.values(T.saving.all)} now=${saving}><span class="tag-line ${look}"><${Icon} name=${icon} />${T.saving.all[saving]}</span><//>
    </div>
  </div>`;
}

function Person({ view }) {
  const { candidate, seat } = view;
  if (!candidate) return html`<p class="topbar-person">${seat && fill(T.frame.seatShort, { seat })}</p>`;
  return html`<p class="topbar-person">
    <b lang=${langOf(candidate.name)}>${candidate.name}</b>
    <span><span class="sr-only">${T.frame.ticket}</span><span class="num">${candidate.ticket}</span></span>
    <span>${fill(T.frame.seatShort, { seat })}</span>
  </p>`;
}

/** The link's state on the screens before and after the paper. */
function LinkState({ view }) {
  const up = view.link.up;
  return html`<span class="tag-line ${up ? "good" : "look"}" role="status">
    <${Icon} name=${up ? "server" : "cut"} />${up ? T.frame.linkUp : T.frame.linkDown}
  </span>`;
}

/** Top bar; `exam` shows time and saving state, else link state, language and display settings. */
export function TopBar({ store, state, exam, onDisplay, redraw }) {
  const { view } = state;
  const other = prefs.lang === "zh" ? "en" : "zh";
  const title = view && view.sitting ? view.sitting.title : T.frame.product;
  const choose = () => setLanguage(other).then(redraw);
  return html`<header class="topbar exam-topbar">
    <p class="topbar-title" title=${title} lang=${langOf(title)}>${title}</p>
    ${view && html`<${Person} view=${view} />`}
    ${exam
      ? html`<${TimeBox} store=${store} state=${state} />`
      : html`<div class="topbar-side">
          ${view && html`<${LinkState} view=${view} />`}
          <button class="btn btn-quiet" type="button" lang=${other === "zh" ? "zh-CN" : "en"} onClick=${choose}>
            ${other === "zh" ? "中文" : "English"}
          </button>
          <button class="btn btn-quiet" type="button" onClick=${onDisplay}>${T.frame.display}</button>
        </div>`}
  </header>`;
}

/** Where the candidate stands among the five steps. */
export function Steps({ current }) {
  const stateOf = (index) => (index < current ? "done" : index === current ? "current" : "todo");
  return html`<nav class="exam-steps" aria-label=${T.frame.stepsLabel}>
    <ol class="stepper">
      ${T.frame.steps.map(
        (name, index) =>
          html`<li data-state=${stateOf(index)} aria-current=${index === current ? "step" : null}>${name}</li>`,
      )}
    </ol>
  </nav>`;
}

function Choices({ legend, name, value, options, onChoose }) {
  return html`<fieldset class="fieldset">
    <legend>${legend}</legend>
    <div class="field-row">
      ${options.map(
        ([key, word]) => html`<label class="choice">
          <input type="radio" name=${name} checked=${key === value} onChange=${() => onChoose(key)} /><span>${word}</span>
        </label>`,
      )}
    </div>
  </fieldset>`;
}

/** Language, theme and text size. */
export function DisplayDialog({ onClose, redraw }) {
  const [, turn] = useState(0);
  const after = (act) => (value) => Promise.resolve(act(value)).then(() => (turn((n) => n + 1), redraw()));
  const foot = html`<button class="btn btn-primary" type="button" onClick=${onClose}>${T.frame.close}</button>`;
  const languages = [["zh", "中文"], ["en", "English"]];
  return html`<${Dialog} title=${T.frame.displayTitle} onClose=${onClose} foot=${foot}>
    <${Choices} legend=${T.frame.language} name="lang" value=${prefs.lang} options=${languages} onChoose=${after(setLanguage)} />
    <${Choices} legend=${T.frame.theme} name="theme" value=${prefs.theme} options=${Object.entries(T.frame.themes)} onChoose=${after(setTheme)} />
    <${Choices} legend=${T.frame.textSize} name="size" value=${prefs.size} options=${Object.entries(T.frame.sizes)} onChoose=${after(setSize)} />
  <//>`;
}
