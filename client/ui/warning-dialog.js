// An invigilator's warning over whatever the page shows. The time goes on, the paper below stays as it is;
// only reading it closes it, and a missing link never keeps the candidate from going on.

import { html, useEffect, useLayoutEffect, useRef } from "./vendor/htm-preact.js";
import { sentence } from "./messages.js";
import { Icon, useNow } from "./parts.js";
import { T } from "./texts.js";
import { hms, leftAt } from "./time.js";
import { lateness, shown } from "./warnings.js";
import { langOf } from "./words.js";

/** Seconds in which the button takes no press: one that was meant for the paper must not count as reading. */
const CALM_SECONDS = 1;

function Left({ state, now }) {
  const left = state.view.step === "answering" ? leftAt(state.view.time.remaining, state.received, now) : null;
  if (left === null) return null;
  return html`<p class="warning-time"><span class="muted">${T.paper.left}</span><b class="num">${hms(left)}</b></p>`;
}

/** Opens as a modal dialog with the focus on its heading, not on the button; the focus goes back afterwards. */
function useModal() {
  const ref = useRef(null);
  const heading = useRef(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    ref.current.showModal();
    heading.current.focus();
    return () => before && before.isConnected && before.focus({ preventScroll: true });
  }, []);
  return [ref, heading];
}

function Warning({ store, state, warning, now }) {
  const [ref, heading] = useModal();
  const appeared = useRef(now);
  const busy = Boolean(state.reads[warning.warning]);
  const calm = now - appeared.current >= CALM_SECONDS;
  useEffect(() => {
    const dialog = ref.current;
    const stay = (event) => event.key === "Escape" && event.preventDefault();
    dialog.addEventListener("keydown", stay);
    return () => dialog.removeEventListener("keydown", stay);
  }, []);
  const reopen = () => ref.current && !ref.current.open && ref.current.showModal();
  return html`<dialog ref=${ref} class="dialog warning" role="alertdialog" aria-labelledby="warning-title" aria-describedby="warning-text"
    onCancel=${(event) => event.preventDefault()} onClose=${reopen}>
    <div class="dialog-head warning-head">
      <span class="warning-icon"><${Icon} name="look" size="lg" /></span>
      <h2 id="warning-title" ref=${heading} tabindex="-1">${T.warning.title}</h2>
    </div>
    <div class="dialog-body">
      <p class="warning-text" id="warning-text" lang=${langOf(warning.text)}>${warning.text}</p>
      <p class="muted">${T.warning.goOn}</p>
    </div>
    <div class="dialog-foot">
      <${Left} state=${state} now=${now} />
      <button class="btn btn-primary btn-large" type="button" disabled=${busy || !calm} onClick=${() => store.read(warning.warning)}>
        ${busy ? T.warning.busy : T.warning.read}
      </button>
    </div>
  </dialog>`;
}

/** The dialog of the warning that is next to be read, if any; several come one after the other. */
export function Warnings({ store, state }) {
  const now = useNow(store);
  const warning = shown(state.reads, state.view.warnings || [], now);
  return warning && html`<${Warning} key=${warning.warning} store=${store} state=${state} warning=${warning} now=${now} />`;
}

/** "" or the quiet line that a confirmation has not got through yet, and why. */
export function lateText(state, now) {
  const late = lateness(state.reads, state.view.warnings || [], now);
  if (!late) return "";
  return ["no_link", "agent_silent"].includes(late) ? T.warning.late : `${T.warning.late}${sentence(late)}`;
}

/** The same line on the screens without a paper. */
export function LateReading({ store, state }) {
  const now = useNow(store);
  const text = state.phase === "running" ? lateText(state, now) : "";
  return text ? html`<div class="agent-down" role="status"><div class="alert look"><div>${text}</div></div></div>` : null;
}
