// One question: head, stem, and what its kind is answered with. Letters of options go by their place; the
// keys behind them are the paper's own and are never shown.

import { html, useLayoutEffect, useRef } from "./vendor/htm-preact.js";
import { choose, groupOf, hasOptions, letter, sectionOf, takesMany } from "./answers.js";
import { Hotspot, Match, Order } from "./arranging.js";
import { Icon } from "./parts.js";
import { pictureOf, Rich } from "./richtext.js";
import { T } from "./texts.js";
import { Essay, GapStem } from "./typing.js";
import { fill } from "./words.js";

function Option({ option, index, markup, chosen, struck, many, tabbable, lang, load, onChoose }) {
  return html`<button type="button" class="option" data-option=${index} role=${many ? "checkbox" : "radio"} aria-checked=${chosen ? "true" : "false"}
    data-struck=${struck ? "" : null} tabindex=${tabbable ? 0 : -1} onClick=${() => onChoose(option.key)}>
    <span class="option-key" data-many=${many ? "" : null} aria-hidden="true">${letter(index)}</span>
    <span class="option-text"><span class="sr-only">${letter(index)} ${struck ? `${T.paper.struck} ` : ""}</span><span class="option-words" lang=${lang}>
      <${Rich} text=${option.text} markup=${markup} load=${load} /></span></span>
    <span class="option-tick" aria-hidden="true">${chosen && html`<${Icon} name="check" size="lg" />`}</span>
  </button>`;
}

/** What stands beside an option: enlarging its picture, striking it out. The row's own button answers. */
function Beside({ option, index, markup, chosen, struck, tabbable, zoom, onStrike }) {
  const picture = zoom && pictureOf(option.text, markup);
  const words = { letter: letter(index) };
  return html`${picture && html`<button type="button" class="btn option-side" data-zoom aria-label=${fill(T.paper.enlargeOf, { alt: words.letter })} onClick=${() => zoom(picture)}>
      <${Icon} name="search" /></button>`}
    ${onStrike && html`<button type="button" class="btn option-side" data-strike=${index} aria-pressed=${struck ? "true" : "false"} disabled=${chosen} tabindex=${tabbable ? 0 : -1}
      aria-label=${fill(struck ? T.paper.unstrike : T.paper.strike, words)} title=${fill(struck ? T.paper.unstrike : T.paper.strike, words)}
      onClick=${() => onStrike(index)}><${Icon} name=${struck ? "plus" : "strike"} /></button>`}`;
}

function Options({ item, response, disabled, lang, load, zoom, struck = [], onStrike, onAnswer }) {
  const many = takesMany(item.kind);
  const first = item.options.findIndex((option) => response.includes(option.key));
  const press = (key) => !disabled && onAnswer(item.id, choose(item.kind, response, key));
  return html`<div class="options" role=${many ? "group" : "radiogroup"} aria-labelledby="stem">
    ${item.options.map((option, index) => {
      const given = { option, index, many, lang, load, zoom, markup: item.markup, chosen: response.includes(option.key) };
      const tabbable = many || index === Math.max(0, first);
      const out = struck.includes(option.key) && !given.chosen;
      return html`<div class="option-row" key=${option.key}>
        <${Option} ...${given} tabbable=${tabbable} struck=${out} onChoose=${press} />
        <${Beside} ...${given} tabbable=${tabbable} struck=${out} onStrike=${onStrike} />
      </div>`;
    })}
  </div>`;
}

/** What a kind is answered with under its stem; gaps are in the stem itself. */
const ANSWERS = { match: Match, order: Order, hotspot: Hotspot, essay: Essay };
const answerOf = (item) => (hasOptions(item.kind) ? Options : ANSWERS[item.kind]);

/** The stem that the parts of a case have in common. */
function Case({ group, lang, load, zoom }) {
  const title = fill(T.paper.caseOf, { first: group.first, last: group.last });
  return html`<details class="case" open>
    <summary>${title}</summary>
    <div class="case-text" tabindex="0" role="group" aria-label=${title} lang=${lang}><${Rich} text=${group.stem} markup=${group.markup} load=${load} zoom=${zoom} /></div>
  </details>`;
}

/**
 * Number, kind and points, tools on the right; under them the message line, whose place is always kept:
 * `message` is said, `notice` (an announcement) was said by who brought it.
 */
export function QuestionHead({ paper, item, marked, message, notice, tools }) {
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
  <div class="question-message"><span class="question-said" role="status">${message}</span>${!message && notice}</div>`;
}

/** Stem and answer in their own language `lang`; takes the focus when another question is shown by key. */
export function QuestionBody({ paper, item, lang, focusTurn, ...rest }) {
  const ref = useRef(null);
  useLayoutEffect(() => {
    ref.current.scrollTop = 0;
    if (focusTurn) ref.current.focus({ preventScroll: true });
  }, [item.id, focusTurn]);
  const group = groupOf(paper, item);
  const Answer = answerOf(item);
  const given = { item, lang, ...rest };
  return html`<div class="question-body" ref=${ref} tabindex="-1" role="group" aria-labelledby="question-title stem">
    ${group && html`<${Case} key=${item.group} group=${group} lang=${lang} load=${rest.load} zoom=${rest.zoom} />`}
    <div class="stem" id="stem" lang=${lang}>
      ${item.gaps ? html`<${GapStem} key=${item.id} ...${given} />` : html`<${Rich} text=${item.stem} markup=${item.markup} load=${rest.load} zoom=${rest.zoom} />`}
    </div>
    <p class="kind-hint">${T.paper.kindHints[item.kind] || ""}</p>
    ${Answer && html`<${Answer} key=${item.id} ...${given} />`}
  </div>`;
}
