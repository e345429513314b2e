// Before handing in: what is answered, what is open, what is marked, each number a way back to it.

import { html, useEffect } from "./vendor/htm-preact.js";
import { sentence } from "./messages.js";
import { Dialog, Icon, Refusal, useRequest } from "./parts.js";
import { boxState } from "./steps.js";
import { T } from "./texts.js";
import { hms } from "./time.js";
import { fill } from "./words.js";

function Numbers({ title, numbers, onGo }) {
  return html`<section class="submit-numbers">
    <h3>${title}</h3>
    <ul class="cells">
      ${numbers.map(
        (number) => html`<li><button type="button" class="cell" aria-label=${fill(T.submitting.goTo, { number })} onClick=${() => onGo(number)}>${number}</button></li>`,
      )}
    </ul>
  </section>`;
}

/** The summary; going back is the main button while a question is open or marked. */
export function SubmitDialog({ store, state, counts, wait, onGo, onClose }) {
  const [busy, refused, run] = useRequest();
  const flow = boxState(state.box);
  const early = wait !== null && wait > 0;
  const blocked = early || busy || flow !== "clear" || store.down();
  const loose = counts.open.length > 0 || counts.marked.length > 0;
  useEffect(() => {
    const button = document.querySelector("dialog [data-first]");
    if (button) button.focus();
  }, []);
  const send = () => !blocked && run(() => store.api.submit());
  const back = html`<button class="btn btn-large ${loose || early ? "btn-primary" : ""}" type="button" data-first=${loose || early ? "" : null} onClick=${onClose}>${T.submitting.back}</button>`;
  const hand = html`<button class="btn btn-large ${loose || early ? "" : "btn-primary"}" type="button" data-first=${loose || early ? null : ""} disabled=${blocked} onClick=${send}>
    ${busy ? T.submitting.busy : loose ? T.submitting.submitAnyway : T.submitting.submit}
  </button>`;
  const refusal = flow === "stuck" ? T.submitting.unsaved : refused ? sentence(refused.code, refused.params) : "";
  return html`<${Dialog} title=${T.submitting.title} onClose=${onClose} foot=${loose || early ? [hand, back] : [back, hand]} wide>
    <p class="submit-progress"><span>${T.submitting.answered}</span><b class="num">${fill(T.submitting.progress, counts)}</b>
      <progress class="progress" max=${counts.total} value=${counts.answered} aria-hidden="true"></progress></p>
    ${counts.open.length === 0 && html`<p><span class="tag-line good"><${Icon} name="check" />${T.submitting.allAnswered}</span></p>`}
    ${counts.open.length > 0 && html`<${Numbers} title=${T.submitting.open(counts.open.length)} numbers=${counts.open} onGo=${onGo} />`}
    ${counts.marked.length > 0 && html`<${Numbers} title=${T.submitting.marked(counts.marked.length)} numbers=${counts.marked} onGo=${onGo} />`}
    ${!state.view.link.up && html`<div class="alert look"><div>${T.submitting.offline}</div></div>`}
    ${early
      ? html`<div class="alert look"><div>${fill(T.submitting.tooEarly, { clock: hms(wait) })}</div></div>`
      : html`<p class="muted">${T.submitting.final}</p>`}
    <${Refusal} text=${refusal} />
  <//>`;
}
