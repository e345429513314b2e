import assert from "node:assert/strict";
import { test } from "node:test";
import { countClick, linkText } from "../../../client/ui/leaving.js";
import { cannotSave } from "../../../client/ui/steps.js";

const clicks = (...moments) => moments.reduce((state, now) => countClick(state.times, now), { times: [], enough: false });

test("the fifth click within three seconds opens the field", () => {
  assert.equal(clicks(0, 100, 200, 300).enough, false);
  assert.equal(clicks(0, 100, 200, 300, 2999).enough, true);
  assert.equal(clicks(0, 100, 200, 300, 3000).enough, false);
});

test("after it was opened counting begins anew", () => {
  assert.equal(clicks(0, 1, 2, 3, 4, 5).enough, false);
  assert.equal(clicks(0, 1, 2, 3, 4, 5, 6, 7, 8, 9).enough, true);
});

test("staff read since when the link is gone and what waits", () => {
  const since = "2026-11-21T01:02:03+00:00";
  assert.equal(linkText({ up: false, since, waiting: 12 }), "与考场服务器的连接自 09:02:03 起中断，还有 12 条记录待上传。");
  assert.equal(linkText({ up: false, since: null, waiting: 0 }), "与考场服务器的连接已中断，还有 0 条记录待上传。");
  assert.equal(linkText({ up: true, since, waiting: 1 }), "与考场服务器的连接正常，还有 1 条记录待上传。");
});

test("a disk that takes nothing is said on every screen but the paper, which says it itself", () => {
  assert.equal(cannotSave({ saving: "server", fault: "" }, false), false);
  assert.equal(cannotSave({ saving: "unsaved", fault: "journal_broken" }, false), true);
  for (const fault of ["disk_full", "read_only", "disk_error"]) assert.equal(cannotSave({ saving: "server", fault }, false), true);
  assert.equal(cannotSave({ saving: "server", fault: "no_link" }, false), false);
  assert.equal(cannotSave({ saving: "unsaved", fault: "disk_full" }, true), false);
  assert.equal(cannotSave(null, false), false);
});
