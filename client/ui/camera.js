// What the page says of the camera of a smart room. `view.watch` is null in other rooms and says nothing there.

import { html } from "./vendor/htm-preact.js";
import { Icon } from "./parts.js";
import { cameraSign, enrolmentSign } from "./steps.js";
import { T } from "./texts.js";

/** Look and icon of each word; the word beside it says the same. */
const LOOKS = {
  manual: ["off", "user"],
  working: ["good", "camera"],
  enrolling: ["off", "camera"],
  done: ["good", "check"],
  lost: ["look", "look"],
  unavailable: ["off", "off"],
  absent: ["off", "off"],
};

/** The small sign beside the answer card; empty where there is nothing to say. */
export function CameraSign({ watch }) {
  const sign = cameraSign(watch);
  const [look, icon] = LOOKS[sign] || [];
  return html`<span class="camera-sign" role="status">
    ${look && html`<span class="tag-line ${look}"><${Icon} name=${icon} />${T.camera.sign[sign]}</span>`}
  </span>`;
}

/** What the camera does while the candidate waits for the start. */
export function EnrolmentNote({ watch }) {
  const sign = enrolmentSign(watch);
  if (!sign) return null;
  const [look, icon] = LOOKS[sign];
  return html`<div class="card enrolment" role="status">
    <span class="tag-line ${look}"><${Icon} name=${icon} /><b>${T.camera.title[sign]}</b></span>
    <span class="muted">${T.camera.text[sign]}</span>
  </div>`;
}
