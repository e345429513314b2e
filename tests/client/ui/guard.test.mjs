import assert from "node:assert/strict";
import { test } from "node:test";
import { isShortcut, staysHere } from "../../../client/ui/guard.js";

const press = (key, held = {}, code = "") =>
  isShortcut({ key, code, ctrl: false, alt: false, meta: false, shift: false, altGraph: false, composing: false, ...held });
const ctrl = { ctrl: true };
const both = { ctrl: true, shift: true };

test("what a candidate types, and how a page is walked through, stays", () => {
  for (const key of ["a", "A", "1", "é", "Tab", "Enter", " ", "Escape", "ArrowLeft", "PageDown", "Home", "Backspace", "Delete", "Process"]) {
    assert.equal(press(key), false, key);
    if (key !== "Escape") assert.equal(press(key, { shift: true }), false, `shift+${key}`);
  }
});

test("text is edited, handed in and its input method switched with Ctrl", () => {
  for (const code of ["KeyA", "KeyZ", "KeyY", "ArrowLeft", "ArrowRight", "Home", "End", "Backspace", "Delete", "Enter"]) {
    assert.equal(press("x", ctrl, code), false, code);
  }
  assert.equal(press(" ", ctrl, "Space"), false);
  assert.equal(press("Control", ctrl, "ControlLeft"), false);
  assert.equal(press("Shift", both, "ShiftLeft"), false);
  assert.equal(press("Z", both, "KeyZ"), false);
});

test("letters of AltGr and of an input method at work are nobody's shortcut", () => {
  assert.equal(press("@", { ctrl: true, alt: true, altGraph: true }, "KeyQ"), false);
  assert.equal(press("t", { ctrl: true, composing: true }, "KeyT"), false);
});

test("shortcuts of the browser and the desktop are taken away", () => {
  for (const code of ["KeyT", "KeyN", "KeyW", "KeyP", "KeyS", "KeyO", "KeyU", "KeyF", "KeyR", "KeyL", "Equal", "Minus", "Digit0", "Tab", "PageDown", "F4", "KeyC", "KeyV", "KeyX"]) {
    assert.equal(press("x", ctrl, code), true, `ctrl+${code}`);
  }
  for (const code of ["KeyA", "Delete", "KeyT", "KeyN", "KeyI", "Escape", "Tab"]) {
    assert.equal(press("x", both, code), true, `ctrl+shift+${code}`);
  }
  for (const key of ["F1", "F3", "F5", "F7", "F11", "F12", "PrintScreen", "ContextMenu", "BrowserBack", "LaunchMail", "Meta", "Alt"]) {
    assert.equal(press(key, {}, key), true, key);
  }
  assert.equal(press("Escape", { shift: true }, "Escape"), true);
  for (const key of ["ArrowLeft", "Home", "F4", "d", "Enter", " "]) assert.equal(press(key, { alt: true }), true, `alt+${key}`);
  assert.equal(press("e", { meta: true }), true);
});

test("a click may only jump within the page", () => {
  const link = (facts) => staysHere({ href: "#main", target: "", download: "", modified: false, ...facts });
  assert.equal(link({}), true);
  for (const facts of [
    { href: "/" }, { href: "http://elsewhere/#main" }, { href: null }, { href: "mailto:a@b" },
    { target: "_blank" }, { download: "x" }, { modified: true },
  ]) assert.equal(link(facts), false, JSON.stringify(facts));
});
