import assert from "node:assert/strict";
import { test } from "node:test";
import { watchFocus, watchOthers } from "../../../client/ui/watchfulness.js";

/** A page, its window and a clock in hand. */
function bench({ fail = () => null } = {}) {
  const handlers = {};
  const on = (name, handler) => (handlers[name] = handler);
  const page = { hidden: false, focus: true, hasFocus: () => page.focus, addEventListener: on };
  const told = [];
  let due = null;
  const tell = async (sign) => {
    const fault = fail(told.length);
    told.push(sign.ended ? "back" : "away");
    if (fault) throw fault;
  };
  const later = (work, delay) => (due = { work, delay });
  watchFocus({ scope: { addEventListener: on }, page, tell, later, stop: () => (due = null) });
  const run = async () => {
    const { work, delay } = due;
    due = null;
    await work();
    return delay;
  };
  const turn = (change) => {
    Object.assign(page, change);
    handlers[change.hidden === undefined ? "blur" : "visibilitychange"]();
  };
  return { told, run, turn, waits: () => (due ? due.delay : null) };
}

test("a page says once where it is, whatever the page before it said last", async () => {
  const { told, run, waits } = bench();
  await run();
  assert.deepEqual(told, ["back"]);
  assert.equal(waits(), null);
});

test("away and back are told, each once", async () => {
  const { told, run, turn } = bench();
  await run();
  turn({ focus: false });
  assert.equal(await run(), 300);
  turn({ focus: true });
  await run();
  assert.deepEqual(told, ["back", "away", "back"]);
});

test("a hidden page is away though it has the focus", async () => {
  const { told, run, turn } = bench();
  await run();
  turn({ hidden: true });
  await run();
  assert.deepEqual(told, ["back", "away"]);
});

test("a blink is nothing", async () => {
  const { told, run, turn } = bench();
  await run();
  turn({ focus: false });
  turn({ focus: true });
  await run();
  assert.deepEqual(told, ["back"]);
});

test("a page that opens behind another one says so", async () => {
  const made = bench();
  made.turn({ focus: false });
  await made.run();
  assert.deepEqual(made.told, ["away"]);
});

test("while away it says so again, for an agent that was started anew", async () => {
  const { told, run, turn, waits } = bench();
  await run();
  turn({ focus: false });
  await run();
  assert.equal(waits(), 10_000);
  await run();
  assert.deepEqual(told, ["back", "away", "away"]);
});

test("an agent that does not answer is told later", async () => {
  const { told, run, turn, waits } = bench({ fail: (n) => (n === 1 ? { passing: true } : null) });
  await run();
  turn({ focus: false });
  await run();
  assert.equal(waits(), 1000);
  await run();
  assert.deepEqual(told, ["back", "away", "away"]);
});

test("an agent that does not know the page yet, or no more, is told when it does", async () => {
  const { told, run, turn, waits } = bench({ fail: (n) => (n === 1 ? { passing: false, code: "no_token" } : null) });
  await run();
  turn({ focus: false });
  await run();
  assert.equal(waits(), 10_000);
  await run();
  assert.deepEqual(told, ["back", "away", "away"]);
  turn({ focus: true });
  await run();
  assert.deepEqual([told.at(-1), waits()], ["back", null]);
});

test("a page that nobody listens to does not insist", async () => {
  const { run, turn, waits } = bench({ fail: () => ({ passing: false }) });
  await run();
  turn({ focus: false });
  await run();
  assert.equal(waits(), null);
});

test("of other pages only those that the agent cannot see are told", () => {
  const sent = [];
  const told = [];
  const channel = { postMessage: (data) => sent.push(data) };
  watchOthers({ channel, tell: (sign) => told.push(sign.kind), armed: true });
  assert.deepEqual(sent, [{ hello: true, armed: true }]);
  for (const data of [{ hello: true, armed: true }, null, {}, "x"]) channel.onmessage({ data });
  assert.deepEqual(told, []);
  channel.onmessage({ data: { hello: true, armed: false } });
  assert.deepEqual(told, ["second_page"]);
});
