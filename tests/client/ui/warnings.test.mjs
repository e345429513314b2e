import assert from "node:assert/strict";
import { test } from "node:test";
import * as w from "../../../client/ui/warnings.js";

const TWO = [{ warning: 3, text: "请坐好。" }, { warning: 10, text: "请摘下帽子。" }];

test("warnings lie over the page one by one, the eldest first, until each was read", () => {
  assert.equal(w.shown(w.EMPTY, TWO, 0).warning, 3);
  let reads = w.arrived(w.sending(w.press(w.EMPTY, 3, 0), 3), 3);
  assert.equal(w.shown(reads, TWO, 0).warning, 10);
  reads = w.arrived(w.sending(w.press(reads, 10, 1), 10), 10);
  assert.equal(w.shown(reads, TWO, 1), null);
  assert.equal(w.lateness(reads, TWO, 100), "");
});

test("a silent server keeps nobody from the paper: just below, at and after the patience", () => {
  const reads = w.sending(w.press(w.EMPTY, 3, 100), 3);
  const one = TWO.slice(0, 1);
  for (const [now, lies, late] of [[100, true, ""], [102.9, true, ""], [103, false, "no_link"], [110, false, "no_link"]]) {
    assert.equal(w.shown(reads, one, now) !== null, lies, now);
    assert.equal(w.lateness(reads, one, now), late, now);
  }
});

test("a confirmation that failed does not come back over the paper, neither before nor while it is sent again", () => {
  let reads = w.failed(w.sending(w.press(w.EMPTY, 3, 0), 3), 3, "no_link", 1);
  assert.equal(w.shown(reads, TWO, 1).warning, 10);
  assert.equal(w.lateness(reads, TWO, 1), "no_link");
  assert.equal(w.next(reads, 1 + w.RETRY_SECONDS - 0.1), null);
  assert.equal(w.next(reads, 1 + w.RETRY_SECONDS), 3);
  reads = w.sending(reads, 3);
  assert.equal(w.shown(reads, TWO, 5).warning, 10);
  assert.equal(w.lateness(w.arrived(reads, 3), TWO, 5), "");
});

test("confirmations go one at a time, numbers as numbers", () => {
  let reads = w.press(w.press(w.EMPTY, 3, 0), 10, 0);
  assert.equal(w.next(reads, 0), 3);
  reads = w.sending(reads, 3);
  assert.equal(w.next(reads, 0), null);
  assert.equal(w.next(w.arrived(reads, 3), 0), 10);
});

test("pressing twice is pressing once", () => {
  const reads = w.press(w.EMPTY, 3, 0);
  assert.equal(w.press(reads, 3, 5), reads);
});

test("what the state has let go of is forgotten, even when its answer comes late", () => {
  const reads = w.sending(w.press(w.EMPTY, 3, 0), 3);
  const after = w.settle(reads, TWO.slice(1));
  assert.deepEqual(after, {});
  assert.deepEqual(w.failed(after, 3, "no_link", 1), {});
  assert.deepEqual(w.arrived(after, 3), {});
  assert.equal(w.settle(reads, TWO), reads);
});
