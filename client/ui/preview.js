// The preview of staff: the candidate's own screen on one form, answered in memory only. What is beside it
// chooses the example whose order is shown, and whether right answers stand under the questions.

import { html, render, useEffect, useState } from "./vendor/htm-preact.js";
import { DisplayDialog } from "./frame.js";
import { Exam } from "./exam.js";
import { setLanguage } from "./prefs.js";
import { rightText } from "./rightness.js";
import { T } from "./texts.js";
import { fill } from "./words.js";

const MOST = 999;

function addressOf(paper) {
  return async (sha) => {
    const medium = paper.media && paper.media[sha];
    if (!medium) throw new Error("no such medium");
    const bytes = Uint8Array.from(atob(medium.data), (sign) => sign.charCodeAt(0));
    return URL.createObjectURL(new Blob([bytes], { type: medium.mime }));
  };
}

function Right({ item, entry }) {
  const text = entry && rightText(item, entry);
  return html`<p class="preview-key"><b>${T.preview.right}</b> ${text || T.preview.examiner}</p>`;
}

function Bar({ paper, back, who, onWho, keys, onKeys }) {
  return html`<header class="preview-bar">
    <a class="btn btn-quiet" href=${back}>${T.preview.back}</a>
    <b class="preview-title">${fill(T.preview.title, { title: paper.title, form: paper.form })}</b>
    <label class="preview-who">${T.preview.example}
      <input class="gap" type="number" min="1" max=${MOST} value=${who} onChange=${(event) => onWho(event.target.value)} /></label>
    <label class="choice"><input type="checkbox" checked=${keys} onChange=${(event) => onKeys(event.target.checked)} />${T.preview.keys}</label>
  </header>`;
}

function Preview({ source, back }) {
  const [who, setWho] = useState("1");
  const [keys, setKeys] = useState(false);
  const [paper, setPaper] = useState(null);
  const [fault, setFault] = useState(false);
  const [answers, setAnswers] = useState({});
  const [marked, setMarked] = useState([]);
  const [display, setDisplay] = useState(false);
  const [, turn] = useState(0);
  useEffect(() => {
    const asked = new URLSearchParams({ who, ...(keys ? { keys: "1" } : {}) });
    fetch(`${source}?${asked}`)
      .then((reply) => (reply.ok ? reply.json() : Promise.reject(reply.status)))
      .then(setPaper, () => setFault(true));
  }, [who, keys]);
  if (fault) return html`<main class="stage stage-calm" id="main"><p>${T.preview.gone}</p><a class="btn" href=${back}>${T.preview.back}</a></main>`;
  if (!paper) return null;
  const answer = (item, response) => setAnswers((old) => ({ ...old, [item]: response }));
  const mark = (item, on) => setMarked((old) => (on ? [...old, item] : old.filter((id) => id !== item)));
  return html`<div class="page" data-screen="exam">
    <${Bar} paper=${paper} back=${back} who=${who} onWho=${setWho} keys=${keys} onKeys=${setKeys} />
    <${Exam} key=${`${paper.form}-${who}`} paper=${paper} answers=${answers} marked=${marked} load=${addressOf(paper)} onAnswer=${answer} onMark=${mark}
      onSubmit=${() => location.assign(back)} onDisplay=${() => setDisplay(true)}
      under=${(item) => keys && paper.keys && html`<${Right} item=${item} entry=${paper.keys[item.id]} />`} />
    ${display && html`<${DisplayDialog} onClose=${() => setDisplay(false)} redraw=${() => turn((n) => n + 1)} />`}
  </div>`;
}

const place = document.getElementById("preview");
if (document.documentElement.lang === "en") await setLanguage("en");
render(html`<${Preview} ...${{ ...place.dataset }} />`, place);
