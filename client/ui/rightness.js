// What is right, in words, for the preview of staff; a candidate's page never has a key to show.

import { letter } from "./answers.js";

const placeOf = (list, key) => list.findIndex((entry) => entry.key === key);
const signs = (list, keys) => keys.map((key) => letter(placeOf(list, key))).join("");

function gapText(gap, shown) {
  if (gap.choices) return letter(placeOf(shown.choices, gap.answer));
  if (gap.ranges) return gap.ranges.map(([low, high]) => (low === high ? low : `${low}–${high}`)).join(" / ");
  return gap.accepted.join(" / ");
}

/** The right answer as this item shows its parts, by places; "" when only an examiner can say. */
export function rightText(item, entry) {
  if (entry.gaps) return entry.gaps.map((gap, place) => `${place + 1}. ${gapText(gap, item.gaps[place])}`).join("； ");
  if (!entry.answer.length) return "";
  if (item.kind === "hotspot") return signs(item.areas, entry.answer);
  if (item.kind === "order") return entry.answer.map((key) => placeOf(item.options, key) + 1).join(" → ");
  if (item.kind !== "match") return [...signs(item.options, entry.answer)].sort().join("");
  const pairs = entry.answer.map((pair) => pair.split("-"));
  return pairs.map(([left, right]) => `${placeOf(item.options, left) + 1}–${placeOf(item.targets, right) + 1}`).join("； ");
}
