// The paper: one question on the left, the answer card on the right, everything by keyboard. The same
// screen serves the practice questions; it knows nothing about where answers go.

import { html, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import { indexOfNumber, isAnswered, move, summary } from "./answers.js";
import { AnswerCard } from "./card.js";
import { actOf } from "./keys.js";
import { Dialog, Icon } from "./parts.js";
import { QuestionBody, QuestionHead } from "./question.js";
import { T } from "./texts.js";

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

/** Listens to the keys while no dialog is open. `acts` is asked anew at each press. */
function useKeys(acts) {
  const latest = useRef(acts);
  latest.current = acts;
  useEffect(() => {
    const press = (event) => {
      if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
      const facts = { code: event.code, ctrl: event.ctrlKey, alt: event.altKey, meta: event.metaKey, shift: event.shiftKey };
      const found = actOf(facts, whereIs(event.target));
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

/** The keys, behind their button. */
function KeysDialog({ onClose }) {
  const foot = html`<button class="btn btn-primary" type="button" onClick=${onClose}>${T.frame.close}</button>`;
  return html`<${Dialog} title=${T.paper.keysTitle} onClose=${onClose} foot=${foot}>
    <dl class="facts">${T.paper.keyList.map(([key, what]) => html`<dt><kbd>${key}</kbd></dt><dd>${what}</dd>`)}</dl>
  <//>`;
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

function firstOpen(paper, answers) {
  const open = paper.items.findIndex((item) => !isAnswered(answers, item));
  return Math.max(0, open);
}

function useCourse(paper, answers) {
  const [index, setIndex] = useState(() => firstOpen(paper, answers));
  const [turn, setTurn] = useState(1);
  const go = (next, focus) => {
    setIndex(next);
    if (focus) setTurn((old) => old + 1);
  };
  return { index: Math.min(index, paper.items.length - 1), turn, go };
}

/**
 * The screen. `answers`, `marked` as the candidate should see them; `onAnswer(item, response)`,
 * `onMark(item, on)`, `onSubmit(goTo)`, `onDisplay()`; `load(sha)` gives the address of a medium; `saved(item)`
 * and `foot(counts, open)` draw what only the real paper has, `sign` the camera's state, `under(item)` what
 * stands below a question; `message` is one quiet line.
 */
export function Exam({ paper, answers, marked, practice, disabled, message, saved, foot, sign, alert, under, load, ...on }) {
  const { index, turn, go } = useCourse(paper, answers);
  const [showKeys, setShowKeys] = useState(false);
  const item = paper.items[index];
  const response = answers[item.id] || [];
  const isMarked = marked.includes(item.id);
  const counts = summary(paper, answers, marked);
  const goTo = (number) => go(Math.max(0, indexOfNumber(paper, number)), true);
  const toggleMark = () => !disabled && on.onMark(item.id, !isMarked);
  useKeys({
    move: ({ by }) => go(move(paper, index, by), true),
    choose: ({ index: which }) => pressOption(which),
    mark: toggleMark,
    submit: () => on.onSubmit(goTo),
  });
  const tools = html`<div class="question-tools">
    <button class="btn btn-quiet" type="button" onClick=${() => setShowKeys(true)}><${Icon} name="keyboard" />${T.paper.keys}</button>
    <button class="btn btn-quiet" type="button" onClick=${on.onDisplay}>${T.frame.display}</button>
  </div>`;
  const handIn = html`<button class="btn btn-block btn-large ${counts.open.length ? "" : "btn-primary"}" type="button" onClick=${() => on.onSubmit(goTo)}>
    ${practice ? T.waiting.practiceEnd : T.paper.submit}
  </button>`;
  return html`<main class="exam" id="main" data-practice=${practice ? "" : null}>
    <section class="question">
      <${QuestionHead} paper=${paper} item=${item} marked=${isMarked} tools=${tools} message=${practice ? T.waiting.practiceOn : message} />
      ${alert}
      <${QuestionBody} paper=${paper} item=${item} response=${response} disabled=${disabled} onAnswer=${on.onAnswer} focusTurn=${turn}
        lang=${practice ? null : PAPER_LANGUAGE} load=${load} />
      ${under && under(item)}
      <${Buttons} index=${index} total=${paper.items.length} marked=${isMarked} answered=${response.length > 0} disabled=${disabled}
        onGo=${(by) => go(move(paper, index, by), false)} onMark=${toggleMark} onClear=${() => on.onAnswer(item.id, [])} saved=${saved && saved(item.id)} />
    </section>
    <${AnswerCard} paper=${paper} answers=${answers} marked=${marked} counts=${counts} current=${item.number}
      sign=${sign} onGo=${(number) => go(Math.max(0, indexOfNumber(paper, number)), false)} foot=${foot ? foot(handIn) : handIn} />
    ${showKeys && html`<${KeysDialog} onClose=${() => setShowKeys(false)} />`}
  </main>`;
}

function pressOption(which) {
  const row = document.querySelector(`[data-option="${which}"]`);
  if (row) row.dispatchEvent(new MouseEvent("click", { bubbles: true })); // an area of a picture has no click()
}
