import assert from "node:assert/strict";
import { test } from "node:test";
import * as answers from "../../../client/ui/answers.js";

const item = (number, kind = "single") => ({ id: `i${number}`, number, kind });
const paper = {
  items: [item(1), item(2), item(3, "multiple"), item(4, "true_false")],
  sections: [{ title: "单", from: 1, to: 2 }, { title: "多", from: 3, to: 3 }, { title: "判", from: 4, to: 4 }],
};

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
  assert.deepEqual(before, ["A", "C"]);
});

test("an unknown kind takes one option", () => assert.equal(answers.takesMany("essay"), false));

test("the summary names open and marked questions by number; an emptied answer is open", () => {
  const found = answers.summary(paper, { i1: ["A"], i3: [] }, ["i3", "elsewhere"]);
  assert.deepEqual(found, { total: 4, answered: 1, open: [2, 3, 4], marked: [3] });
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

test("responses are compared as sets", () => {
  assert.ok(answers.sameResponse(["A", "C"], ["C", "A"]));
  assert.ok(answers.sameResponse(undefined, []));
  assert.ok(!answers.sameResponse(["A"], ["A", "B"]));
});
