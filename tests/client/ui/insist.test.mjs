import assert from "node:assert/strict";
import { test } from "node:test";
import { AGAIN_MS, insist } from "../../../client/ui/insist.js";

const passing = Object.assign(new Error("away"), { passing: true });
const final = Object.assign(new Error("refused"), { passing: false });

/** `answers`: what each call gives, an error is thrown. */
function bench(answers, more = {}) {
  const made = { taken: [], dropped: [], due: null };
  const load = async () => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  made.end = insist(load, {
    take: (found) => made.taken.push(found),
    drop: (found) => made.dropped.push(found),
    later: (work, delay) => (made.due = { work, delay }),
    stop: () => (made.due = null),
    ...more,
  });
  return made;
}

const settled = () => new Promise((done) => setTimeout(done, 0));

test("what is there is taken at once", async () => {
  const made = bench(["blob:1"]);
  await settled();
  assert.deepEqual([made.taken, made.due], [["blob:1"], null]);
});

test("what may come is asked for until it is there", async () => {
  const made = bench([passing, passing, "blob:1"]);
  await settled();
  for (let turn = 0; turn < 2; turn += 1) {
    assert.deepEqual([made.taken, made.due.delay], [[], AGAIN_MS]);
    await made.due.work();
  }
  assert.deepEqual(made.taken, ["blob:1"]);
});

test("a refusal is one", async () => {
  const made = bench([final]);
  await settled();
  assert.deepEqual([made.taken, made.due], [[null], null]);
});

test("the caller may say what passes", async () => {
  const made = bench([final, "blob:1"], { waits: () => true });
  await settled();
  await made.due.work();
  assert.deepEqual(made.taken, ["blob:1"]);
});

test("who has gone takes nothing, and what still came is dropped", async () => {
  const late = bench(["blob:1"]);
  late.end();
  await settled();
  assert.deepEqual([late.taken, late.dropped], [[], ["blob:1"]]);
  const waiting = bench([passing]);
  await settled();
  waiting.end();
  assert.equal(waiting.due, null);
});
