import assert from "node:assert/strict";
import { test } from "node:test";
import * as jots from "../../../client/ui/jots.js";
import { opening } from "../../../client/ui/exam.js";
import { unread } from "../../../client/ui/announcements.js";
import { nextScale, SCALES } from "../../../client/ui/zoom.js";

const item = { id: "q1", options: [{ key: "k3" }, { key: "k1" }, { key: "k2" }] };

test("striking an option out and back is told once, the last state of it", () => {
  let made = jots.strike(jots.EMPTY, "q1", "k1");
  made = jots.strike(made, "q1", "k2");
  made = jots.strike(made, "q1", "k1");
  assert.deepEqual(jots.struckOf(made, "q1"), ["k2"]);
  assert.deepEqual(jots.struckLetters(made, item), ["C"]);
  assert.deepEqual(jots.next(made), { item: "q1", struck: ["k2"], note: "" });
  assert.equal(jots.next(jots.told(made)), null);
});

test("the question looked at last is told last", () => {
  let made = jots.look(jots.write(jots.EMPTY, "q1", "看图"), "q2");
  made = jots.look(made, "q1");
  assert.deepEqual(made.queue, ["q2", "q1"]);
  assert.deepEqual(jots.next(jots.told(made)), { item: "q1", struck: [], note: "看图" });
  assert.equal(jots.look(made, "q1"), made);
});

test("announcements count as read up to a number that never falls", () => {
  const made = jots.read(jots.EMPTY, 4);
  assert.deepEqual(jots.next(made), { read: 4 });
  assert.equal(jots.read(made, 3), made);
  const list = [3, 4, 5].map((announcement) => ({ announcement }));
  assert.deepEqual(unread({ jots: made, view: { announcements: list } }), [{ announcement: 5 }]);
  assert.deepEqual(unread({ jots: made, view: null }), []);
});

test("what the agent kept is taken up as it is, an older agent's nothing too", () => {
  const kept = { item: "q2", struck: { q1: ["k1"] }, texts: { q1: "x" }, read: 2 };
  assert.deepEqual(jots.adopt(kept), { ...kept, queue: [] });
  assert.deepEqual(jots.adopt(undefined), jots.EMPTY);
});

test("a note is cut where the agent would refuse it", () => {
  assert.equal(jots.noteOf(jots.write(jots.EMPTY, "q1", "x".repeat(2000)), "q1").length, jots.NOTE_LIMIT);
});

test("a paper opens where it was left, else at the first open question", () => {
  const paper = { items: ["q1", "q2", "q3"].map((id) => ({ id, kind: "single" })) };
  assert.equal(opening(paper, { q1: ["A"] }, "q3"), 2);
  assert.equal(opening(paper, { q1: ["A"] }, ""), 1);
  assert.equal(opening(paper, { q1: ["A"], q2: ["A"], q3: ["A"] }, "gone"), 0);
});

test("a picture's size goes step by step between its bounds, from anywhere", () => {
  assert.equal(nextScale(1, 1), 1.5);
  assert.equal(nextScale(1, -1), 1);
  assert.equal(nextScale(2.3, 1), 3);
  assert.equal(nextScale(SCALES.at(-1), 1), SCALES.at(-1));
});
