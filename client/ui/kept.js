// What is kept about the candidate who sits here: asked of the server when the candidate wants to see it.

import { html, useEffect, useState } from "./vendor/htm-preact.js";
import { Dialog, Facts, Icon } from "./parts.js";
import { prefs } from "./prefs.js";
import { T } from "./texts.js";
import { langOf } from "./words.js";

function KeptDialog({ store, onClose }) {
  const [found, setFound] = useState(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let gone = false;
    store.api.kept(prefs.lang).then(
      (reply) => !gone && setFound(reply.sections),
      () => !gone && setFailed(true),
    );
    return () => (gone = true);
  }, []);
  const foot = html`<button class="btn btn-primary btn-large" type="button" onClick=${onClose}>${T.kept.close}</button>`;
  return html`<${Dialog} title=${T.kept.title} onClose=${onClose} foot=${foot} wide>
    ${failed && html`<p role="alert"><span class="tag-line look"><${Icon} name="look" />${T.kept.failed}</span></p>`}
    ${!failed && !found && html`<p role="status" class="muted">${T.kept.busy}</p>`}
    <div class="kept" tabindex="0" role="region" aria-label=${T.kept.title}>
      ${(found || []).map(
        (part) => html`<section lang=${langOf(part.title)}>
          <h3>${part.title}</h3>
          <${Facts} rows=${part.rows.map((row) => [row.term, row.text])} />
        </section>`,
      )}
    </div>
  <//>`;
}

/** The link, and the dialog behind it. */
export function KeptLink({ store }) {
  const [open, setOpen] = useState(false);
  return html`<p class="kept-link">
    <button class="btn btn-quiet" type="button" aria-haspopup="dialog" onClick=${() => setOpen(true)}><${Icon} name="info" />${T.kept.open}</button>
    ${open && html`<${KeptDialog} store=${store} onClose=${() => setOpen(false)} />`}
  </p>`;
}
