import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { reasonText, sentence } from "../../../client/ui/messages.js";
import { rulesOf } from "../../../client/ui/rules.js";
import { atEnd, boxState, cameraSign, enrolmentSign, missingPart, screenOf, tidy } from "../../../client/ui/steps.js";
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

test("what the agent and the server can say of a seat has a sentence of its own", () => {
  const codes = [
    "journal_broken", "journal_exists", "journal_in_use", "journal_not_open", "disk_full", "disk_error", "read_only",
    "wrong_device_key", "wrong_certificate", "workstation_not_paired", "protocol_version", "package_broken",
    "package_needs_newer",
    "paper_sealed", "paper_unopened", "receipt_not_genuine", "no_face_consent", "no_link", "not_found",
  ];
  for (const code of codes) assert.doesNotMatch(sentence(code), new RegExp(code), code);
});

test("the camera's sign: none in a standard room, and what does not work is never shown as working", () => {
  const signs = [
    [null, ""],
    [{ mode: "", camera: "live" }, ""],
    [{ mode: "manual", camera: "manual" }, "manual"],
    [{ mode: "manual", camera: "lost" }, "manual"],
    [{ mode: "watch", camera: "live" }, "working"],
    [{ mode: "enrol", camera: "enrolling" }, "enrolling"],
    [{ mode: "enrol", camera: "live" }, "enrolling"],
    [{ mode: "watch", camera: "lost" }, "lost"],
    [{ mode: "enrol", camera: "lost" }, "lost"],
    [{ mode: "watch", camera: "unavailable" }, "unavailable"],
    [{ mode: "watch", camera: "" }, "absent"],
  ];
  for (const [watch, sign] of signs) assert.equal(cameraSign(watch), sign, JSON.stringify(watch));
  for (const sign of new Set(signs.map((row) => row[1]))) assert.ok(sign === "" || T.camera.sign[sign], sign);
});

test("the enrolment is done when the plan asks for no more, and lacks a camera whatever the plan says", () => {
  const signs = [
    [null, ""],
    [{ mode: "", camera: "live" }, "done"],
    [{ mode: "", camera: "lost" }, "lost"],
    [{ mode: "", camera: "" }, "absent"],
    [{ mode: "enrol", camera: "live" }, "enrolling"],
    [{ mode: "enrol", camera: "enrolling" }, "enrolling"],
    [{ mode: "enrol", camera: "unavailable" }, "unavailable"],
    [{ mode: "watch", camera: "live" }, "done"],
    [{ mode: "manual", camera: "manual" }, "manual"],
  ];
  for (const [watch, sign] of signs) assert.equal(enrolmentSign(watch), sign, JSON.stringify(watch));
  for (const [, sign] of signs.slice(1)) assert.ok(T.camera.title[sign] && T.camera.text[sign], sign);
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
  assert.equal(at("paused", "", { items: [] }), "paused");
  assert.equal(at("locked", "", { items: [] }), "locked");
  assert.equal(screenOf({ phase: "taken_over", view: { step: "answering" }, paper: {} }), "taken_over");
});

test("the shared style sheets are the server's, byte for byte", () => {
  for (const name of ["tokens.css", "base.css", "icons.css", "parts.css"]) {
    assert.ok(readFileSync(new URL(name, UI)).equals(readFileSync(new URL(name, SERVER))), name);
  }
});

test("only tokens.css knows a colour, and nothing is styled or run inline", () => {
  for (const name of ["base.css", "icons.css", "parts.css", "exam.css", "tools.css"]) {
    const found = readFileSync(new URL(name, UI), "utf8").match(/(#[0-9a-f]{3,8}\b|rgba?\(|hsla?\()/gi) || [];
    assert.deepEqual(found.filter((one) => one !== "#fff"), [], name);
  }
  const sources = readdirSync(UI).filter((name) => /\.(js|html)$/.test(name));
  for (const name of sources) assert.doesNotMatch(readFileSync(new URL(name, UI), "utf8"), /\sstyle=|\son[a-z]+="/, name);
});
