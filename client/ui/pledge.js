// Exam rules and honesty pledge. The end of the text has to be reached. In a smart room face comparison is a
// choice of its own, with both answers equally easy; none is preset unless the candidate gave one at the sign-in
// desk, which is shown to be confirmed. In other rooms nothing is asked.

import { html, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import { CONSENT_VERSION } from "./consent-texts.js";
import { KeptLink } from "./kept.js";
import { sentence } from "./messages.js";
import { Heading, Icon, Refusal, useRequest } from "./parts.js";
import { rulesOf } from "./rules.js";
import { atEnd, missingPart } from "./steps.js";
import { T } from "./texts.js";
import { fill } from "./words.js";

function RulesText({ rules, version, onEnd }) {
  const ref = useRef(null);
  const look = () => ref.current && atEnd(ref.current) && onEnd();
  useEffect(() => {
    look();
    addEventListener("resize", look);
    return () => removeEventListener("resize", look);
  }, []);
  return html`<div class="card rules" ref=${ref} tabindex="0" role="region" aria-label=${T.pledge.region} onScroll=${look}>
    ${rules.map(
      (section) => html`<section class=${section.pledge ? "rules-pledge" : ""}>
        <h2>${section.title}</h2>
        <ol>${section.lines.map((line) => html`<li>${line}</li>`)}</ol>
      </section>`,
    )}
    <p class="muted">${fill(T.pledge.version, { version })}</p>
  </div>`;
}

function Consent({ value, days, said, onChoose }) {
  const choice = (mine, word) => html`<label class="choice">
    <input type="radio" name="consent" checked=${value === mine} onChange=${() => onChoose(mine)} /><span>${word}</span>
  </label>`;
  return html`<fieldset class="fieldset">
    <legend>${T.pledge.consentTitle}</legend>
    <ul class="consent-text">${T.pledge.consentText.map((text) => html`<li>${fill(text, { days })}</li>`)}</ul>
    ${said !== null && html`<p class="hint" role="note">${T.pledge.consentSaid}</p>`}
    <div class="field-row consent-choices">${choice(true, T.pledge.agree)}${choice(false, T.pledge.disagree)}</div>
    <p class="hint">${T.pledge.consentFree}</p>
  </fieldset>`;
}

/** Rules, consent, pledge, one button. */
export function Pledge({ store, state }) {
  const version = state.view.sitting.rules_version;
  const { watch } = state.view;
  const rules = rulesOf(version);
  const [read, setRead] = useState(false);
  const said = state.view.candidate?.face_consent ?? null; // at the sign-in desk: shown as chosen, free to change
  const [choice, setConsent] = useState(said);
  const consent = watch ? choice : false;
  const [promised, setPromised] = useState(false);
  const [busy, refused, run] = useRequest();
  if (!rules) return html`<div class="stage-narrow"><div class="alert act" role="alert"><div>${fill(T.pledge.unknownVersion, { version })}</div></div></div>`;
  const missing = missingPart(read, consent, promised);
  const send = () => !missing && run(() => store.api.accept(version, consent, watch ? CONSENT_VERSION : ""));
  const line = refused ? sentence(refused.code, refused.params) : "";
  return html`<div class="stage-full pledge">
    <div class="row between"><${Heading}>${T.pledge.title}<//><${KeptLink} store=${store} /></div>
    <div class="pledge-columns">
      <${RulesText} rules=${rules} version=${version} onEnd=${() => setRead(true)} />
      <div class="pledge-side">
        ${watch && html`<div class="card"><${Consent} value=${consent} days=${watch.keep_days} said=${said} onChoose=${setConsent} /></div>`}
        <label class="choice promise">
          <input type="checkbox" checked=${promised} disabled=${!read} onChange=${(event) => setPromised(event.target.checked)} />
          <span>${T.pledge.promise}</span>
        </label>
        <div>
          <p class="pledge-state" role="status" id="pledge-state">
            ${line
              ? html`<span class="tag-line act"><${Icon} name="act" />${line}</span>`
              : missing
                ? html`<span class="tag-line off"><${Icon} name="info" />${T.pledge.missing[missing]}</span>`
                : html`<span class="tag-line good"><${Icon} name="check" />${T.pledge.readDone}</span>`}
          </p>
          <button class="btn btn-primary btn-block btn-large" type="button" aria-disabled=${missing || busy ? "true" : null}
            aria-describedby="pledge-state" onClick=${send}>${T.pledge.go}</button>
        </div>
      </div>
    </div>
  </div>`;
}
