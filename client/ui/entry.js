// Sign-in, the wait for the invigilator, and "is this you?".

import { html, useRef, useState } from "./vendor/htm-preact.js";
import { sentence } from "./messages.js";
import { Facts, Heading, Icon, Refusal, usePicture, useRequest } from "./parts.js";
import { tidy } from "./steps.js";
import { T } from "./texts.js";
import { fill, langOf } from "./words.js";

function Field({ id, label, hint, error, inputRef, ...rest }) {
  const about = error ? `${id}-hint ${id}-error` : `${id}-hint`;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <input id=${id} ref=${inputRef} type="text" autocomplete="off" spellcheck=${false} aria-describedby=${about}
      aria-invalid=${error ? "true" : null} ...${rest} />
    ${error ? html`<p class="error" id="${id}-error">${error}</p>` : html`<span class="hint" id="${id}-hint">${hint}</span>`}
  </div>`;
}

/** Ticket number and ID number. */
export function SignIn({ store, state }) {
  const [busy, refused, run] = useRequest();
  const [missing, setMissing] = useState({});
  const ticket = useRef(null);
  const idNumber = useRef(null);
  const send = (event) => {
    event.preventDefault();
    const typed = { ticket: tidy(ticket.current.value), id: tidy(idNumber.current.value) };
    const absent = { ticket: typed.ticket ? "" : T.signIn.ticketMissing, id: typed.id ? "" : T.signIn.idMissing };
    setMissing(absent);
    if (absent.ticket) return ticket.current.focus();
    if (absent.id) return idNumber.current.focus();
    run(() => store.api.signIn(typed.ticket, typed.id));
  };
  const { sitting, seat } = state.view;
  return html`<div class="stage-narrow">
    <${Heading}>${T.signIn.title}<//>
    <p class="lede">${T.signIn.lede}</p>
    <form class="card form sign-in" onSubmit=${send} novalidate>
      <p class="sign-in-seat"><span class="muted">${T.frame.seat}</span><b class="num">${seat}</b>
        <span class="muted" lang=${langOf(sitting && sitting.room)}>${sitting ? sitting.room : ""}</span></p>
      <${Field} id="ticket" label=${T.signIn.ticket} hint=${T.signIn.ticketHint} error=${missing.ticket} inputRef=${ticket} inputmode="numeric" maxlength="40" />
      <${Field} id="id-number" label=${T.signIn.idNumber} hint=${T.signIn.idHint} error=${missing.id} inputRef=${idNumber} maxlength="40" />
      <${Refusal} text=${refused && sentence(refused.code, refused.params)} />
      <button class="btn btn-primary btn-block btn-large" disabled=${busy}>${busy ? T.signIn.busy : T.signIn.go}</button>
    </form>
    <p class="stage-foot"><${Icon} name="hand" />${T.signIn.help}</p>
  </div>`;
}

/** Signed in; an invigilator looks at the person. */
export function Identified({ state }) {
  const { candidate, seat } = state.view;
  return html`<div class="stage-narrow">
    <${Heading}>${T.identify.waitTitle}<//>
    <p class="lede">${T.identify.waitText}</p>
    <div class="card">
      <${Facts} rows=${[
        ...(candidate ? [[T.identify.name, candidate.name], [T.frame.ticket, candidate.ticket]] : []),
        [T.frame.seat, seat],
      ]} />
    </div>
  </div>`;
}

function Photo({ store, candidate }) {
  const url = usePicture(store.api, "/api/photo", candidate.has_photo);
  const name = fill(T.identify.photo, { name: candidate.name });
  if (url) return html`<img class="photo photo-large" src=${url} alt=${name} />`;
  return html`<div class="photo photo-large photo-none">
    ${url === null && html`<${Icon} name="user" size="xl" /><span>${T.identify.noPhoto}</span>`}
  </div>`;
}

/** The large photo, the name, and two equally easy answers. */
export function Confirm({ store, state }) {
  const [busy, refused, run] = useRequest();
  const { candidate, sitting, seat } = state.view;
  const say = (isMe) => () => run(() => store.api.confirm(isMe));
  return html`<div class="stage-wide">
    <${Heading}>${T.identify.title}<//>
    <p class="lede">${T.identify.lede}</p>
    <div class="card confirm">
      <${Photo} store=${store} candidate=${candidate} />
      <div class="confirm-side">
        <p class="confirm-name" lang=${langOf(candidate.name)}>${candidate.name}</p>
        <${Facts} rows=${[
          [T.identify.idNumber, html`<span class="num-left">${candidate.id_masked}</span>`],
          [T.frame.ticket, html`<span class="num-left">${candidate.ticket}</span>`],
          [T.identify.employer, candidate.employer || T.identify.none],
          ...(sitting ? [[T.identify.exam, `${sitting.occupation} · ${sitting.level_name}`]] : []),
          [T.frame.seat, sitting ? `${sitting.room} · ${fill(T.frame.seatShort, { seat })}` : seat],
        ]} />
        <${Refusal} text=${refused && sentence(refused.code, refused.params)} />
        <div class="confirm-actions">
          <button class="btn btn-primary btn-large" type="button" disabled=${busy} onClick=${say(true)}>${T.identify.isMe}</button>
          <button class="btn btn-large" type="button" disabled=${busy} onClick=${say(false)}>${T.identify.notMe}</button>
        </div>
      </div>
    </div>
  </div>`;
}
