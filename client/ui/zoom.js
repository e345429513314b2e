// A picture as large as it is needed: by buttons, by keys (+ − 0 and the arrows), by finger or mouse.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/htm-preact.js";
import { Icon } from "./parts.js";
import { useMedium } from "./richtext.js";
import { T } from "./texts.js";

/** Times the size that fits the screen. */
export const SCALES = [1, 1.5, 2, 3, 4, 6];
const STEP_PX = 80;
const PANS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The scale `by` steps from the nearest one of the list. */
export function nextScale(scale, by) {
  const distance = (place) => Math.abs(SCALES[place] - scale);
  const near = SCALES.reduce((best, _, place) => (distance(place) < distance(best) ? place : best), 0);
  return SCALES[Math.min(SCALES.length - 1, Math.max(0, near + by))];
}

const clamp = (scale) => Math.min(SCALES[SCALES.length - 1], Math.max(1, scale));
const between = ([one, other]) => Math.hypot(one.x - other.x, one.y - other.y);

/** One pointer moves the picture, two change its size. */
function usePointers(scale, setScale) {
  const held = useRef(new Map()).current;
  const start = useRef({ apart: 0, scale: 1 }).current;
  const begin = () => {
    if (held.size === 2) Object.assign(start, { apart: between([...held.values()]), scale });
  };
  const down = (event) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    held.set(event.pointerId, { x: event.clientX, y: event.clientY });
    begin();
  };
  const move = (event) => {
    const before = held.get(event.pointerId);
    if (!before) return;
    held.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (held.size === 1) event.currentTarget.scrollBy(before.x - event.clientX, before.y - event.clientY);
    else if (held.size === 2 && start.apart) setScale(clamp((start.scale * between([...held.values()])) / start.apart));
  };
  const up = (event) => held.delete(event.pointerId);
  return { onPointerDown: down, onPointerMove: move, onPointerUp: up, onPointerCancel: up };
}

/** Keeps the middle of what is seen in the middle while the size changes. */
function useSized(scale, box) {
  const view = useRef(null);
  const picture = useRef(null);
  useLayoutEffect(() => {
    if (!box || !picture.current) return;
    const { clientWidth, clientHeight, scrollLeft, scrollTop, scrollWidth, scrollHeight } = view.current;
    const x = (scrollLeft + clientWidth / 2) / scrollWidth;
    const y = (scrollTop + clientHeight / 2) / scrollHeight;
    const fit = Math.min(clientWidth / box.width, clientHeight / box.height, 3);
    picture.current.style.width = `${Math.round(box.width * fit * scale)}px`;
    view.current.scrollTo(view.current.scrollWidth * x - clientWidth / 2, view.current.scrollHeight * y - clientHeight / 2);
  }, [scale, box]);
  return [view, picture];
}

/** The dialog; `picture` is `{sha, alt}`. */
export function ZoomDialog({ load, picture, onClose }) {
  const dialog = useRef(null);
  const [scale, setScale] = useState(1);
  const [box, setBox] = useState(null);
  const url = useMedium(load, picture.sha);
  const [view, image] = useSized(scale, box);
  const pointers = usePointers(scale, setScale);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current.showModal();
    view.current.focus();
    return () => before && before.isConnected && before.focus({ preventScroll: true });
  }, []);
  const turn = (by) => setScale((old) => nextScale(old, by));
  const press = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const pan = PANS[event.key];
    if (pan) view.current.scrollBy(pan[0] * STEP_PX, pan[1] * STEP_PX);
    else if (event.key === "+" || event.key === "=") turn(1);
    else if (event.key === "-") turn(-1);
    else if (event.key === "0") setScale(1);
    else return;
    event.preventDefault();
  };
  return html`<dialog ref=${dialog} class="dialog zoom" aria-labelledby="zoom-title" onKeyDown=${press}
    onCancel=${(event) => (event.preventDefault(), onClose())}>
    <div class="zoom-bar">
      <h2 id="zoom-title">${picture.alt || T.zoom.title}</h2>
      <span class="num" role="status">${Math.round(scale * 100)}%</span>
      <button class="btn" type="button" aria-label=${T.zoom.smaller} disabled=${scale <= 1} onClick=${() => turn(-1)}><${Icon} name="minus" /></button>
      <button class="btn" type="button" aria-label=${T.zoom.larger} disabled=${scale >= SCALES[SCALES.length - 1]} onClick=${() => turn(1)}><${Icon} name="plus" /></button>
      <button class="btn btn-primary" type="button" onClick=${onClose}>${T.frame.close}</button>
    </div>
    <div class="zoom-view" ref=${view} tabindex="0" role="group" aria-label=${T.zoom.view} ...${pointers}>
      <img ref=${image} src=${url || null} alt=${picture.alt || ""} draggable="false"
        onLoad=${({ target }) => setBox({ width: target.naturalWidth, height: target.naturalHeight })} />
    </div>
  </dialog>`;
}
