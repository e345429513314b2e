// The paper: one question on the left, the answer card on the right, everything by keyboard. The same
// screen serves the practice questions; it knows nothing about where answers go.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/htm-preact.js";
import { hasOptions, indexOfNumber, isAnswered, letter, move, summary } from "./answers.js";
import { AnswerCard } from "./card.js";
import * as notes from "./jots.js";
import { actOf } from "./keys.js";
import { KeysDialog } from "./keys-dialog.js";
import { NoteButton, NotePanel } from "./note-panel.js";
import { Icon } from "./parts.js";
import { prefs } from "./prefs.js";
import { QuestionBody, QuestionHead } from "./question.js";
import { say } from "./speech.js";
import { T } from "./texts.js";
import { fill } from "./words.js";
import { ZoomDialog } from "./zoom.js";

/** Questions are written in Chinese, whatever language the page around them has. */
const PAPER_LANGUAGE = "zh-CN";

const FIELDS = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]";

/** Where the keyboard is, as `actOf` asks. A row focused by the mouse counts as the paper. */
function whereIs(target) {
  if (!target.closest) return "paper";
  const option = target.closest("[data-option]");
  if (option) return option.matches(":focus-visible") ? "option" : "paper";
  if (target.closest(FIELDS)) return "typing";
  return target.closest("button, a, input, summary, audio, video") ? "control" : "paper";
}

function moveFocus(target, by) {
  const rows = [...document.querySelectorAll("[data-option]")];
  const next = rows[rows.indexOf(target.closest("[data-option]")) + by];
  if (next) next.focus();
}

/** Listens to the keys while no dialog is open, from the moment the question stands there: a busy machine runs
 * effects much later. `acts` is asked anew at each press. */
