import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { askText, challengeOf, whyText } from "../../../client/ui/challenge.js";
import { challengeTexts } from "../../../client/ui/challenge-texts.js";
import { useCatalogue } from "../../../client/ui/words.js";

const words = challengeTexts();
const running = (ask) => ({ state: "running", ask, number: 1, steps: 2, left: 5, seconds: 10, tries: 3, reason: "" });

test("without a camera, or with nothing asked, there is no card", () => {
  for (const watch of [null, undefined, {}, { challenge: null }]) assert.equal(challengeOf(watch), null);
  assert.deepEqual(challengeOf({ challenge: running("blink") }), running("blink"));
});

test("each thing to do has its own words; left and right differ", () => {
  const asked = ["centre", "turn_left", "turn_right", "look_up", "blink"].map((ask) => askText(running(ask), words));
  assert.equal(new Set(asked).size, 5);
  assert.match(asked[1], /向左/);
  assert.match(asked[2], /向右/);
});

test("a step that this page does not know is shown as looking ahead", () => {
  assert.equal(askText(running("toString"), words), words.ask.centre);
  assert.equal(askText({ ...running(""), state: "starting" }, words), words.starting);
});

test("why a try did not pass is said only when there was one", () => {
  assert.equal(whyText({ state: "offered", reason: "" }, words), "");
  assert.equal(whyText({ state: "again", reason: "flat" }, words), words.why.flat);
  assert.equal(whyText({ state: "again", reason: "constructor" }, words), words.why[""]);
});

test("nobody is accused: no reason speaks of cheating", () => {
  for (const text of Object.values(words.why)) assert.doesNotMatch(text, /作弊|冒充|替考|违/);
});

test("every word has its English", () => {
  const english = JSON.parse(readFileSync(new URL("../../../client/ui/catalog/en.json", import.meta.url), "utf-8"));
  const texts = (value) => (typeof value === "string" ? [value] : Object.values(value).flatMap(texts));
  for (const text of texts(words)) assert.ok(english[text], text);
  useCatalogue(english);
  assert.match(challengeTexts().ask.turn_left, /left/);
  useCatalogue({});
});
