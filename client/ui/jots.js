// What the candidate jots down: options struck out, notes, the question looked at last, announcements read.
// Nothing of it is an answer. The page says it to the agent, which gives it back after a reload. Pure: values
// in, values out. `queue` holds what is still to be told: items, or READ.

import { letter } from "./answers.js";

/** The entry of the queue that stands for announcements. */
export const READ = "";
/** Characters of a note. */
export const NOTE_LIMIT = 1000;

export const EMPTY = Object.freeze({ item: "", struck: {}, texts: {}, read: 0, queue: [] });

/** What the agent kept. */
export function adopt(notes) {
  const { item = "", struck = {}, texts = {}, read = 0 } = notes || {};
  return { item, struck, texts, read, queue: [] };
}

/** Put last: the agent takes the item it heard of last as the one that is looked at. */
const queued = (jots, entry) => ({ ...jots, queue: [...jots.queue.filter((other) => other !== entry), entry] });

/** The candidate looks at a question. */
export function look(jots, item) {
  return jots.item === item ? jots : queued({ ...jots, item }, item);
}

/** Keys of the options that are struck out. */
export const struckOf = (jots, item) => jots.struck[item] || [];

/** Strikes an option out, or not any more. */
export function strike(jots, item, key, on = !struckOf(jots, item).includes(key)) {
  const others = struckOf(jots, item).filter((other) => other !== key);
  return queued({ ...jots, struck: { ...jots.struck, [item]: on ? [...others, key] : others } }, item);
}

/** The note to a question, "" for none. */
export const noteOf = (jots, item) => jots.texts[item] || "";

/** Writes the note to a question. */
export function write(jots, item, text) {
  return queued({ ...jots, texts: { ...jots.texts, [item]: text.slice(0, NOTE_LIMIT) } }, item);
}

/** Announcements up to this number were read. */
export function read(jots, number) {
  return number > jots.read ? queued({ ...jots, read: number }, READ) : jots;
}

/** What the agent is to be told next, or null. */
export function next(jots) {
  if (!jots.queue.length) return null;
  const [item] = jots.queue;
  if (item === READ) return { read: jots.read };
  return { item, struck: struckOf(jots, item), note: noteOf(jots, item) };
}

/** The first entry was told, or is not wanted. */
export const told = (jots) => ({ ...jots, queue: jots.queue.slice(1) });

/** The letters of the options that are struck out, as they are spoken: "A、C". */
export function struckLetters(jots, item) {
  const struck = struckOf(jots, item.id);
  return item.options.flatMap((option, place) => (struck.includes(option.key) ? [letter(place)] : []));
}
