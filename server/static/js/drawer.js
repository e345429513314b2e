/* The drawer of a seat and the dialogs: fragments of the server, brought up to date without losing what is typed. */

import { fill } from './pictures.js';

/** Replaces the parts of a drawer that have changed; one that somebody writes in stays as it is. */
export function freshen(drawer, text) {
  const fresh = new DOMParser().parseFromString(text, 'text/html');
  for (const part of drawer.querySelectorAll('[data-fresh]')) {
    const next = fresh.querySelector(`[data-fresh="${part.dataset.fresh}"]`);
    if (!next || part.innerHTML === next.innerHTML || inUse(part)) continue;
    part.replaceWith(next);
    window.htmx.process(next);
    fill(next);
  }
}

function inUse(part) {
  const written = [...part.querySelectorAll('input:not([type="hidden"])')].some((input) => input.value !== input.defaultValue);
  return written || part.contains(document.activeElement);
}

/** A page of its own, shown in place; refused, it is gone to, where it says why. */
export async function showDialog(dialog, href) {
  const answer = await fetch(href, { headers: { 'HX-Request': 'true', Accept: 'text/html' } });
  if (!answer.ok) {
    location.assign(href);
    return;
  }
  dialog.innerHTML = await answer.text();
  window.htmx.process(dialog);
  dialog.showModal();
}
