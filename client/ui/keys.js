// Which key does what on the paper. Pure: takes the plain facts of a key press, gives an act or null.

const LETTER = /^Key([A-H])$/;
const DIGIT = /^(?:Digit|Numpad)([1-9])$/;

/**
 * The act of a key press: `{act: "move", by}`, `{act: "choose", index}`, `{act: "strike", index}`,
 * `{act: "mark"}`, `{act: "note"}`, `{act: "zoom"}`, `{act: "submit"}`, `{act: "focus", by}`, or null. `code` is
 * the physical key, so an input method that swallows letters does not matter. `signs` false leaves letters
 * and digits to the browser (who uses speech input can switch them off). `where`: "option" when the keyboard put the focus on an option (there
 * Space and Enter choose), "typing" in a field, which keeps all keys but handing in and Escape
 * (`{act: "leave"}`), "control" on another button or box, else "paper".
 */
export function actOf({ code, ctrl, alt, meta, shift }, where, signs = true) {
  if (alt || meta) return null;
  if (ctrl) return code === "Enter" || code === "NumpadEnter" ? { act: "submit" } : null;
  if (where === "typing") return code === "Escape" ? { act: "leave" } : null;
  if (code === "ArrowLeft") return { act: "move", by: -1 };
  if (code === "ArrowRight") return { act: "move", by: 1 };
  if (code === "ArrowUp" || code === "ArrowDown") return focusAct(code, where);
  if (code === "Space") return where === "paper" ? { act: "mark" } : null;
  return signs ? signAct(code, shift) : null;
}

const SINGLE = { KeyN: "note", KeyZ: "zoom" };

function signAct(code, shift) {
  const chosen = choice(code);
  if (chosen) return shift ? { ...chosen, act: "strike" } : chosen;
  return !shift && SINGLE[code] ? { act: SINGLE[code] } : null;
}

function focusAct(code, where) {
  return where === "option" ? { act: "focus", by: code === "ArrowUp" ? -1 : 1 } : null;
}

function choice(code) {
  const letter = LETTER.exec(code);
  if (letter) return { act: "choose", index: letter[1].charCodeAt(0) - "A".charCodeAt(0) };
  const digit = DIGIT.exec(code);
  return digit ? { act: "choose", index: Number(digit[1]) - 1 } : null;
}
