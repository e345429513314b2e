// What lies on every candidate's desk, before and during the paper: the raised hand and the announcements.

import { html } from "./vendor/htm-preact.js";
import { AnnouncementLine, AnnouncementsButton } from "./announcements.js";
import { HandButton } from "./hand.js";

/** Both buttons; `onOpen(name)` opens a dialog of the page. */
export const Desk = ({ state, onOpen }) => html`<div class="desk">
    <${HandButton} view=${state.view} onOpen=${() => onOpen("hand")} />
    <${AnnouncementsButton} state=${state} onOpen=${() => onOpen("announcements")} />
  </div>`;

/** The newest announcement that was not opened yet. */
export const DeskLine = ({ state, onOpen }) =>
  html`<${AnnouncementLine} state=${state} onOpen=${() => onOpen("announcements")} />`;
