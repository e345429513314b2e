// Small decisions of the screens, without a screen: what is shown, what is still missing, what was typed.

/** The screen for a state: the page's own phase first, then the step the agent names. */
export function screenOf(state) {
  if (state.phase !== "running") return state.phase;
  const { step } = state.view;
  if (step !== "answering") return step;
  return state.paper ? "answering" : "opening";
}

/** Faults of the disk that the agent's data lies on. */
const DISK = ["disk_full", "read_only", "disk_error"];

/** Whether nothing that is answered here would be kept; the paper itself says it in its own place. */
export const cannotSave = (view, exam) => Boolean(view) && !exam && (view.saving === "unsaved" || DISK.includes(view.fault));

/** What was typed, as it is sent: half-width, without blanks, upper case. */
export const tidy = (text) => text.normalize("NFKC").replace(/\s/g, "").toUpperCase();

/** Pixels above the end that still count as read: the last line's own leading. */
const NEAR_END = 24;

/** Whether a scrolling element shows its end; true for one that has nothing to scroll. */
export const atEnd = ({ scrollTop, clientHeight, scrollHeight }) => scrollTop + clientHeight >= scrollHeight - NEAR_END;

/** What is still to be done before the rules are accepted, in the order of the page; "" when nothing is. */
export function missingPart(read, consent, promised) {
  if (!read) return "read";
  if (consent === null) return "consent";
  return promised ? "" : "promise";
}

/** Whether anything is still on its way to the agent: "clear", "busy" or "stuck"; what it refused is not. */
export function boxState(box) {
  if (box.entries.some((entry) => entry.state === "unsaved")) return "stuck";
  return box.entries.some((entry) => !["here", "refused"].includes(entry.state)) ? "busy" : "clear";
}

/** Words of the agent for a camera that gives nothing, and the sign of each. */
const BROKEN = { lost: "lost", unavailable: "unavailable", "": "absent" };

/**
 * The camera in one word: "" (not a smart room, or it only stands by), "manual", "enrolling", "working",
 * or why it does not work: "lost", "unavailable", "absent".
 */
export function cameraSign(watch) {
  if (!watch || !watch.mode) return "";
  if (watch.mode === "manual") return "manual";
  if (Object.hasOwn(BROKEN, watch.camera)) return BROKEN[watch.camera];
  return watch.mode === "enrol" ? "enrolling" : "working";
}

/** How the enrolment before the start stands: as `cameraSign`, and "done" once nothing is left to do. */
export function enrolmentSign(watch) {
  if (!watch) return "";
  if (watch.mode) return cameraSign(watch) === "working" ? "done" : cameraSign(watch);
  return BROKEN[watch.camera] || "done";
}
