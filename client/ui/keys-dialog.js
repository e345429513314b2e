// The keys of the paper, behind their button, and the switch for those that are single signs.

import { html, useState } from "./vendor/htm-preact.js";
import { Dialog } from "./parts.js";
import { prefs, setKeys } from "./prefs.js";
import { T } from "./texts.js";

/** Letters and digits can be switched off: who speaks to the machine would press them without meaning to. */
export function KeysDialog({ onClose }) {
  const [off, setOff] = useState(prefs.keys);
  const turn = (event) => {
    setKeys(event.target.checked ? "" : "off");
    setOff(prefs.keys);
  };
  const foot = html`<button class="btn btn-primary" type="button" onClick=${onClose}>${T.frame.close}</button>`;
  return html`<${Dialog} title=${T.paper.keysTitle} onClose=${onClose} foot=${foot} wide>
    <dl class="facts keys-list">${T.paper.keyList.map(([key, what]) => html`<dt><kbd>${key}</kbd></dt><dd>${what}</dd>`)}</dl>
    <label class="choice"><input type="checkbox" checked=${!off} aria-describedby="keys-hint" onChange=${turn} /><span>${T.paper.keySigns}</span></label>
    <p class="hint" id="keys-hint">${T.paper.keySignsHint}</p>
  <//>`;
}
