import assert from "node:assert/strict";
import { test } from "node:test";
import { answerFor, gate, readKeys } from "../../../client/ui/seb.js";

const KEY = "a".repeat(64);
const browser = (seb, href = "http://127.0.0.1:18080/#launch=x") => ({ SafeExamBrowser: seb, location: { href } });
const asked = (seb = "wanted") => ({ phase: "running", view: { seb } });
const pause = () => new Promise((wake) => setImmediate(wake));

test("a seat that proved nothing waits before the paper, and no longer once it is open", () => {
  for (const step of ["unassigned", "sign_in", "identified", "admitted", "confirmed", "ready", "opening"]) {
    assert.equal(gate(step, { seb: "wanted" }), "seb_wanted");
    assert.equal(gate(step, { seb: "wrong" }), "seb_wrong");
    assert.equal(gate(step, { seb: "good" }), step);
    assert.equal(gate(step, { seb: "" }), step);
  }
  for (const step of ["answering", "submitted", "time_over", "ended", "moved", "locked", "starting", "no_token"]) {
    assert.equal(gate(step, { seb: "wrong" }), step);
  }
  assert.equal(gate("starting", null), "starting");
});

test("keys are read with the address they are hashed with, without its fragment", async () => {
  const found = await readKeys(browser({ version: "SEB_Win_3.7", security: { configKey: KEY, browserExamKey: "b" } }));
  assert.deepEqual(found, { url: "http://127.0.0.1:18080/", config_key: KEY, browser_exam_key: "b", version: "SEB_Win_3.7" });
  assert.equal(await readKeys(browser(undefined)), null);
  assert.equal(await readKeys(browser({ version: "x" })), null);
  assert.equal(await readKeys(browser({ security: {} })), null);
});

test("a version that computes its keys on demand is asked to, and not waited for without end", async () => {
  const security = { configKey: "", updateKeys(done) { this.configKey = KEY; done(); } };
  assert.equal((await readKeys(browser({ security }))).config_key, KEY);
  const silent = { configKey: KEY, updateKeys() {} };
  assert.equal((await readKeys(browser({ security: silent }), (act) => act())).config_key, KEY);
});

test("the server's question is passed on once, and again only after a while", async () => {
  const sent = [];
  const timers = [];
  const api = { sendSeb: async (keys) => { sent.push(keys.config_key); throw new Error("no link"); } };
  const listen = answerFor(api, browser({ security: { configKey: KEY } }), (act) => timers.push(act));
  await listen(asked("good"));
  await listen({ phase: "starting", view: null });
  assert.deepEqual(sent, []);
  listen(asked());
  listen(asked());
  await pause();
  assert.deepEqual(sent, [KEY]);
  timers.splice(0).forEach((act) => act());
  await listen(asked());
  assert.deepEqual(sent, [KEY, KEY]);
});
