/* The sign-in desk: a scanner types, few keys answer, the camera gives one picture when the candidate agreed. */

import { hands, isScan, meant, pictureSize } from './desk_keys.js';

const SCAN_MS = 400;
const JPEG_QUALITY = 0.9;
/** A comparison is a process of its own and may take its time; on a line that is only half there nobody waits for ever. */
const PATIENCE_MS = 90000;
const desk = document.getElementById('desk');
const scan = document.getElementById('scan');
const typed = document.getElementById('typed');
const person = document.getElementById('person');
const people = document.getElementById('people');
const camera = document.getElementById('camera');
const state = document.getElementById('camera-state');
let busy = false;

/* ---- the camera ---- */

async function openCamera() {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 }, audio: false });
    camera.srcObject = stream;
    await camera.play();
    desk.dataset.camera = 'live';
    watchForCodes();
  } catch {
    desk.dataset.camera = 'none';
    state.textContent = desk.dataset.noCamera;
  }
}

/** One picture of what the camera shows, JPEG; null without a camera. */
function taken() {
  const size = pictureSize(camera.videoWidth, camera.videoHeight);
  if (!size) return null;
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = size;
  canvas.getContext('2d').drawImage(camera, 0, 0, ...size);
  return new Promise((done) => canvas.toBlob(done, 'image/jpeg', JPEG_QUALITY));
}

/** Where the browser reads codes itself, a ticket held before the camera is as good as a scanner. */
async function watchForCodes() {
  if (!('BarcodeDetector' in window)) return;
  const formats = await window.BarcodeDetector.getSupportedFormats().catch(() => []);
  if (!formats.includes('qr_code')) return;
  const detector = new window.BarcodeDetector({ formats: ['qr_code'] });
  let last = '';
  for (;;) {
    await new Promise((done) => setTimeout(done, SCAN_MS));
    if (busy || person.querySelector('[data-stage]:not([data-stage="passed"])')) continue;
    const [code] = await detector.detect(camera).catch(() => []);
    if (code && code.rawValue !== last) {
      last = code.rawValue;
      typed.value = code.rawValue;
      scan.requestSubmit();
    }
  }
}

/* ---- asking the server ---- */

/** What the form says, with a picture where the candidate has agreed. */
async function filled(form, submitter) {
  const body = new FormData(form, submitter);
  if (!form.hasAttribute('data-consent') || body.get('consent') !== 'yes') return body;
  const picture = await taken();
  if (picture) body.set('picture', picture, 'desk.jpg');
  else body.set('consent', 'none');
  return body;
}

async function send(form, submitter) {
  if (busy) return;
  busy = true;
  person.setAttribute('aria-busy', 'true');
  if (form.hasAttribute('data-consent')) state.textContent = desk.dataset.busy;
  try {
    const body = await filled(form, submitter);
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const answer = await fetch(form.action, { method: 'POST', body, headers: { 'HX-Request': 'true' }, signal });
    if (answer.redirected || answer.status === 401) return location.reload();
    person.innerHTML = await answer.text();
    state.textContent = desk.dataset.camera === 'none' ? desk.dataset.noCamera : '';
    settle();
    listAgain();
  } catch {
    state.textContent = desk.dataset.offline;
  } finally {
    busy = false;
    person.removeAttribute('aria-busy');
  }
}

/** Puts the keyboard where the next step is. */
function settle() {
  const there = person.querySelector('[data-stage]');
  const next = person.querySelector('[aria-invalid]') ?? person.querySelector('[autofocus]');
  typed.value = '';
  if (!there || there.dataset.stage === 'passed') return typed.focus();
  if (next) return next.focus();
  const field = person.querySelector('form[data-act="passed"] input:not([type="hidden"]), form[data-act="decide"] input:not([type="hidden"])');
  if (field) return field.focus();
  if (person.querySelector('[data-consent]')) return document.activeElement?.blur();
  typed.focus();
}

async function listAgain() {
  const answer = await fetch(desk.dataset.people, { headers: { 'HX-Request': 'true' } }).catch(() => null);
  if (answer?.ok) people.innerHTML = await answer.text();
}

/* ---- keys ---- */

function next() {
  person.replaceChildren();
  typed.value = '';
  typed.focus();
}

function onKey(event) {
  if (event.key === 'Escape') return next();
  const key = meant(event, Boolean(event.target.closest('input, select, textarea')));
  if (!key) return;
  if (isScan(key)) {
    // A scanner begins while something else has the focus: what it types is for the field, Enter included.
    typed.focus();
    return;
  }
  const found = hands(key, person);
  if (!found) {
    if (key.length === 1 && key !== ' ') typed.focus();
    return;
  }
  event.preventDefault();
  if (found.tagName === 'DETAILS') {
    found.open = true;
    found.querySelector('[name="reason"]').focus();
  } else found.click();
}

document.addEventListener('submit', (event) => {
  const form = event.target;
  if (!desk.contains(form)) return;
  event.preventDefault();
  send(form, event.submitter);
});
document.addEventListener('keydown', onKey);
openCamera();
settle();
