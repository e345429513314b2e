// Answers and marks on their way from the page to the agent. Pure: a box in, a new box out.
// One thing is sent at a time, in the order it was chosen; a newer choice for the same question replaces
// one that waits. The page calls an answer saved only when the agent said so.

import { sameResponse } from "./answers.js";

/** Seconds before a failed save is tried again. */
export const RETRY_SECONDS = 2;
/** A save that takes longer than this is shown as under way; shorter ones would only flicker. */
export const QUIET_SECONDS = 0.4;

export const EMPTY = Object.freeze({ entries: [] });

function replace(box, key, change) {
  return { entries: box.entries.map((entry) => (entry.key === key ? { ...entry, ...change } : entry)) };
}

/** Puts a choice in: `kind` "answer" (value: option keys) or "mark" (value: true or false). */
export function put(box, kind, item, value, now) {
  const key = `${kind}:${item}`;
  const fresh = { key, kind, item, value, state: "waiting", since: now, retryAt: 0, views: 0 };
  const old = box.entries.find((entry) => entry.key === key);
  if (old && old.state === "sending") return replace(box, key, { value, dirty: true, views: 0 });
  return { entries: [...box.entries.filter((entry) => entry.key !== key), fresh] };
}

/** The entry to send now, or null: none while one is under way, a failed one after its pause. */
export function next(box, now) {
  if (box.entries.some((entry) => entry.state === "sending")) return null;
  const due = (entry) => entry.state === "waiting" || (entry.state === "unsaved" && entry.retryAt <= now);
  return box.entries.find(due) || null;
}

/** Marks the entry as under way. */
export function sending(box, key) {
  return replace(box, key, { state: "sending", dirty: false });
}

/** The agent has it; a choice made meanwhile waits for its own turn. */
export function arrived(box, key) {
  const entry = box.entries.find((one) => one.key === key);
  return replace(box, key, { state: entry && entry.dirty ? "waiting" : "here", dirty: false, views: 0 });
}

/** The agent could not take it; it is kept and tried again. */
export function failed(box, key, now) {
  return replace(box, key, { state: "unsaved", retryAt: now + RETRY_SECONDS, dirty: false });
}

/** The agent does not take it as it is: it stays in the field, unsent, until it is changed. */
export function refused(box, key, code) {
  const entry = box.entries.find((one) => one.key === key);
  return replace(box, key, entry && entry.dirty ? { state: "waiting", dirty: false } : { state: "refused", code });
}

/** The box without what was refused: what counts as answered. */
export function taken(box) {
  return { entries: box.entries.filter((entry) => entry.state !== "refused") };
}

/** Why an answer was refused, "" when it was not. */
export function refusalOf(box, item) {
  const entry = box.entries.find((one) => one.key === `answer:${item}` && one.state === "refused");
  return entry ? entry.code : "";
}

/** The agent refused it for good (the time is over, say). */
export function dropped(box, key) {
  return { entries: box.entries.filter((entry) => entry.key !== key) };
}

function shownBy(entry, view) {
  if (entry.kind === "mark") return view.marked.includes(entry.item) === entry.value;
  return sameResponse(view.answers[entry.item], entry.value);
}

/** Lets go of what the view shows by itself; two views without it and the agent's word holds. */
export function settle(box, view) {
  const seen = box.entries.map((entry) => (entry.state === "here" ? { ...entry, views: entry.views + 1 } : entry));
  return { entries: seen.filter((entry) => entry.state !== "here" || (!shownBy(entry, view) && entry.views < 2)) };
}

/** Answers and marks as the candidate should see them: the agent's, with what is under way on top. */
export function overlay(box, view) {
  const answers = { ...view.answers };
  const marked = new Set(view.marked);
  for (const entry of box.entries) {
    if (entry.kind === "answer") answers[entry.item] = entry.value;
    else if (entry.value) marked.add(entry.item);
    else marked.delete(entry.item);
  }
  return { answers, marked: [...marked] };
}

/** Saving state of the whole paper: "server", "here", "saving" or "unsaved". */
export function savingState(box, view, now) {
  const states = box.entries.map((entry) => entry.state);
  if (view.saving === "unsaved" || states.includes("unsaved")) return "unsaved";
  const slow = taken(box).entries.some((entry) => entry.state !== "here" && now - entry.since > QUIET_SECONDS);
  if (slow) return "saving";
  return states.includes("here") ? "here" : view.saving;
}

/** Saving state of one question: "", "saving", "unsaved", "refused", "here" or "server". */
export function savedState(box, view, item) {
  const entry = box.entries.find((one) => one.key === `answer:${item}`);
  if (entry && entry.state !== "here") return ["unsaved", "refused"].includes(entry.state) ? entry.state : "saving";
  return entry ? "here" : view.saved[item] || "";
}
