import assert from "node:assert/strict";
import { test } from "node:test";
import * as answers from "../../../client/ui/answers.js";

const item = (number, kind = "single", more = {}) => ({ id: `i${number}`, number, kind, ...more });
const paper = {
  items: [item(1), item(2), item(3, "multiple"), item(4, "true_false")],
  sections: [{ title: "单", from: 1, to: 2 }, { title: "多", from: 3, to: 3 }, { title: "判", from: 4, to: 4 }],
};
const options = [{ key: "A" }, { key: "B" }, { key: "C" }];

test("a single choice is replaced and never taken back by pressing again", () => {
  assert.deepEqual(answers.choose("single", [], "B"), ["B"]);
  assert.deepEqual(answers.choose("single", ["A"], "B"), ["B"]);
  assert.deepEqual(answers.choose("single", ["B"], "B"), ["B"]);
  assert.deepEqual(answers.choose("true_false", ["A"], "B"), ["B"]);
});

test("a multiple choice is switched and stays sorted", () => {
  assert.deepEqual(answers.choose("multiple", ["C"], "A"), ["A", "C"]);
  assert.deepEqual(answers.choose("multiple", ["A", "C"], "A"), ["C"]);
  assert.deepEqual(answers.choose("multiple", ["A"], "A"), []);
});

test("choosing changes no value in place", () => {
  const before = Object.freeze(["A", "C"]);
  answers.choose("multiple", before, "B");
  answers.moveEntry(before, 0, 1);
  answers.pairUp(before, "A", "1");
  assert.deepEqual(before, ["A", "C"]);
});

test("an unknown kind takes one option", () => assert.equal(answers.takesMany("essay"), false));

test("letters go by place", () => assert.deepEqual([0, 7].map(answers.letter), ["A", "H"]));

test("gaps keep their places, and nothing in any of them is no response", () => {
  assert.deepEqual(answers.fillGap([], 3, 1, "甲"), ["", "甲", ""]);
  assert.deepEqual(answers.fillGap(["", "甲", ""], 3, 0, "乙"), ["乙", "甲", ""]);
  assert.deepEqual(answers.fillGap(["", "甲", ""], 3, 1, " "), []);
  assert.deepEqual(answers.gapTexts(undefined || [], 2), ["", ""]);
  assert.deepEqual(answers.essay(" \n"), []);
  assert.deepEqual(answers.essay(" 一"), [" 一"]);
});

test("a left side has one pair, or as many as the question allows", () => {
  assert.deepEqual(answers.pairUp(["A-1", "B-2"], "A", "3"), ["A-3", "B-2"]);
  assert.deepEqual(answers.pairUp(["A-1", "B-2"], "A", ""), ["B-2"]);
  assert.equal(answers.rightOf(["A-12", "B-2"], "A"), "12");
  assert.equal(answers.rightOf([], "A"), "");
  assert.deepEqual(answers.switchPair(["A-1"], "A", "2", 0), ["A-1", "A-2"]);
  assert.deepEqual(answers.switchPair(["A-1", "A-2"], "A", "3", 2), ["A-1", "A-2"]);
  assert.deepEqual(answers.switchPair(["A-1", "A-2"], "A", "1", 2), ["A-2"]);
});

test("an order is the response, or what was shown; entries move inside it", () => {
  assert.deepEqual(answers.orderOf({ options }, []), ["A", "B", "C"]);
  assert.deepEqual(answers.orderOf({ options }, ["C", "A", "B"]), ["C", "A", "B"]);
  assert.deepEqual(answers.moveEntry(["A", "B", "C"], 0, 2), ["B", "C", "A"]);
  assert.deepEqual(answers.moveEntry(["A", "B", "C"], 2, 1), ["A", "C", "B"]);
  const same = ["A", "B"];
  for (const [from, to] of [[0, 0], [0, -1], [1, 2]]) assert.equal(answers.moveEntry(same, from, to), same);
});

test("areas: one is replaced and taken back, several up to the limit, any number for 0", () => {
  assert.deepEqual(answers.chooseArea(["A"], "B", 1), ["B"]);
  assert.deepEqual(answers.chooseArea(["B"], "B", 1), []);
  assert.deepEqual(answers.chooseArea(["A", "B"], "C", 2), ["A", "B"]);
  assert.deepEqual(answers.chooseArea(["A", "B"], "C", 0), ["A", "B", "C"]);
});

test("a question with something left empty is begun, not answered", () => {
  const cases = [
    [item(1, "text"), ["甲", ""], "part"],
    [item(1, "text"), ["甲", "乙"], "done"],
    [item(1, "numeric"), [], "open"],
    [item(1, "inline_choice"), ["", "A"], "part"],
    [item(1, "match", { options }), ["A-1"], "part"],
    [item(1, "match", { options }), ["A-1", "B-1", "C-2"], "done"],
    [item(1, "match", { options, most: 0 }), ["A-1"], "done"],
    [item(1, "order", { options }), ["C", "B", "A"], "done"],
    [item(1, "hotspot"), ["A"], "done"],
    [item(1, "essay"), ["一"], "done"],
    [item(1, "of another time"), ["A"], "done"],
    [item(1), undefined, "open"],
  ];
  for (const [asked, response, state] of cases) assert.equal(answers.standing(asked, response), state, JSON.stringify([asked.kind, response]));
});

test("the summary names open, begun and marked questions by number; an emptied answer is open", () => {
  const found = answers.summary(paper, { i1: ["A"], i3: [] }, ["i3", "elsewhere"]);
  assert.deepEqual(found, { total: 4, answered: 1, open: [2, 3, 4], part: [], marked: [3] });
  const begun = answers.summary({ items: [item(1, "text"), item(2)] }, { i1: ["", "甲"] }, []);
  assert.deepEqual(begun, { total: 2, answered: 0, open: [1, 2], part: [1], marked: [] });
});

test("moving stays inside the paper", () => {
  assert.equal(answers.move(paper, 0, -1), 0);
  assert.equal(answers.move(paper, 3, 1), 3);
  assert.equal(answers.move(paper, 1, 1), 2);
});

test("every question stands in exactly one section", () => {
  const found = answers.sectionsOf(paper).flatMap((section) => section.items.map((one) => one.number));
  assert.deepEqual(found, [1, 2, 3, 4]);
  assert.equal(answers.sectionOf(paper, paper.items[2]).title, "多");
  assert.equal(answers.sectionsOf({ items: paper.items })[0].items.length, 4);
});

test("the case of a question is found, of others there is none", () => {
  const cased = { groups: { c: { stem: "材料" } } };
  assert.equal(answers.groupOf(cased, { group: "c" }).stem, "材料");
  assert.equal(answers.groupOf(cased, {}), null);
  assert.equal(answers.groupOf({}, { group: "c" }), null);
});

test("responses are compared entry by entry: gaps that changed places are another answer", () => {
  assert.ok(answers.sameResponse(["A", "C"], ["A", "C"]));
  assert.ok(answers.sameResponse(undefined, []));
  assert.ok(!answers.sameResponse(["甲", "乙"], ["乙", "甲"]));
  assert.ok(!answers.sameResponse(["a,b"], ["a", "b"]));
});
