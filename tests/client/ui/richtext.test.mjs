import assert from "node:assert/strict";
import { test } from "node:test";
import { middleOf } from "../../../client/ui/arranging.js";
import { mediumOf, pieces, shownTag } from "../../../client/ui/richtext.js";

test("only tags of the list are shown, headings lose their rank", () => {
  for (const tag of ["p", "table", "sub", "ruby"]) assert.equal(shownTag(tag), tag);
  for (const tag of ["script", "a", "iframe", "form", "input", "style", "svg", "object", ""]) assert.equal(shownTag(tag), "");
  assert.equal(shownTag("h1"), "b");
});

test("media are hashes and nothing else", () => {
  const sha = "0a".repeat(32);
  assert.equal(mediumOf(`media:${sha}`), sha);
  for (const other of [`media:${sha}x`, `http://x/${sha}`, "media:../../x", "javascript:1", null, undefined]) assert.equal(mediumOf(other), "");
});

test("gaps stand between the texts", () => {
  assert.deepEqual(pieces("甲 [[1]] 乙 [[12]]"), ["甲 ", "1", " 乙 ", "12", ""]);
  assert.deepEqual(pieces("没有"), ["没有"]);
  assert.deepEqual(pieces("[[x]] [1]"), ["[[x]] [1]"]);
});

test("the letter of an area stands in its middle", () => {
  assert.deepEqual(middleOf({ shape: "rect", coords: [10, 20, 30, 60] }), [20, 40]);
  assert.deepEqual(middleOf({ shape: "circle", coords: [5, 6, 7] }), [5, 6]);
  assert.deepEqual(middleOf({ shape: "poly", coords: [0, 0, 10, 0, 5, 20] }), [5, 10]);
});
