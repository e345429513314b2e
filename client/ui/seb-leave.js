// The way out of Safe Exam Browser once the paper is handed in.

import { html } from "./vendor/htm-preact.js";
import { Icon } from "./parts.js";
import { T } from "./texts.js";

/** The address that the room's settings name: SEB quits before it is asked for. */
const QUIT = "/quit-seb";

/** A button that leaves SEB; nothing in a room without it. */
export function LeaveSeb({ view }) {
  if (!view.seb) return null;
  return html`<button class="btn btn-large" type="button" onClick=${() => location.assign(QUIT)}><${Icon} name="off" />${T.seb.leave}</button>`;
}
