// Small pieces that several screens are made of.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/htm-preact.js";
import { insist } from "./insist.js";
import { sentence } from "./messages.js";
import { langOf } from "./words.js";

/** An icon of icons.css; the word beside it says the same. */
export const Icon = ({ name, size = "" }) =>
  html`<span class=${`icon icon-${name}${size ? ` icon-${size}` : ""}`} aria-hidden="true"></span>`;

/**
 * Words that change, in a place as wide as the widest of `all`: nothing around them moves. The others are
 * only measured; they are no text of the page. `now` names the wording: another one is another element.
 */
export const Stacked = ({ all, now, children }) =>
  html`<span class="stacked"><span key=${now}>${children}</span>${all.map((text) => html`<span class="stacked-width" data-text=${text} aria-hidden="true"></span>`)}</span>`;

/** Draws again every `ms`; gives the store's clock. */
export function useNow(store, ms = 250) {
  const [, turn] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => turn((n) => n + 1), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return store.clock();
}

/** Puts the focus on the element whenever `what` changes, so that a new screen is read out. */
export function useFocus(what) {
  const ref = useRef(null);
  useLayoutEffect(() => {
    if (ref.current) ref.current.focus({ preventScroll: true });
  }, [what]);
  return ref;
}

/** The heading of a screen; takes the focus when it appears. */
export function Heading({ children }) {
  return html`<h1 ref=${useFocus("")} tabindex="-1">${children}</h1>`;
}

/** After so many the page says that there is none; should it come later it is shown all the same. */
const PICTURE_TRIES = 10;

/** An object URL of a picture behind the token: undefined while loading, null when there is none (yet). */
export function usePicture(api, path, wanted) {
  const [url, setUrl] = useState(undefined);
  useEffect(() => {
    if (!wanted) return setUrl(null);
    let made = null;
    let tries = 0;
    // The agent hears that there is a photo together with the page, and fetches it after that.
    const waits = (error) => {
      if ((tries += 1) === PICTURE_TRIES) setUrl(null);
      return error.passing || error.code === "no_photo";
    };
    const end = insist(() => api.picture(path), { take: (found) => setUrl((made = found)), drop: URL.revokeObjectURL, waits });
    return () => {
      end();
      if (made) URL.revokeObjectURL(made);
    };
  }, [path, wanted]);
  return url;
}

/** A modal dialog; Esc and the backdrop's button close it, the focus goes back where it was. */
export function Dialog({ title, onClose, children, foot, wide }) {
  const ref = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    const dialog = ref.current;
    dialog.showModal();
    return () => {
      dialog.close(); // what lies behind an open one cannot take the focus
      if (before && before.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog ref=${ref} class=${wide ? "dialog dialog-wide" : "dialog"} aria-labelledby="dialog-title" onCancel=${cancel}>
    <div class="dialog-head"><h2 id="dialog-title" tabindex="-1">${title}</h2></div>
    <div class="dialog-body">${children}</div>
    <div class="dialog-foot">${foot}</div>
  </dialog>`;
}

/** Terms and their values: `rows` are `[term, value]`. */
export const Facts = ({ rows }) =>
  html`<dl class="facts">${rows.map(([term, value]) => html`<dt>${term}</dt><dd lang=${typeof value === "string" ? langOf(value) : null}>${value}</dd>`)}</dl>`;

/** A refusal beside the control that caused it; its place is kept free, so nothing jumps. */
export const Refusal = ({ text, id }) =>
  html`<p class="refusal" id=${id} role="alert">${text && html`<span class="tag-line act"><${Icon} name="act" />${text}</span>`}</p>`;

/** What keeps the agent from going on, if anything: for the screens before and after the paper. */
export const FaultNote = ({ fault }) =>
  fault ? html`<div class="alert look fault-note" role="alert"><div>${sentence(fault)}</div></div>` : null;

/** Runs one request at a time: `[busy, refusal code and params, run]`. */
export function useRequest() {
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState(null);
  const run = async (act) => {
    if (busy) return;
    setBusy(true);
    setRefused(null);
    try {
      await act();
    } catch (error) {
      setRefused({ code: error.code || "unexpected", params: error.params || {} });
    }
    setBusy(false);
  };
  return [busy, refused, run];
}