function useKeys(acts) {
  const latest = useRef(acts);
  latest.current = acts;
  useLayoutEffect(() => {
    const press = (event) => {
      if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
      const facts = { code: event.code, ctrl: event.ctrlKey, alt: event.altKey, meta: event.metaKey, shift: event.shiftKey };
      const found = actOf(facts, whereIs(event.target), !prefs.keys);
      if (!found) return;
      event.preventDefault();
      if (found.act === "focus") moveFocus(event.target, found.by);
      else if (found.act === "leave") document.querySelector(".question-body").focus({ preventScroll: true });
      else latest.current[found.act](found);
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}

function Buttons({ index, total, marked, answered, disabled, onGo, onMark, onClear, saved }) {
  return html`<div class="question-foot">
    <button class="btn btn-large" type="button" disabled=${index === 0} onClick=${() => onGo(-1)}><${Icon} name="left" />${T.paper.previous}</button>
    <button class="btn btn-large btn-mark" type="button" aria-pressed=${marked ? "true" : "false"} disabled=${disabled} onClick=${onMark}>
      <${Icon} name="flag" />${marked ? T.paper.unmark : T.paper.mark}
    </button>
    <button class="btn btn-quiet btn-large" type="button" disabled=${disabled || !answered} onClick=${onClear}>${T.paper.clear}</button>
    <span class="question-saved">${saved}</span>
    <button class="btn btn-primary btn-large" type="button" disabled=${index === total - 1} onClick=${() => onGo(1)}>${T.paper.next}<${Icon} name="right" /></button>
  </div>`;
}

/** Where the paper opens: at the question that was looked at last, else at the first open one. */
export function opening(paper, answers, resume) {
  const last = paper.items.findIndex((item) => item.id === resume);
  return last >= 0 ? last : Math.max(0, paper.items.findIndex((item) => !isAnswered(answers, item)));
}

function useCourse(paper, answers, resume) {
  const [index, setIndex] = useState(() => opening(paper, answers, resume));
  const [turn, setTurn] = useState(1);
  const go = (next, focus) => {
    setIndex(next);
    if (focus) setTurn((old) => old + 1);
  };
  return { index: Math.min(index, paper.items.length - 1), turn, go };
}

/** Striking options out, where the policy offers it: `{struck, strike(place)}`. */
function useStrikes(item, response, { tools, jots, onJot, disabled }) {
  if (!tools || !tools.eliminate || !jots || !hasOptions(item.kind)) return { struck: [] };
  const strike = (place) => {
    const option = item.options[place];
    if (!option || disabled || response.includes(option.key)) return;
    const on = !notes.struckOf(jots, item.id).includes(option.key);
    onJot((old) => notes.strike(old, item.id, option.key, on));
    say(fill(on ? T.paper.saidStruck : T.paper.saidUnstruck, { letter: letter(place) }));
  };
  return { struck: notes.struckOf(jots, item.id), strike };
}

/** Whether the note is shown, and the switch that also gives the focus back. */
function useNote(item, { tools, jots }) {
  const [shown, show] = useState("");
  const offered = Boolean(tools && tools.notes && jots);
  const open = offered && shown === item.id;
  const toggle = () => {
    if (open) document.querySelector(".question-body").focus({ preventScroll: true });
    show(open ? "" : item.id);
  };
  return { offered, open, toggle, text: offered ? notes.noteOf(jots, item.id) : "" };
}

/** Says which question it is when the mouse turned to it; by key the focus goes there and says it. */
function useSpokenMoves(item) {
  const known = useRef(item.id);
  useEffect(() => {
    if (known.current !== item.id && !document.activeElement.matches(".question-body")) {
      say(fill(T.paper.questionOf, { number: item.number }));
    }
    known.current = item.id;
  }, [item.id]);
}

/**
 * The screen. `answers`, `marked` as the candidate should see them; `onAnswer(item, response)`,
 * `onMark(item, on)`, `onSubmit(goTo)`, `onDisplay()`; `load(sha)` gives the address of a medium; `saved(item)`
 * and `foot(counts, open)` draw what only the real paper has, `sign` the camera's state, `under(item)` what
 * stands below a question; `message` is one quiet line, `notice` one that says itself. `resume` is the item
 * to open at; `tools` as the policy gives them, with `jots` and `onJot(change)`; `onLook(item)`.
 */
export function Exam({ paper, answers, marked, practice, disabled, message, notice, saved, foot, sign, alert, under, load, resume, ...on }) {
  const { index, turn, go } = useCourse(paper, answers, resume);
  const [showKeys, setShowKeys] = useState(false);
  const [zoomed, setZoomed] = useState(null);
  const item = paper.items[index];
  const response = answers[item.id] || [];
  const isMarked = marked.includes(item.id);
  const counts = summary(paper, answers, marked);
  const goTo = (number) => go(Math.max(0, indexOfNumber(paper, number)), true);
  const toggleMark = () => !disabled && on.onMark(item.id, !isMarked);
  const strikes = useStrikes(item, response, { ...on, disabled });
  const note = useNote(item, on);
  useSpokenMoves(item);
  useEffect(() => on.onLook && on.onLook(item.id), [item.id]);
  useKeys({
    move: ({ by }) => go(move(paper, index, by), true),
    choose: ({ index: which }) => pressOption(which),
    strike: ({ index: which }) => strikes.strike && strikes.strike(which),
    note: () => note.offered && note.toggle(),
    zoom: pressZoom,
    mark: toggleMark,
    submit: () => on.onSubmit(goTo),
  });
  const tools = html`<div class="question-tools">
    ${note.offered && html`<${NoteButton} text=${note.text} shown=${note.open} onToggle=${note.toggle} />`}
    <button class="btn btn-quiet" type="button" onClick=${() => setShowKeys(true)}><${Icon} name="keyboard" />${T.paper.keys}</button>
    <button class="btn btn-quiet" type="button" onClick=${on.onDisplay}>${T.frame.display}</button>
  </div>`;
  const handIn = html`<button class="btn btn-block btn-large ${counts.open.length ? "" : "btn-primary"}" type="button" onClick=${() => on.onSubmit(goTo)}>
    ${practice ? T.waiting.practiceEnd : T.paper.submit}
  </button>`;
  return html`<main class="exam" id="main" data-practice=${practice ? "" : null}>
    <section class="question">
      <${QuestionHead} paper=${paper} item=${item} marked=${isMarked} tools=${tools} message=${practice ? T.waiting.practiceOn : message} notice=${notice} />
      ${alert}
      <${QuestionBody} paper=${paper} item=${item} response=${response} disabled=${disabled} onAnswer=${on.onAnswer} focusTurn=${turn}
        lang=${practice ? null : PAPER_LANGUAGE} load=${load} zoom=${load && setZoomed} struck=${strikes.struck} onStrike=${strikes.strike} />
      ${note.open && html`<${NotePanel} key=${item.id} text=${note.text} onWrite=${(text) => on.onJot((old) => notes.write(old, item.id, text))} />`}
      ${under && under(item)}
      <${Buttons} index=${index} total=${paper.items.length} marked=${isMarked} answered=${response.length > 0} disabled=${disabled}
        onGo=${(by) => go(move(paper, index, by), false)} onMark=${toggleMark} onClear=${() => on.onAnswer(item.id, [])} saved=${saved && saved(item.id)} />
    </section>
    <${AnswerCard} paper=${paper} answers=${answers} marked=${marked} counts=${counts} current=${item.number}
      sign=${sign} onGo=${(number) => go(Math.max(0, indexOfNumber(paper, number)), false)} foot=${foot ? foot(handIn) : handIn} />
    ${showKeys && html`<${KeysDialog} onClose=${() => setShowKeys(false)} />`}
    ${zoomed && html`<${ZoomDialog} load=${load} picture=${zoomed} onClose=${() => setZoomed(null)} />`}
  </main>`;
}

function pressOption(which) {
  const row = document.querySelector(`[data-option="${which}"]`);
  if (!row) return;
  row.dispatchEvent(new MouseEvent("click", { bubbles: true })); // an area of a picture has no click()
  requestAnimationFrame(() => {
    const on = row.getAttribute("aria-checked") === "true";
    say(fill(on ? T.paper.chosen : T.paper.unchosen, { letter: letter(which) }));
  });
}

/** The picture of the question, as its own button does it. */
function pressZoom() {
  const button = document.querySelector(".question-body [data-zoom]");
  if (button) button.click();
}
