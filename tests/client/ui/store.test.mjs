import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../../client/ui/api.js";
import * as outbox from "../../../client/ui/outbox.js";
import { boxState } from "../../../client/ui/steps.js";
import { gapLimit } from "../../../client/ui/answers.js";
import { createStore } from "../../../client/ui/store.js";

const candidate = (ticket) => ({ ticket, name: "王芳" });
const view = (version, change = {}) => ({
  version, step: "answering", paper: "open", candidate: candidate("1"), answers: {}, marked: [], saved: {}, saving: "server",
  time: { remaining: 60 }, ...change,
});
const pause = () => new Promise((wake) => setImmediate(wake));
const settleDown = async () => { for (let n = 0; n < 20; n += 1) await pause(); };

/** An agent on a string: `views` are handed out one by one, then the poll hangs. `silent`: launches without an answer. */
function rig({ views = [], answer = async () => ({}), token = true, clock = () => 0, free = false, silent = [] } = {}) {
  let launches = 0;
  const sent = [];
  const waiting = [];
  const queue = [...views];
  const api = {
    hasToken: () => token,
    launch: async (nonce) => {
      if (silent.includes((launches += 1))) throw new ApiError(0, "agent_silent");
      if (!nonce && !free) throw new ApiError(403, "launch_refused");
      token = true;
    },
    nextView: () => (queue.length ? give(queue.shift()) : new Promise((done) => waiting.push(done))),
    getPaper: async () => ({ form: "A", items: [] }),
    sendAnswer: (item, response) => { sent.push([item, response]); return answer(item, response); },
    readWarning: async (id) => { sent.push(["warning", id]); return answer(id); },
    sendMark: async (item, on) => sent.push([item, on]),
  };
  const give = (what) => (what instanceof Error ? Promise.reject(what) : Promise.resolve(what));
  const timers = [];
  const store = createStore({ api, clock, later: (act, ms) => timers.push([act, ms]) });
  const tick = () => timers.splice(0).forEach(([act]) => act());
  return { store, sent, tick, push: (next) => waiting.shift()(next) };
}

test("the paper is fetched once, when it is open", async () => {
  const { store } = rig({ views: [view(1, { paper: "sealed" }), view(2)] });
  store.start("");
  await settleDown();
  assert.equal(store.get().phase, "running");
  assert.equal(store.get().paper.form, "A");
});

test("without a token and a nonce the page says so", async () => {
  const { store } = rig({ token: false });
  await store.start("");
  assert.equal(store.get().phase, "no_token");
});

test("behind Safe Exam Browser the page launches itself, and again when the agent began anew", async () => {
  const { store } = rig({ token: false, free: true, views: [view(1), new ApiError(401, "no_token"), view(2)] });
  await store.start("");
  await settleDown();
  assert.equal(store.get().phase, "running");
  assert.equal(store.get().view.version, 2);
});

test("an agent that is still beginning is asked again", async () => {
  const { store, tick } = rig({
    token: false, free: true, silent: [2, 3], views: [view(1), new ApiError(401, "no_token"), view(2)],
  });
  await store.start("");
  await settleDown();
  assert.equal(store.get().phase, "no_token");
  for (let n = 0; n < 2; n += 1) {
    tick();
    await settleDown();
  }
  assert.deepEqual([store.get().phase, store.get().view.version], ["running", 2]);
});

test("an agent that began anew lets no other page in", async () => {
  const { store } = rig({ views: [view(1), new ApiError(401, "no_token"), view(2)] });
  await store.start("");
  await settleDown();
  assert.equal(store.get().phase, "no_token");
});

test("another page took over", async () => {
  const { store } = rig({ views: [view(1), new ApiError(401, "taken_over")] });
  store.start("");
  await settleDown();
  assert.equal(store.get().phase, "taken_over");
});

test("a silent agent is named after some tries, and forgotten when it is back", async () => {
  const silent = () => new ApiError(0, "agent_silent");
  const { store, tick } = rig({ views: [view(1), silent(), silent(), silent(), view(1)] });
  store.start("");
  for (const down of [false, false, true]) {
    await settleDown();
    assert.equal(store.down(), down);
    tick();
  }
  await settleDown();
  assert.equal(store.down(), false);
  assert.equal(store.get().phase, "running");
});

test("answers go one by one; a failed one is kept and sent again", async () => {
  let broken = true;
  const answer = async () => { if (broken) throw new ApiError(507, "disk_full"); };
  const { store, sent } = rig({ views: [view(1)], answer });
  store.start("");
  await settleDown();
  store.put("answer", "i1", ["A"]);
  await settleDown();
  assert.equal(store.get().box.entries[0].state, "unsaved");
  broken = false;
  store.put("answer", "i1", ["B"]);
  await settleDown();
  assert.deepEqual(sent, [["i1", ["A"]], ["i1", ["B"]]]);
  assert.equal(store.get().box.entries[0].state, "here");
});

test("a refused answer is dropped and named", async () => {
  const answer = async () => { throw new ApiError(409, "time_over"); };
  const { store } = rig({ views: [view(1)], answer });
  store.start("");
  await settleDown();
  store.put("answer", "i1", ["A"]);
  await settleDown();
  assert.deepEqual(store.get().box.entries, []);
  assert.equal(store.get().refusal, "time_over");
});

