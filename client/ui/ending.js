// After the paper: receipt, and the full calm pages that say what happened and what to do.

import { html } from "./vendor/htm-preact.js";
import { reasonText } from "./messages.js";
import { KeptLink } from "./kept.js";
import { Facts, FaultNote, Heading, Icon, usePicture } from "./parts.js";
import { LeaveSeb } from "./seb-leave.js";
import { T } from "./texts.js";
import { clockText, dayText, hms } from "./time.js";
import { fill } from "./words.js";

/** A full page: icon, what happened, what to do. */
export function Calm({ look = "info", icon = "info", title, text, children }) {
  return html`<div class="calm" data-look=${look}>
    <span class="calm-icon"><${Icon} name=${icon} size="xl" /></span>
    <${Heading}>${title}<//>
    ${text && html`<p class="calm-text">${text}</p>`}
    ${children}
  </div>`;
}

function ReceiptCard({ store, receipt }) {
  const url = usePicture(store.api, "/api/receipt.svg", true);
  const at = Date.parse(receipt.submitted_at);
  const progress = receipt.total ? fill(T.submitting.progress, receipt) : String(receipt.answered);
  return html`<div class="card receipt">
    <div>
      <${Facts} rows=${[
        [T.ending.at, html`<span class="num-left">${dayText(at)} ${clockText(at)}</span>`],
        [T.ending.answered, html`<span class="num-left">${progress}</span>`],
        [T.ending.ticket, html`<span class="num-left">${receipt.ticket}</span>`],
        [T.ending.code, html`<b class="mono receipt-code">${receipt.short}</b>`],
      ]} />
      <p class="hint">${T.ending.qrHint}</p>
    </div>
    <div class="receipt-qr">${url && html`<img src=${url} alt=${T.ending.qr} width="184" height="184" />`}</div>
  </div>`;
}

function Pending({ view }) {
  const { waiting } = view.link;
  return html`<div class="card pending" role="status">
    <p><span class="tag-line look"><${Icon} name="screen" />${T.ending.pending}</span></p>
    <p class="muted">${T.ending.pendingText}</p>
    <p class="muted num-left">${waiting ? T.ending.waiting(waiting) : ""}</p>
  </div>`;
}

/** Handed in, by the candidate or at the deadline: the receipt, or the wait for it. */
export function Submitted({ store, state }) {
  const { view } = state;
  const over = view.step === "time_over";
  return html`<${Calm} look="good" icon="check" title=${over ? T.ending.timeOver : T.ending.submitted} text=${over ? T.ending.timeOverText : ""}>
    ${view.receipt ? html`<${ReceiptCard} store=${store} receipt=${view.receipt} />` : html`<${Pending} view=${view} />`}
    ${view.receipt && html`<p class="calm-do"><${Icon} name="hand" size="lg" />${T.ending.raise}</p>`}
    <${KeptLink} store=${store} />
    ${view.receipt && html`<${LeaveSeb} view=${view} />`}
  <//>`;
}

/** Ended by an invigilator; the reason stands there when one was given. */
export function Ended({ store, state }) {
  const { notice, receipt } = state.view;
  return html`<${Calm} look="off" icon="off" title=${T.ending.ended} text=${T.ending.endedText}>
    ${notice && html`<div class="card"><${Facts} rows=${[[T.ending.reason, reasonText(notice)]]} /></div>`}
    ${receipt && html`<${ReceiptCard} store=${store} receipt=${receipt} />`}
    <${KeptLink} store=${store} />
  <//>`;
}

/** Time stands still: what is left does not move, whatever the clock says. */
export function Paused({ state }) {
  const left = state.view.time.remaining;
  return html`<${Calm} look="look" icon="pause" title=${T.ending.paused} text=${T.ending.pausedText}>
    ${left !== null && html`<p class="muted" data-paused>${T.ending.pausedLeft} <b class="num">${hms(left)}</b></p>`}
  <//>`;
}

/** Pages without more than words, by name. */
const PAGES = {
  locked: () => ({ look: "info", icon: "clock", title: T.ending.locked, text: T.ending.lockedText }),
  moved: () => ({ look: "info", icon: "right", title: T.ending.moved, text: T.ending.movedText }),
  absent: () => ({ look: "off", icon: "off", title: T.ending.absent, text: T.ending.absentText }),
  starting: () => ({ look: "off", icon: "clock", title: T.idle.starting }),
  offline_start: () => ({ look: "off", icon: "server", title: T.idle.offline, text: T.idle.offlineText }),
  unpaired: () => ({ look: "look", icon: "key", title: T.idle.unpaired, text: T.idle.unpairedText }),
  unassigned: () => ({ look: "off", icon: "off", title: T.idle.unassigned, text: T.idle.unassignedText }),
  taken_over: () => ({ look: "look", icon: "screen", title: T.idle.takenOver, text: T.idle.takenOverText }),
  no_token: () => ({ look: "look", icon: "lock", title: T.idle.noToken, text: T.idle.noTokenText }),
};

/** One of the pages above; an unknown step shows the quiet "connecting" page, never an empty one. */
export const Page = ({ name, fault }) => html`<${Calm} key=${name} ...${(PAGES[name] || PAGES.offline_start)()}>
  <${FaultNote} fault=${fault} />
<//>`;

/** Drawing failed: nothing that was saved is touched, and loading the page again goes on from it. */
export const Broken = () => html`<${Calm} look="look" icon="look" title=${T.idle.broken} text=${T.idle.brokenText}>
  <button class="btn btn-primary btn-large" type="button" onClick=${() => location.reload()}>${T.idle.reload}</button>
<//>`;
