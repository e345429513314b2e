// Warnings by an invigilator and their confirmations on the way to the server. Pure: values in, values out.
// `reads` is {id: {state: "waiting"|"sending"|"failed"|"read", since, retryAt, code}}.

/** Seconds before a confirmation that failed is sent again. */
export const RETRY_SECONDS = 4;
/** Seconds the page waits for the server's word: then the candidate goes on, and the confirmation follows. */
export const PATIENCE_SECONDS = 3;

export const EMPTY = Object.freeze({});

/** An entry the state has let go of in the meantime stays gone. */
const change = (reads, id, entry) => (reads[id] ? { ...reads, [id]: { ...reads[id], ...entry } } : reads);

/** The candidate has read it. */
export function press(reads, id, now) {
  return reads[id] ? reads : { ...reads, [id]: { state: "waiting", since: now, retryAt: 0, code: "" } };
}

/** Its confirmation is under way. */
export const sending = (reads, id) => change(reads, id, { state: "sending" });

/** The server has it; the warning leaves the page with the next state. */
export const arrived = (reads, id) => change(reads, id, { state: "read", code: "" });

/** It did not get through; it is kept and sent again. */
export const failed = (reads, id, code, now) =>
  change(reads, id, { state: "failed", code, retryAt: now + RETRY_SECONDS });

/** The number of the warning whose confirmation is to be sent now, or null; one at a time. */
export function next(reads, now) {
  const entries = Object.entries(reads);
  if (entries.some(([, entry]) => entry.state === "sending")) return null;
  const due = ([, { state, retryAt }]) => state === "waiting" || (state === "failed" && retryAt <= now);
  const found = entries.find(due);
  return found ? Number(found[0]) : null;
}

/** Forgets what the state of the seat does not hold any more. */
export function settle(reads, warnings) {
  const open = new Set(warnings.map((one) => String(one.warning)));
  const kept = Object.entries(reads).filter(([id]) => open.has(id));
  return kept.length === Object.keys(reads).length ? reads : Object.fromEntries(kept);
}

/** Whether a warning still lies over the page: until it was read, and while its confirmation is fresh. */
function lies(entry, now) {
  if (!entry) return true;
  return ["waiting", "sending"].includes(entry.state) && !entry.code && now - entry.since < PATIENCE_SECONDS;
}

/** The warning that lies over the page at `now`, the eldest first, or null. */
export function shown(reads, warnings, now) {
  return warnings.find((one) => lies(reads[one.warning], now)) || null;
}

/** Why a confirmation is late: "" for none, else the refusal's code; "no_link" while there is no answer. */
export function lateness(reads, warnings, now) {
  const late = warnings.map((one) => reads[one.warning]).find((entry) => entry && entry.state !== "read" && !lies(entry, now));
  return late ? late.code || "no_link" : "";
}
