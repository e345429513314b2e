// What the browser itself would do with keys, links and the mouse, taken away: the page is all there is. The
// page's own handlers still see every event; only the browser's default action goes.

const FUNCTION_KEY = /^(?:F\d{1,2}|Browser\w+|Launch\w+|PrintScreen|Print|ContextMenu|Help|Find)$/;
/** With Ctrl these edit or select text, or belong to the page (Ctrl+Enter hands in). */
const EDITING = new Set([
  ...["KeyA", "KeyZ", "KeyY", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"],
  ...["Backspace", "Delete", "Enter", "NumpadEnter"],
]);
/** Of them with Shift too: Ctrl+Shift+A searches tabs, Ctrl+Shift+Delete opens the settings. */
const EDITING_SHIFTED = new Set(["KeyZ", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"]);

/**
 * Whether the browser must not act on a key. Pure: takes `{key, code, ctrl, alt, meta, shift, altGraph,
 * composing}`. What an input method is at work on is its own, and AltGr writes letters.
 */
export function isShortcut({ key, code, ctrl, alt, meta, shift, altGraph, composing }) {
  if (composing || altGraph) return false;
  if (meta || alt || key === "Meta" || key === "Alt") return true;
  if (FUNCTION_KEY.test(key) || FUNCTION_KEY.test(code)) return true;
  if (shift && key === "Escape") return true;
  if (!ctrl || key === "Control" || key === "Shift") return false;
  if (key === " ") return false; // switches input methods
  return !(shift ? EDITING_SHIFTED : EDITING).has(code);
}

/** Whether a click may do what the browser does with it: jumps within the page, without any modifier. */
export function staysHere({ href, target, download, modified }) {
  return !modified && !download && !target && /^#/.test(href || "");
}

const facts = (event) => ({
  key: event.key,
  code: event.code,
  ctrl: event.ctrlKey,
  alt: event.altKey,
  meta: event.metaKey,
  shift: event.shiftKey,
  altGraph: event.getModifierState("AltGraph"),
  composing: event.isComposing || event.keyCode === 229,
});

function onKey(event) {
  if (isShortcut(facts(event))) event.preventDefault();
}

function onClick(event) {
  const element = event.target instanceof Element ? event.target : null;
  if (!element) return;
  const link = element.closest("a, area");
  if (link) {
    const modified = event.button !== 0 || event.ctrlKey || event.shiftKey || event.metaKey || event.altKey;
    const { target, download } = link;
    if (!staysHere({ href: link.getAttribute("href"), target, download, modified })) event.preventDefault();
  }
  if (element.closest("input[type=file]")) event.preventDefault();
}

const cancel = (event) => event.preventDefault();
/** Middle press: scrolls by itself, pastes what was selected, opens links. */
const cancelOther = (event) => event.button !== 0 && event.preventDefault();
const cancelZoom = (event) => event.ctrlKey && event.preventDefault();

const CANCELLED = ["contextmenu", "dragstart", "dragenter", "dragover", "drop", "copy", "cut", "paste"];

/** Stands guard over a window for as long as it lives. */
export function guard(view) {
  const listen = (name, handler) => view.addEventListener(name, handler, { capture: true, passive: false });
  listen("keydown", onKey);
  listen("keyup", onKey);
  listen("click", onClick);
  listen("auxclick", cancel);
  listen("mousedown", cancelOther);
  listen("mouseup", cancelOther);
  listen("wheel", cancelZoom);
  for (const name of CANCELLED) listen(name, cancel);
  for (const name of ["open", "print"]) {
    Object.defineProperty(view, name, { value: () => null, writable: false, configurable: false });
  }
}
