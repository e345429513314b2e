// Where a signature's points come to lie: in a field of 320 x 120, whatever its size on the screen.
import assert from "node:assert/strict";
import { test } from "node:test";

import { within } from "../../../server/static/js/sign.js";

const box = { left: 100, top: 50, width: 640, height: 240 };

test("a point is scaled to the field", () => {
  assert.deepEqual(within({ clientX: 100, clientY: 50 }, box), [0, 0]);
  assert.deepEqual(within({ clientX: 420, clientY: 170 }, box), [160, 60]);
  assert.deepEqual(within({ clientX: 740, clientY: 290 }, box), [320, 120]);
});

test("what leaves the field stays at its edge, in whole numbers", () => {
  assert.deepEqual(within({ clientX: 0, clientY: 999 }, box), [0, 120]);
  assert.deepEqual(within({ clientX: 101, clientY: 51 }, box), [1, 1]);
});
