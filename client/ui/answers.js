// What choosing means for each kind of question, and how a paper stands. Values in, values out.

/** Kinds by name; `many`: several options may be chosen. A new kind is one line here. */
export const KINDS = {
  single: { many: false },
  multiple: { many: true },
  true_false: { many: false },
};

/** Whether several options may be chosen. */
export function takesMany(kind) {
  return Boolean(KINDS[kind] && KINDS[kind].many);
}

/** The response after option `key` was pressed: a single choice is replaced, a multiple one is switched. */
export function choose(kind, response, key) {
  if (!takesMany(kind)) return [key];
  const without = response.filter((other) => other !== key);
  return without.length < response.length ? without : [...response, key].sort();
}

/** Whether two responses hold the same keys. */
export function sameResponse(one, other) {
  return [...(one || [])].sort().join(",") === [...(other || [])].sort().join(",");
}

/** Whether the item has a response. */
export function isAnswered(answers, id) {
  return Boolean(answers[id] && answers[id].length);
}

/** `{total, answered, open: [number], marked: [number]}` of a paper. */
export function summary(paper, answers, marked) {
  const numbers = (items) => items.map((item) => item.number);
  const open = paper.items.filter((item) => !isAnswered(answers, item.id));
  return {
    total: paper.items.length,
    answered: paper.items.length - open.length,
    open: numbers(open),
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
