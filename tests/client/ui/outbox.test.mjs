import assert from "node:assert/strict";
import { test } from "node:test";
import * as outbox from "../../../client/ui/outbox.js";

const view = (change = {}) => ({ answers: {}, marked: [], saved: {}, saving: "server", ...change });
const put = (box, item, keys, now = 0) => outbox.put(box, "answer", item, keys, now);

test("one thing is sent at a time, in the order chosen", () => {
  let box = put(put(outbox.EMPTY, "i1", ["A"]), "i2", ["B"]);
  assert.equal(outbox.next(box, 0).item, "i1");
  box = outbox.sending(box, "answer:i1");
  assert.equal(outbox.next(box, 0), null);
  box = outbox.arrived(box, "answer:i1");
  assert.equal(outbox.next(box, 0).item, "i2");
});

test("a newer choice replaces a waiting one and follows one under way", () => {
  let box = put(put(outbox.EMPTY, "i1", ["A"]), "i1", ["B"]);
  assert.deepEqual(box.entries.map((entry) => entry.value), [["B"]]);
  box = put(outbox.sending(box, "answer:i1"), "i1", ["C"]);
  assert.equal(outbox.next(box, 0), null);
  box = outbox.arrived(box, "answer:i1");
  assert.deepEqual(outbox.next(box, 0).value, ["C"]);
});

test("a failed save stays, is shown as unsaved and is tried again after a pause", () => {
  let box = outbox.failed(outbox.sending(put(outbox.EMPTY, "i1", ["A"]), "answer:i1"), "answer:i1", 10);
  assert.equal(outbox.savingState(box, view(), 10), "unsaved");
  assert.equal(outbox.savedState(box, view(), "i1"), "unsaved");
  assert.equal(outbox.next(box, 10 + outbox.RETRY_SECONDS - 0.01), null);
  assert.equal(outbox.next(box, 10 + outbox.RETRY_SECONDS).item, "i1");
  assert.deepEqual(outbox.overlay(box, view()).answers.i1, ["A"]);
});

test("a choice made while its question failed is sent at once", () => {
  const failed = outbox.failed(outbox.sending(put(outbox.EMPTY, "i1", ["A"]), "answer:i1"), "answer:i1", 10);
  assert.deepEqual(outbox.next(put(failed, "i1", ["B"], 10), 10).value, ["B"]);
});

test("what the agent took stays on top until a view shows it", () => {
  let box = outbox.arrived(outbox.sending(put(outbox.EMPTY, "i1", ["A"]), "answer:i1"), "answer:i1");
  box = outbox.settle(box, view());
  assert.deepEqual(outbox.overlay(box, view()).answers.i1, ["A"], "an older view does not take the answer away");
  assert.deepEqual(outbox.settle(box, view({ answers: { i1: ["A"] } })).entries, []);
  assert.deepEqual(outbox.settle(box, view()).entries, [], "after two views the agent's word holds");
});

test("an unsaved choice is never dropped by a view", () => {
  const box = outbox.failed(put(outbox.EMPTY, "i1", ["A"]), "answer:i1", 0);
  assert.equal(outbox.settle(outbox.settle(box, view()), view()).entries.length, 1);
});

test("marks lie over the agent's marks both ways", () => {
  let box = outbox.put(outbox.EMPTY, "mark", "i1", true, 0);
  box = outbox.put(box, "mark", "i2", false, 0);
  assert.deepEqual(outbox.overlay(box, view({ marked: ["i2", "i3"] })).marked, ["i3", "i1"]);
});

test("saved at the server is said only on the agent's word", () => {
  const waiting = put(outbox.EMPTY, "i1", ["A"], 0);
  assert.equal(outbox.savedState(waiting, view({ saved: { i1: "server" } }), "i1"), "saving");
  const here = outbox.arrived(outbox.sending(waiting, "answer:i1"), "answer:i1");
  assert.equal(outbox.savedState(here, view({ saved: { i1: "server" } }), "i1"), "here");
  assert.equal(outbox.savingState(here, view(), 0), "here");
  assert.equal(outbox.savedState(outbox.EMPTY, view({ saved: { i1: "server" } }), "i1"), "server");
  assert.equal(outbox.savedState(outbox.EMPTY, view(), "i1"), "");
});

test("a quick save does not flicker, a slow one is named, a fault of the agent wins", () => {
  const box = put(outbox.EMPTY, "i1", ["A"], 0);
  assert.equal(outbox.savingState(box, view(), outbox.QUIET_SECONDS), "server");
  assert.equal(outbox.savingState(box, view(), outbox.QUIET_SECONDS + 0.01), "saving");
  assert.equal(outbox.savingState(outbox.EMPTY, view({ saving: "unsaved" }), 0), "unsaved");
});
