// What answering means for each kind of question, and how a paper stands. Values in, values out: a response
// is a list of strings, and what is chosen from a set is kept sorted, as the agent writes it down.

const gapped = { answered: "gaps" };

/** Kinds by name; `many`: several options may be chosen; `answered`: when a response is whole. */
export const KINDS = {
  single: { options: true },
  multiple: { options: true, many: true },
  true_false: { options: true },
  text: gapped,
  numeric: gapped,
  inline_choice: gapped,
  match: { answered: "match" },
  order: {},
  hotspot: {},
  essay: {},
};

const kindOf = (item) => KINDS[item.kind] || {};

/** Whether several options may be chosen. */
export function takesMany(kind) {
  return Boolean(KINDS[kind] && KINDS[kind].many);
}

/** Whether the question is one of options in rows. */
export function hasOptions(kind) {
  return Boolean(KINDS[kind] && KINDS[kind].options);
}

/** The sign of the option at a place: "A", "B", … whatever its key is. */
export function letter(index) {
  return String.fromCharCode("A".charCodeAt(0) + index);
}

function toggled(list, entry) {
  const without = list.filter((other) => other !== entry);
  return without.length < list.length ? without : [...list, entry].sort();
}

/** The response after option `key` was pressed: a single choice is replaced, a multiple one is switched. */
export function choose(kind, response, key) {
  return takesMany(kind) ? toggled(response, key) : [key];
}

/** The response after an area was pressed; `most` areas may be chosen, 0 any number. */
export function chooseArea(response, key, most) {
  const next = toggled(response, key);
  if (most === 1) return next.includes(key) ? [key] : [];
  return most && next.length > most ? response : next;
}

/** The texts of `count` gaps. */
export function gapTexts(response, count) {
  return Array.from({ length: count }, (_, place) => response[place] || "");
}

/** Characters that the agent takes of one answer, and of one gap. */
export const TEXT_LIMIT = 8000;
const GAP_LIMIT = 500;

/** Characters of one gap, so that all the gaps of a question fit into one answer. */
export function gapLimit(gaps) {
  return Math.min(GAP_LIMIT, Math.floor(TEXT_LIMIT / Math.max(1, gaps)));
}

/** The response with another text in one gap; nothing in any gap is no response. */
export function fillGap(response, count, place, text) {
  const next = gapTexts(response, count).map((old, other) => (other === place ? text : old));
  return next.some((one) => one.trim()) ? next : [];
}

/** The response of a text: blanks alone are none. */
export function essay(text) {
  return text.trim() ? [text] : [];
}

/** The pair with this left side, or "". */
export function rightOf(response, left) {
  const found = response.find((pair) => pair.startsWith(`${left}-`));
  return found ? found.slice(left.length + 1) : "";
}

/** The response after `left` was given `right` alone; "" takes its pair away. */
export function pairUp(response, left, right) {
  const others = response.filter((pair) => !pair.startsWith(`${left}-`));
  return right ? [...others, `${left}-${right}`].sort() : others;
}

/** The response after a pair was switched, within `most` pairs for a left side (0: any number). */
export function switchPair(response, left, right, most) {
  const next = toggled(response, `${left}-${right}`);
  const mine = next.filter((pair) => pair.startsWith(`${left}-`)).length;
  return most && mine > most ? response : next;
}

/** The keys of an order question as they stand: the response, or as they were shown. */
export function orderOf(item, response) {
  return response.length === item.options.length ? response : item.options.map((option) => option.key);
}

/** The order after the entry at `from` went to `to`; the same list when it cannot. */
export function moveEntry(order, from, to) {
  if (from === to || to < 0 || to >= order.length) return order;
  const next = order.filter((_, place) => place !== from);
  next.splice(to, 0, order[from]);
  return next;
}

/** Whether two responses are the same, entry by entry. */
export function sameResponse(one, other) {
  return JSON.stringify(one || []) === JSON.stringify(other || []);
}

function wholeMatch(item, response) {
  const most = item.most === undefined ? 1 : item.most;
  return most !== 1 || item.options.every((option) => rightOf(response, option.key));
}

/** How a question stands: "open", "part" (some of it is still empty) or "done". */
export function standing(item, response) {
  if (!response || !response.length) return "open";
  const rule = kindOf(item).answered;
  if (rule === "gaps") return response.every((text) => text.trim()) ? "done" : "part";
  if (rule === "match") return wholeMatch(item, response) ? "done" : "part";
  return "done";
}

/** Whether nothing of the question is left empty. */
export function isAnswered(answers, item) {
  return standing(item, answers[item.id]) === "done";
}

/** `{total, answered, open: [number], part: [number], marked: [number]}`; what is begun is open too. */
export function summary(paper, answers, marked) {
  const numbers = (items) => items.map((item) => item.number);
  const open = paper.items.filter((item) => !isAnswered(answers, item));
  return {
    total: paper.items.length,
    answered: paper.items.length - open.length,
    open: numbers(open),
    part: numbers(open.filter((item) => standing(item, answers[item.id]) === "part")),
    marked: numbers(paper.items.filter((item) => marked.includes(item.id))),
  };
}

/** Index `delta` questions further, kept inside the paper. */
export function move(paper, index, delta) {
  return Math.min(paper.items.length - 1, Math.max(0, index + delta));
}

/** Index of the question with this number; -1 when there is none. */
export function indexOfNumber(paper, number) {
  return paper.items.findIndex((item) => item.number === number);
}

/** The paper's sections with their items; a paper without sections is one without a title. */
export function sectionsOf(paper) {
  if (!paper.sections || !paper.sections.length) return [{ title: "", items: paper.items }];
  return paper.sections.map((section) => ({
    ...section,
    items: paper.items.filter((item) => item.number >= section.from && item.number <= section.to),
  }));
}

/** The section a question stands in, or null. */
export function sectionOf(paper, item) {
  return (paper.sections || []).find((one) => item.number >= one.from && item.number <= one.to) || null;
}

/** The case a question is a part of, or null. */
export function groupOf(paper, item) {
  return (item.group && paper.groups && paper.groups[item.group]) || null;
}
