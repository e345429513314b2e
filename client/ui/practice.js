// Four practice questions in the form of a real paper, answered in memory only.

import { html, useState } from "./vendor/htm-preact.js";
import { Desk, DeskLine } from "./desk.js";
import { Exam } from "./exam.js";
import * as jots from "./jots.js";
import { T } from "./texts.js";

const KEYS = ["A", "B", "C", "D"];
const options = (texts) => texts.map((text, index) => ({ key: KEYS[index], text }));

/** The practice paper in the current language. */
export function practicePaper(words = T.practice) {
  const kinds = ["single", "multiple", "true_false", "text"];
  const stems = [words.single, words.multiple, words.trueFalse, words.text];
  const choices = [options(words.singleOptions), options(words.multipleOptions), options([words.right, words.wrong]), []];
  return {
    form: "",
    title: words.title,
    minutes: 0,
    items: kinds.map((kind, index) => ({
      id: `practice-${kind}`,
      number: index + 1,
      kind,
      points: "",
      stem: stems[index],
      options: choices[index],
      ...(kind === "text" ? { gaps: [{ key: "1", kind }] } : {}),
    })),
    sections: kinds.map((kind, index) => ({ kind, title: words.sections[index], from: index + 1, to: index + 1 })),
  };
}

/** The paper's own screen on practice questions; `onEnd` leaves it. */
export function Practice({ state, onOpen, onEnd, onDisplay }) {
  const [answers, setAnswers] = useState({});
  const [marked, setMarked] = useState([]);
  const [notes, jot] = useState(jots.EMPTY);
  const mark = (item, on) => setMarked((old) => (on ? [...old, item] : old.filter((id) => id !== item)));
  return html`<${Exam}
    paper=${practicePaper()} answers=${answers} marked=${marked} practice
    onAnswer=${(item, response) => setAnswers((old) => ({ ...old, [item]: response }))}
    onMark=${mark} onSubmit=${onEnd} onDisplay=${onDisplay} tools=${state.view.tools} jots=${notes} onJot=${jot}
    notice=${html`<${DeskLine} state=${state} onOpen=${onOpen} />`} foot=${(button) => html`<${Desk} state=${state} onOpen=${onOpen} />${button}`}
  />`;
}
