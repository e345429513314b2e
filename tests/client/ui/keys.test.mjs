import assert from "node:assert/strict";
import { test } from "node:test";
import { actOf } from "../../../client/ui/keys.js";

const press = (code, where = "paper", held = {}) => actOf({ code, ctrl: false, alt: false, meta: false, shift: false, ...held }, where);

test("letters and figures choose the same option, on both keypads", () => {
  for (const code of ["KeyC", "Digit3", "Numpad3"]) assert.deepEqual(press(code), { act: "choose", index: 2 });
  assert.equal(press("KeyI"), null);
  assert.equal(press("Digit0"), null);
});

test("arrows move between questions wherever the focus is", () => {
  for (const where of ["paper", "option", "control"]) {
    assert.deepEqual(press("ArrowLeft", where), { act: "move", by: -1 });
    assert.deepEqual(press("ArrowRight", where), { act: "move", by: 1 });
  }
});

test("up and down move among options only when one has the keyboard's focus, else the page scrolls", () => {
  assert.deepEqual(press("ArrowDown", "option"), { act: "focus", by: 1 });
  assert.equal(press("ArrowDown", "paper"), null);
});

test("Space marks, but presses what the keyboard stands on", () => {
  assert.deepEqual(press("Space"), { act: "mark" });
  assert.equal(press("Space", "option"), null);
  assert.equal(press("Space", "control"), null);
});

test("Ctrl+Enter hands in; Enter alone and other held keys do nothing", () => {
  assert.deepEqual(press("Enter", "paper", { ctrl: true }), { act: "submit" });
  assert.equal(press("Enter"), null);
  assert.equal(press("KeyA", "paper", { ctrl: true }), null);
  assert.equal(press("KeyA", "paper", { alt: true }), null);
  assert.equal(press("KeyA", "paper", { meta: true }), null);
});

test("whoever types has every key but handing in and leaving", () => {
  for (const code of ["KeyA", "Digit1", "Space", "ArrowLeft", "ArrowUp", "Enter"]) assert.equal(press(code, "typing"), null, code);
  assert.deepEqual(press("Enter", "typing", { ctrl: true }), { act: "submit" });
  assert.deepEqual(press("Escape", "typing"), { act: "leave" });
  assert.equal(press("Escape", "paper"), null);
});

test("Shift strikes out, N opens the note, Z the picture; letters can be switched off", () => {
  assert.deepEqual(press("KeyB", "paper", { shift: true }), { act: "strike", index: 1 });
  assert.deepEqual(press("Digit4", "option", { shift: true }), { act: "strike", index: 3 });
  assert.deepEqual(press("KeyN"), { act: "note" });
  assert.deepEqual(press("KeyZ", "control"), { act: "zoom" });
  assert.equal(press("KeyN", "paper", { shift: true }), null);
  for (const code of ["KeyA", "Digit1", "KeyN", "KeyZ"]) {
    const facts = { code, ctrl: false, alt: false, meta: false, shift: false };
    assert.equal(actOf(facts, "paper", false), null, code);
  }
  assert.deepEqual(actOf({ code: "Space" }, "paper", false), { act: "mark" });
});
