// One question: head, stem, options as whole rows.

import { html, useLayoutEffect, useRef } from "./vendor/htm-preact.js";
import { choose, sectionOf, takesMany } from "./answers.js";
import { Icon } from "./parts.js";
import { T } from "./texts.js";
import { fill } from "./words.js";

function Option({ option, index, chosen, many, tabbable, lang, onChoose }) {
  return html`<button type="button" class="option" data-option=${index} role=${many ? "checkbox" : "radio"} aria-checked=${chosen ? "true" : "false"}
    tabindex=${tabbable ? 0 : -1} onClick=${() => onChoose(option.key)}>
    <span class="option-key" data-many=${many ? "" : null} aria-hidden="true">${option.key}</span>
    <span class="option-text" lang=${lang}><span class="sr-only">${option.key}</span>${option.text}</span>
    <span class="option-tick" aria-hidden="true">${chosen && html`<${Icon} name="check" size="lg" />`}</span>
  </button>`;
}

function Options({ item, response, disabled, lang, onAnswer }) {
  const many = takesMany(item.kind);
  const first = item.options.findIndex((option) => response.includes(option.key));
  const press = (key) => !disabled && onAnswer(item.id, choose(item.kind, response, key));
  return html`<div class="options" role=${many ? "group" : "radiogroup"} aria-labelledby="stem">
    ${item.options.map(
      (option, index) => html`<${Option} key=${option.key} option=${option} index=${index} many=${many} lang=${lang} onChoose=${press}
        chosen=${response.includes(option.key)} tabbable=${many || index === Math.max(0, first)} />`,
    )}
  </div>`;
}

/** Number, kind and points, tools on the right; under them the message line, whose place is always kept. */
export function QuestionHead({ paper, item, marked, message, tools }) {
  const section = sectionOf(paper, item);
  const points = item.points || (section && section.points);
  return html`<div class="question-head">
    <h1 class="question-number" id="question-title">${fill(T.paper.questionOf, { number: item.number })}</h1>
    <span class="muted nowrap">${fill(T.paper.ofTotal, { total: paper.items.length })}</span>
    <span class="badge info question-kind">${T.paper.kinds[item.kind] || item.kind}</span>
    ${points && html`<span class="nowrap muted">${T.paper.points(Number(points))}</span>`}
    <span class="badge look question-mark" data-shown=${marked ? "" : null} aria-hidden=${marked ? null : "true"}><${Icon} name="flag" />${T.paper.marked}</span>
    ${tools}
  </div>
  <p class="question-message" role="status">${message}</p>`;
}

/** Stem and options in their own language `lang`; takes the focus when another question is shown by key. */
export function QuestionBody({ item, response, disabled, lang, onAnswer, focusTurn }) {
  const ref = useRef(null);
  useLayoutEffect(() => {
    ref.current.scrollTop = 0;
    if (focusTurn) ref.current.focus({ preventScroll: true });
  }, [item.id, focusTurn]);
  return html`<div class="question-body" ref=${ref} tabindex="-1" role="group" aria-labelledby="question-title stem">
    <p class="stem" id="stem" lang=${lang}>${item.stem}</p>
    <p class="kind-hint">${T.paper.kindHints[item.kind] || ""}</p>
    <${Options} item=${item} response=${response} disabled=${disabled} lang=${lang} onAnswer=${onAnswer} />
  </div>`;
}
