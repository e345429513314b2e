import assert from "node:assert/strict";
import { test } from "node:test";
import { rightText } from "../../../client/ui/rightness.js";

const keyed = (keys) => [...keys].map((key) => ({ key }));

test("right answers are named by the places that are shown, not by the keys behind them", () => {
  const shown = { options: keyed("CABD") };
  assert.equal(rightText({ kind: "multiple", ...shown }, { answer: ["A", "D"] }), "BD");
  assert.equal(rightText({ kind: "single", ...shown }, { answer: ["C"] }), "A");
  assert.equal(rightText({ kind: "order", ...shown }, { answer: ["A", "B", "C", "D"] }), "2 → 3 → 1 → 4");
  assert.equal(rightText({ kind: "match", options: keyed("AB"), targets: keyed("21") }, { answer: ["A-1", "B-2"] }), "1–2； 2–1");
  assert.equal(rightText({ kind: "hotspot", areas: keyed(["x", "y"]) }, { answer: ["y"] }), "B");
  assert.equal(rightText({ kind: "essay" }, { answer: [] }), "");
});

test("gaps name what is accepted, ranges, or the letter of the choice", () => {
  const item = { kind: "text", gaps: [{ key: "1" }, { key: "2" }, { key: "3", choices: keyed("BA") }] };
  const gaps = [{ accepted: ["甲", "乙"] }, { ranges: [["1", "2"], ["5", "5"]] }, { choices: keyed("AB"), answer: "A" }];
  assert.equal(rightText(item, { answer: [], gaps }), "1. 甲 / 乙； 2. 1–2 / 5； 3. B");
});