test("an answer that is not accepted as it is stays in its field, with the reason beside it", async () => {
  let strict = true;
  const answer = async () => { if (strict) throw new ApiError(422, "bad_response"); };
  const { store, sent, push } = rig({ views: [view(1)], answer });
  store.start("");
  await settleDown();
  store.put("answer", "i1", ["too long"]);
  await settleDown();
  push(view(2));
  await settleDown();
  const { box, view: seen, refusal } = store.get();
  assert.deepEqual(outbox.overlay(box, seen).answers, { i1: ["too long"] });
  assert.deepEqual(outbox.overlay(outbox.taken(box), seen).answers, {});
  assert.equal(outbox.savedState(box, seen, "i1"), "refused");
  assert.equal(outbox.refusalOf(box, "i1"), "bad_response");
  assert.equal(outbox.savingState(box, seen, 99), "server");
  assert.equal(boxState(box), "clear");
  assert.equal(refusal, "");
  assert.equal(sent.length, 1);
  strict = false;
  store.put("answer", "i1", ["short"]);
  await settleDown();
  assert.deepEqual(sent[1], ["i1", ["short"]]);
  assert.equal(outbox.refusalOf(store.get().box, "i1"), "");
});

test("what was typed while a refused answer was under way is sent after it", async () => {
  let turn = 0;
  const answer = async () => { turn += 1; if (turn === 1) { await pause(); throw new ApiError(422, "bad_response"); } };
  const { store, sent } = rig({ views: [view(1)], answer });
  store.start("");
  await settleDown();
  store.put("answer", "i1", ["too long"]);
  store.put("answer", "i1", ["short"]);
  await settleDown();
  assert.deepEqual(sent, [["i1", ["too long"]], ["i1", ["short"]]]);
});

test("all the gaps of a question fit into one answer, whatever is typed into them", () => {
  assert.equal(gapLimit(1), 500);
  assert.equal(gapLimit(16), 500);
  assert.equal(gapLimit(17), 470);
  for (let gaps = 1; gaps <= 30; gaps += 1) assert.ok(gaps * gapLimit(gaps) <= 8000);
});

test("the next candidate at this seat sees nothing of the former one", async () => {
  const { store, push } = rig({ views: [view(1)], answer: async () => { throw new ApiError(0, "agent_silent"); } });
  store.start("");
  await settleDown();
  store.put("answer", "i1", ["A"]);
  await settleDown();
  push(view(2, { candidate: null, step: "sign_in", paper: "none" }));
  await settleDown();
  assert.deepEqual(store.get().box.entries, []);
  assert.equal(store.get().paper, null);
});

const WARNED = [{ warning: 3, text: "请坐好。" }];

test("a warning is confirmed once; nothing is sent again while the state still holds it", async () => {
  const { store, sent, push } = rig({ views: [view(1, { warnings: WARNED })] });
  store.start("");
  await settleDown();
  store.read(3);
  store.read(3);
  await settleDown();
  push(view(2, { warnings: WARNED }));
  await settleDown();
  assert.deepEqual(sent, [["warning", 3]]);
  assert.equal(store.get().reads[3].state, "read");
  push(view(3, { warnings: [] }));
  await settleDown();
  assert.deepEqual(store.get().reads, {});
});

test("without a link the confirmation is kept and sent again, and answers go their own way", async () => {
  let linked = false;
  const answer = async (what) => { if (what === 3 && !linked) throw new ApiError(503, "no_link"); };
  let now = 0;
  const { store, sent, tick } = rig({ views: [view(1, { warnings: WARNED })], answer, clock: () => now });
  store.start("");
  await settleDown();
  store.read(3);
  await settleDown();
  assert.equal(store.get().reads[3].code, "no_link");
  store.put("answer", "i1", ["A"]);
  await settleDown();
  assert.deepEqual(sent, [["warning", 3], ["i1", ["A"]]]);
  linked = true;
  now = 10;
  tick();
  await settleDown();
  assert.deepEqual(sent.at(-1), ["warning", 3]);
});

test("jottings are told one at a time, a change on the way is told again, a refusal is let go", async () => {
  const told = [];
  let fail = null;
  const api = {
    hasToken: () => true,
    nextView: (after) => (after === 0 ? Promise.resolve(view(1, { notes: { struck: { q1: ["k1"] } } })) : new Promise(() => {})),
    getPaper: async () => ({ form: "A", items: [] }),
    sendNotes: async (body) => {
      told.push(body);
      if (fail) throw fail;
    },
  };
  const timers = [];
  const store = createStore({ api, clock: () => 0, later: (act) => timers.push(act) });
  store.start("");
  await settleDown();
  assert.deepEqual(store.get().jots.struck, { q1: ["k1"] });
  store.jot((old) => ({ ...old, item: "q1", queue: ["q1"] }));
  store.jot((old) => ({ ...old, texts: { q1: "x" } }));
  await settleDown();
  assert.deepEqual(told.map((one) => one.note), ["", "x"]);
  assert.deepEqual(store.get().jots.queue, []);
  fail = new ApiError(0, "agent_silent");
  store.jot((old) => ({ ...old, queue: ["q1"] }));
  await settleDown();
  assert.deepEqual(store.get().jots.queue, ["q1"]);
  fail = new ApiError(409, "not_answering");
  timers.splice(0).forEach((act) => act());
  await settleDown();
  assert.deepEqual(store.get().jots.queue, []);
  assert.equal(told.length, 4);
});
