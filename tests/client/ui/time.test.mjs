import assert from "node:assert/strict";
import { test } from "node:test";
import * as time from "../../../client/ui/time.js";

test("the bands change at exactly 15 and 5 minutes", () => {
  const table = [[null, "none"], [5400, "plenty"], [900.001, "plenty"], [900, "amber"], [300.001, "amber"], [300, "red"], [0, "red"]];
  for (const [left, wanted] of table) assert.equal(time.band(left), wanted, String(left));
});

test("zero is shown only when the time is over", () => {
  const table = [[5400, "01:30:00"], [3599.2, "01:00:00"], [59.0001, "00:01:00"], [1, "00:00:01"], [0.2, "00:00:01"], [0, "00:00:00"], [-3, "00:00:00"], [360000, "100:00:00"]];
  for (const [left, wanted] of table) assert.equal(time.hms(left), wanted, String(left));
});

test("time left runs on the page's own clock between two views and stops at zero", () => {
  assert.equal(time.leftAt(100, 50, 60), 90);
  assert.equal(time.leftAt(5, 50, 60), 0);
  assert.equal(time.leftAt(null, 50, 60), null);
  assert.equal(time.leftAt(undefined, 50, 60), null);
});

test("the server's clock is shown in the time of the exam's place", () => {
  const ms = time.serverNow("2026-11-20T16:59:58+00:00", 10, 13);
  assert.equal(time.clockText(ms), "01:00:01");
  assert.equal(time.dayText(ms), "2026-11-21");
  assert.equal(time.clockText(Date.parse("2026-11-20T16:00:00Z")), "00:00:00");
  assert.equal(time.serverNow(null, 1, 2), null);
});

test("a credit is how far a deadline moved on", () => {
  const at = (minute) => `2026-11-21T02:${minute}:00+00:00`;
  assert.equal(time.creditMinutes(at("30"), at("35")), 5);
  assert.equal(time.creditMinutes(at("30"), "2026-11-21T02:30:30+00:00"), 0.5);
  assert.equal(time.creditMinutes(at("30"), at("30")), 0);
  assert.equal(time.creditMinutes(at("30"), at("20")), 0);
  assert.equal(time.creditMinutes(null, at("20")), 0);
  assert.equal(time.creditMinutes(at("20"), null), 0);
});

test("minutes as hours and minutes", () => {
  assert.deepEqual(time.hoursAndMinutes(90), { hours: 1, minutes: 30 });
  assert.deepEqual(time.hoursAndMinutes(120), { hours: 2, minutes: 0 });
  assert.deepEqual(time.hoursAndMinutes(2), { hours: 0, minutes: 2 });
});

test("the policy's minutes decide when the time is said and how it looks", () => {
  const table = [
    [1801, [30, 10], null, "plenty"], [1800, [30, 10], 30, "amber"], [600.5, [30, 10], 30, "amber"], [600, [30, 10], 10, "red"],
    [60, [5], 5, "amber"], [60, [], null, "plenty"], [200, [5, 15], 5, "red"],
  ];
  for (const [left, minutes, due, look] of table) {
    assert.equal(time.dueMinutes(left, minutes), due, `${left} ${minutes}`);
    assert.equal(time.band(left, minutes), look, `${left} ${minutes}`);
  }
  assert.equal(time.dueMinutes(null), null);
});
