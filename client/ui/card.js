// The answer card: every question as a cell, counts, legend, and the way to hand in.

import { html, useEffect, useRef } from "./vendor/htm-preact.js";
import { sectionsOf, standing } from "./answers.js";
import { Icon } from "./parts.js";
import { T } from "./texts.js";
import { fill, langOf } from "./words.js";

const STANDING = { done: "answered", part: "partAnswered", open: "open" };

function cellState(state, marked, current) {
  const words = [T.paper[STANDING[state]]];
  if (marked) words.push(T.paper.marked);
  if (current) words.push(T.paper.current);
  return words.join("、");
}

function Cell({ item, state, marked, current, onGo }) {
  const ref = useRef(null);
  useEffect(() => {
    if (current) ref.current.scrollIntoView({ block: "nearest" });
  }, [current]);
  const label = fill(T.paper.cell, { number: item.number, state: cellState(state, marked, current) });
  return html`<li><button ref=${ref} type="button" class="cell" data-answered=${state === "done" ? "" : null} data-part=${state === "part" ? "" : null}
    data-marked=${marked ? "" : null} aria-current=${current ? "true" : null} aria-label=${label} onClick=${() => onGo(item.number)}>
    ${item.number}${marked && html`<${Icon} name="flag" />`}
  </button></li>`;
}

function Legend({ counts }) {
  return html`<ul class="legend">
    <li><span class="cell cell-sample" data-answered=""></span>${T.paper.answered} <b class="num">${counts.answered}</b></li>
    ${counts.part.length > 0 && html`<li><span class="cell cell-sample" data-part=""></span>${T.paper.partAnswered} <b class="num">${counts.part.length}</b></li>`}
    <li><span class="cell cell-sample"></span>${T.paper.open} <b class="num">${counts.open.length - counts.part.length}</b></li>
    <li><span class="cell cell-sample" data-marked=""><${Icon} name="flag" /></span>${T.paper.marked} <b class="num">${counts.marked.length}</b></li>
  </ul>`;
}

/** `counts` is the paper's summary; `sign` the camera's state; `foot` the hand-in button with its line. */
export function AnswerCard({ paper, answers, marked, counts, current, onGo, sign, foot }) {
  return html`<aside class="answer-card" aria-label=${T.paper.card}>
    <div class="answer-card-head"><div class="answer-card-title"><h2>${T.paper.card}</h2>${sign}</div><${Legend} counts=${counts} /></div>
    <div class="answer-card-cells">
      ${sectionsOf(paper).map(
        (section) => html`<section>
          ${section.title && html`<h3 lang=${langOf(section.title)}>${section.title}</h3>`}
          <ol class="cells">
            ${section.items.map(
              (item) => html`<${Cell} key=${item.id} item=${item} onGo=${onGo} current=${item.number === current}
                state=${standing(item, answers[item.id])} marked=${marked.includes(item.id)} />`,
            )}
          </ol>
        </section>`,
      )}
    </div>
    <div class="answer-card-foot">${foot}</div>
  </aside>`;
}
