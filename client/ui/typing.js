// Answers that are typed: kept here while the candidate types, given on after a pause and on leaving, so
// that the journal holds one record a pause and not one a key.

import { html, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import { essay, fillGap, gapLimit, gapTexts, letter, TEXT_LIMIT } from "./answers.js";
import { plainOf, Rich } from "./richtext.js";
import { T } from "./texts.js";
import { fill } from "./words.js";

const PAUSE_MS = 1000;
/** Who never pauses is saved all the same. */
const LONGEST_MS = 5000;

/** `{value, type(value), leave()}`: what is shown, and how it changes; `save` gets it in time. */
export function useDraft(saved, save) {
  const [draft, setDraft] = useState(null);
  const box = useRef({ waiting: null, pause: 0, longest: 0 }).current;
  box.save = save;
  const flush = () => {
    clearTimeout(box.pause);
    clearTimeout(box.longest);
    box.longest = 0;
    const value = box.waiting;
    box.waiting = null;
    if (value !== null) box.save(value);
  };
  const type = (value) => {
    box.waiting = value;
    setDraft(value);
    clearTimeout(box.pause);
    box.pause = setTimeout(flush, PAUSE_MS);
    box.longest = box.longest || setTimeout(flush, LONGEST_MS);
  };
  const leave = () => {
    flush();
    setDraft(null);
  };
  useEffect(() => flush, []);
  return { value: draft === null ? saved : draft, type, leave };
}

const WIDE = /[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe6f\uff00-\uffe6]/;
const widthOf = (text) => [...text].reduce((sum, sign) => sum + (WIDE.test(sign) ? 2 : 1), 0);
const GAP_LEAST = 8;
const GAP_WIDEST = 40;

function Typed({ gap, most, text, label, disabled, onType, onLeave }) {
  return html`<input class="gap" type="text" aria-label=${label} value=${text} disabled=${disabled} maxlength=${most}
    size=${Math.min(GAP_WIDEST, Math.max(GAP_LEAST, widthOf(text) + 2))} inputmode=${gap.kind === "numeric" ? "decimal" : null}
    data-empty=${text.trim() ? null : ""} autocomplete="off" autocapitalize="off" spellcheck=${false}
    onInput=${(event) => onType(event.target.value)} onBlur=${onLeave} />`;
}

function Picked({ gap, text, label, markup, disabled, onType, onLeave }) {
  return html`<select class="gap" aria-label=${label} value=${text} disabled=${disabled} data-empty=${text ? null : ""}
    onChange=${(event) => (onType(event.target.value), onLeave())}>
    <option value="" selected=${!text}>${T.paper.choose}</option>
    ${gap.choices.map((choice, place) => html`<option key=${choice.key} value=${choice.key} selected=${choice.key === text}>${letter(place)}. ${plainOf(choice.text, markup)}</option>`)}
  </select>`;
}

/** A stem with its gaps in it. */
export function GapStem({ item, response, disabled, load, zoom, onAnswer }) {
  const gaps = item.gaps;
  const draft = useDraft(response, (value) => !disabled && onAnswer(item.id, value));
  const texts = gapTexts(draft.value, gaps.length);
  const draw = (key) => {
    const place = gaps.findIndex((gap) => gap.key === key);
    if (place < 0) return null;
    const label = fill(T.paper.gap, { number: place + 1 });
    const type = (text) => draft.type(fillGap(draft.value, gaps.length, place, text));
    const Kind = gaps[place].choices ? Picked : Typed;
    return html`<${Kind} key=${`gap-${key}`} gap=${gaps[place]} most=${gapLimit(gaps.length)} text=${texts[place]} label=${label} markup=${item.markup}
      disabled=${disabled} onType=${type} onLeave=${draft.leave} />`;
  };
  return html`<${Rich} text=${item.stem} markup=${item.markup} gap=${draw} load=${load} zoom=${zoom} />`;
}

/** A text of several lines with the number of its characters. */
export function Essay({ item, response, disabled, onAnswer }) {
  const draft = useDraft(response, (value) => !disabled && onAnswer(item.id, value));
  const text = draft.value[0] || "";
  const full = text.length >= TEXT_LIMIT;
  return html`<div class="essay">
    <textarea class="essay-text" rows="12" aria-labelledby="stem" aria-describedby="essay-count" value=${text} disabled=${disabled}
      maxlength=${TEXT_LIMIT} spellcheck=${false} onInput=${(event) => draft.type(essay(event.target.value))} onBlur=${draft.leave}></textarea>
    <p class="essay-count num ${full ? "act" : "muted"}" id="essay-count">${fill(T.paper.characters, { count: text.length, most: TEXT_LIMIT })}</p>
  </div>`;
}
