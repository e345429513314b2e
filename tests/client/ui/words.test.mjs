import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { reasonText, sentence } from "../../../client/ui/messages.js";
import { rulesOf } from "../../../client/ui/rules.js";
import { atEnd, boxState, missingPart, screenOf, tidy } from "../../../client/ui/steps.js";
import { T, rebuildTexts } from "../../../client/ui/texts.js";
import { _, fill, ngettext, useCatalogue } from "../../../client/ui/words.js";

const UI = new URL("../../../client/ui/", import.meta.url);
const SERVER = new URL("../../../server/static/css/", import.meta.url);

test("places are filled by name; unknown ones stay to be seen", () => {
  assert.equal(fill("第 %(n)s 题，%(m)d%%", { n: 3, m: 40 }), "第 3 题，40%");
  assert.equal(fill("%(n)s", {}), "%(n)s");
});

test("the catalogue gives words and plurals, the Chinese text stands in for what it lacks", () => {
  useCatalogue({ 交卷: "Hand in", "未答 %(n)s 题": ["%(n)s open question", "%(n)s open questions"] });
  rebuildTexts();
  assert.equal(T.paper.submit, "Hand in");
  assert.equal(_("没有的"), "没有的");
  assert.equal(ngettext("未答 %(n)s 题", "未答 %(n)s 题", 1), "1 open question");
  assert.equal(ngettext("未答 %(n)s 题", "未答 %(n)s 题", 2), "2 open questions");
  useCatalogue({});
  rebuildTexts();
  assert.equal(T.submitting.open(2), "未答 2 题");
});

test("a refusal says what to do; an unknown code is named", () => {
  assert.match(sentence("wrong_seat", { seat: "21" }), /21 号/);
  assert.match(sentence("strange_code"), /strange_code/);
});

test("a closing reason is a known code or a person's own words", () => {
  assert.equal(reasonText("考生身体不适"), "考生身体不适");
  assert.notEqual(reasonText("room_ended"), "room_ended");
});

test("rules are known by their version, none stands in for another", () => {
  assert.ok(rulesOf("2026-11").some((section) => section.pledge));
  assert.equal(rulesOf("1999-1"), null);
  assert.equal(rulesOf("constructor"), null);
});

test("what was typed is sent half-width, without blanks, upper case", () => {
  assert.equal(tidy(" １１０１ ０１１９９００１０１００１ｘ "), "11010119900101001X");
});

test("the rules are read when their end is in sight", () => {
  assert.ok(!atEnd({ scrollTop: 0, clientHeight: 400, scrollHeight: 1000 }));
  assert.ok(atEnd({ scrollTop: 600, clientHeight: 400, scrollHeight: 1000 }));
  assert.ok(atEnd({ scrollTop: 0, clientHeight: 400, scrollHeight: 300 }));
});

test("refusing face comparison goes the same way as agreeing", () => {
  assert.equal(missingPart(false, true, true), "read");
  assert.equal(missingPart(true, null, true), "consent");
  assert.equal(missingPart(true, false, false), "promise");
  for (const consent of [true, false]) assert.equal(missingPart(true, consent, true), "");
});

test("handing in waits for what is on its way", () => {
  assert.equal(boxState({ entries: [] }), "clear");
  assert.equal(boxState({ entries: [{ state: "here" }] }), "clear");
  assert.equal(boxState({ entries: [{ state: "sending" }] }), "busy");
  assert.equal(boxState({ entries: [{ state: "sending" }, { state: "unsaved" }] }), "stuck");
});

test("the paper is shown only while answering, unpaused and open", () => {
  const at = (step, notice, paper) => screenOf({ phase: "running", view: { step, notice }, paper });
  assert.equal(at("answering", "", { items: [] }), "answering");
  assert.equal(at("answering", "", null), "opening");
  assert.equal(at("answering", "paused", { items: [] }), "paused");
  assert.equal(at("locked", "", { items: [] }), "locked");
  assert.equal(screenOf({ phase: "taken_over", view: { step: "answering" }, paper: {} }), "taken_over");
});

test("the shared style sheets are the server's, byte for byte", () => {
  for (const name of ["tokens.css", "base.css", "icons.css", "parts.css"]) {
    assert.ok(readFileSync(new URL(name, UI)).equals(readFileSync(new URL(name, SERVER))), name);
  }
});

test("only tokens.css knows a colour, and nothing is styled or run inline", () => {
  for (const name of ["base.css", "icons.css", "parts.css", "exam.css"]) {
    const found = readFileSync(new URL(name, UI), "utf8").match(/(#[0-9a-f]{3,8}\b|rgba?\(|hsla?\()/gi) || [];
    assert.deepEqual(found.filter((one) => one !== "#fff"), [], name);
  }
  const sources = readdirSync(UI).filter((name) => /\.(js|html)$/.test(name));
  for (const name of sources) assert.doesNotMatch(readFileSync(new URL(name, UI), "utf8"), /\sstyle=|\son[a-z]+="/, name);
});
