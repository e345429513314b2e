// Ready: server clock, time to the start, where the sealed paper is, and a way to practise.

import { html } from "./vendor/htm-preact.js";
import { EnrolmentNote } from "./camera.js";
import { ChallengeCard, challengeOf } from "./challenge.js";
import { Facts, FaultNote, Heading, Icon, useNow } from "./parts.js";
import { KeptLink } from "./kept.js";
import { T } from "./texts.js";
import { clockText, dayText, hms, hoursAndMinutes, leftAt, serverNow } from "./time.js";
import { fill } from "./words.js";

/** "1 小时 30 分". */
export function durationText(minutes) {
  const parts = hoursAndMinutes(minutes);
  if (!parts.hours) return fill(T.waiting.minutes, parts);
  return fill(parts.minutes ? T.waiting.hoursMinutes : T.waiting.hours, parts);
}

function Clocks({ store, state }) {
  const now = useNow(store);
  const { view, received } = state;
  const ms = serverNow(view.server_time, received, now);
  const left = leftAt(view.time.starts_in, received, now);
  return html`<div class="clocks">
    <div class="clock-box">
      <span class="muted">${T.waiting.serverClock}</span>
      <span class="clock-large">${ms === null ? "--:--:--" : clockText(ms)}</span>
      <span class="muted num-left">${ms === null ? "" : dayText(ms)}</span>
    </div>
    <div class="clock-box">
      <span class="muted">${T.waiting.startsIn}</span>
      <span class="clock-large">${left === null ? "--:--:--" : hms(left)}</span>
      <span class="muted">${left === 0 ? T.waiting.dueNow : ""}</span>
    </div>
  </div>`;
}

/** The waiting screen. */
export function Waiting({ store, state, onPractise }) {
  const { sitting, seat, paper_ready: ready, watch } = state.view;
  const challenge = challengeOf(watch);
  return html`<div class="stage-wide">
    <${Heading}>${challenge ? T.challenge.heading : T.waiting.title}<//>
    ${challenge ? html`<${ChallengeCard} store=${store} challenge=${challenge} />` : html`<p class="lede">${T.waiting.text}</p>`}
    <div class="card">
      <${Clocks} store=${store} state=${state} />
      <hr />
      <div class="waiting-facts">
        <${Facts} rows=${[
          [T.waiting.startsAt, html`<span class="num-left">${clockText(Date.parse(sitting.starts_at))}</span>`],
          [T.waiting.duration, durationText(sitting.minutes)],
          [T.frame.seat, `${sitting.room} · ${fill(T.frame.seatShort, { seat })}`],
        ]} />
        <span class="tag-line ${ready ? "good" : "off"}" role="status">
          <${Icon} name=${ready ? "lock" : "download"} />${ready ? T.waiting.paperReady : T.waiting.paperComing}
        </span>
      </div>
    </div>
    <${FaultNote} fault=${state.view.fault} />
    ${!challenge && html`<${EnrolmentNote} watch=${watch} />`}
    <div class="row practise">
      <button class="btn btn-large" type="button" onClick=${onPractise}><${Icon} name="edit" />${T.waiting.practise}</button>
      <span class="muted">${T.waiting.practiseHint}</span>
    </div>
    <${KeptLink} store=${store} />
  </div>`;
}

/** The room has started and the paper is not open yet: a moment. */
export const Opening = ({ fault }) => html`<div class="stage-narrow">
  <${Heading}>${T.waiting.opening}<//>
  <p class="lede">${T.waiting.openingText}</p>
  <progress class="progress" aria-label=${T.waiting.opening}></progress>
  <${FaultNote} fault=${fault} />
</div>`;
