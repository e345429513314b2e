// Questions in which things are put to places: pairs, orders, areas of a picture. All by mouse and by keys.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/htm-preact.js";
import { chooseArea, letter, moveEntry, orderOf, pairUp, rightOf, switchPair } from "./answers.js";
import { Icon } from "./parts.js";
import { plainOf, Rich } from "./richtext.js";
import { T } from "./texts.js";
import { fill } from "./words.js";

function Targets({ item, load, lang }) {
  return html`<ol class="match-targets" lang=${lang}>
    ${item.targets.map((target) => html`<li key=${target.key}><${Rich} text=${target.text} markup=${item.markup} load=${load} /></li>`)}
  </ol>`;
}

function PairRow({ item, option, place, response, disabled, lang, load, onAnswer }) {
  const name = `match-${place}`;
  const chosen = rightOf(response, option.key);
  const pick = (event) => onAnswer(item.id, pairUp(response, option.key, event.target.value));
  return html`<tr>
    <th scope="row" id=${name} lang=${lang}><${Rich} text=${option.text} markup=${item.markup} load=${load} /></th>
    <td><select class="gap match-select" aria-labelledby=${name} value=${chosen} disabled=${disabled} data-empty=${chosen ? null : ""} lang=${lang} onChange=${pick}>
      <option value="" selected=${!chosen}>${T.paper.choose}</option>
      ${item.targets.map((target, number) => html`<option key=${target.key} value=${target.key} selected=${target.key === chosen}>${number + 1}. ${plainOf(target.text, item.markup)}</option>`)}
    </select></td>
  </tr>`;
}

function PairBoxes({ item, option, place, response, disabled, lang, load, onAnswer }) {
  const most = item.most === undefined ? 1 : item.most;
  return html`<tr>
    <th scope="row" id=${`match-${place}`} lang=${lang}><${Rich} text=${option.text} markup=${item.markup} load=${load} /></th>
    ${item.targets.map((target, number) => {
      const on = response.includes(`${option.key}-${target.key}`);
      const label = `${plainOf(option.text, item.markup)} – ${number + 1}`;
      return html`<td key=${target.key}><label class="match-box"><input type="checkbox" checked=${on} disabled=${disabled} aria-label=${label}
        onChange=${(event) => {
          const next = switchPair(response, option.key, target.key, most);
          event.target.checked = next.includes(`${option.key}-${target.key}`);
          onAnswer(item.id, next);
        }} /></label></td>`;
    })}
  </tr>`;
}

/** Pairs: a list to pick from for each left side, or a grid of boxes when one may have several. */
export function Match({ item, response, disabled, lang, load, onAnswer }) {
  const single = item.most === undefined || item.most === 1;
  const Row = single ? PairRow : PairBoxes;
  return html`<div class="match">
    <p class="match-title">${T.paper.targets}</p>
    <${Targets} item=${item} load=${load} lang=${lang} />
    <div class="rich-table"><table class="match-table" aria-labelledby="stem">
      ${!single && html`<thead><tr><td></td>${item.targets.map((target, number) => html`<th scope="col" key=${target.key}>${number + 1}</th>`)}</tr></thead>`}
      <tbody>${item.options.map(
        (option, place) => html`<${Row} key=${option.key} item=${item} option=${option} place=${place} response=${response}
          disabled=${disabled} lang=${lang} load=${load} onAnswer=${onAnswer} />`,
      )}</tbody>
    </table></div>
  </div>`;
}

/** The row under a pointer, by its place; -1 when there is none. */
function placeAt(event) {
  const under = document.elementFromPoint(event.clientX, event.clientY);
  const row = under && under.closest("[data-place]");
  return row ? Number(row.dataset.place) : -1;
}

function useMoves(order, say, put) {
  const ref = useRef(null);
  const moved = useRef(null);
  useLayoutEffect(() => {
    const want = moved.current;
    moved.current = null;
    const row = want && ref.current.querySelector(`[data-key="${want.key}"]`);
    const button = row && (row.querySelector(`[data-by="${want.by}"]:enabled`) || row.querySelector("[data-by]:enabled"));
    if (button) button.focus();
  });
  const move = (from, to, by) => {
    const next = moveEntry(order, from, to);
    if (next === order) return;
    moved.current = { key: order[from], by };
    say(fill(T.paper.movedTo, { number: to + 1 }));
    put(next);
  };
  return [ref, move];
}

/** What is dragged and the order it makes meanwhile; it is given on when it is let go of. */
function useDrag(order, disabled, put) {
  const [held, hold] = useState(null);
  const shown = held ? held.order : order;
  const grip = (key) => (event) => {
    if (disabled || event.button) return;
    event.preventDefault();
    hold({ key, order });
  };
  const follow = (event) => {
    const to = held ? placeAt(event) : -1;
    if (to >= 0) hold({ ...held, order: moveEntry(held.order, held.order.indexOf(held.key), to) });
  };
  const drop = () => {
    if (held && held.order !== order) put(held.order);
    hold(null);
  };
  return { shown, grip, held: held ? held.key : "", on: held ? { onPointerMove: follow, onPointerUp: drop, onPointerLeave: drop, onPointerCancel: drop } : {} };
}

function OrderRow({ item, entry, place, last, disabled, lang, load, held, onGrip, onMove }) {
  return html`<li class="order-row" data-key=${entry} data-place=${place} data-dragged=${held ? "" : null}>
    <span class="order-grip" aria-hidden="true" onPointerDown=${onGrip}>⠿</span>
    <span class="option-key" data-many="" aria-hidden="true">${place + 1}</span>
    <span class="order-text" id=${`order-${place}`} lang=${lang}><${Rich} text=${item.options.find((option) => option.key === entry).text} markup=${item.markup} load=${load} /></span>
    <button class="btn order-move" type="button" data-by="-1" disabled=${disabled || place === 0} aria-describedby=${`order-${place}`} aria-label=${fill(T.paper.moveUp, { number: place + 1 })}
      onClick=${() => onMove(-1)}>↑</button>
    <button class="btn order-move" type="button" data-by="1" disabled=${disabled || last} aria-describedby=${`order-${place}`} aria-label=${fill(T.paper.moveDown, { number: place + 1 })}
      onClick=${() => onMove(1)}>↓</button>
  </li>`;
}

/** An order: arrows for the keyboard, a handle for the pointer. */
export function Order({ item, response, disabled, lang, load, onAnswer }) {
  const [told, say] = useState("");
  const put = (next) => !disabled && onAnswer(item.id, next);
  const order = orderOf(item, response);
  const drag = useDrag(order, disabled, put);
  const [ref, move] = useMoves(order, say, put);
  return html`<div class="order" ref=${ref}>
    <ol class="order-rows" aria-labelledby="stem" ...${drag.on}>
      ${drag.shown.map(
        (key, place) => html`<${OrderRow} key=${key} item=${item} entry=${key} place=${place} last=${place === order.length - 1} disabled=${disabled}
          lang=${lang} load=${load} held=${drag.held === key} onGrip=${drag.grip(key)} onMove=${(by) => move(place, place + by, by)} />`,
      )}
    </ol>
    ${!response.length && html`<button class="btn btn-large" type="button" disabled=${disabled} onClick=${() => put(order)}>${T.paper.keepOrder}</button>`}
    <p class="sr-only" role="status">${told}</p>
  </div>`;
}

/** The middle of an area, where its letter stands. */
export function middleOf({ shape, coords }) {
  if (shape === "circle") return coords.slice(0, 2);
  const xs = coords.filter((_, place) => place % 2 === 0);
  const ys = coords.filter((_, place) => place % 2);
  const middle = (list) => (Math.min(...list) + Math.max(...list)) / 2;
  return [middle(xs), middle(ys)];
}

function Shape({ area }) {
  const [a, b, c, d] = area.coords;
  if (area.shape === "circle") return html`<circle cx=${a} cy=${b} r=${c} />`;
  if (area.shape === "poly") return html`<polygon points=${area.coords.join(" ")} />`;
  return html`<rect x=${Math.min(a, c)} y=${Math.min(b, d)} width=${Math.abs(c - a)} height=${Math.abs(d - b)} />`;
}

function AreaMark({ area, place, chosen, many, box, onPress }) {
  const [x, y] = middleOf(area);
  const where = { letter: letter(place), x: Math.round((100 * x) / box.width), y: Math.round((100 * y) / box.height) };
  const press = (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    onPress();
  };
  return html`<g class="area" data-option=${place} tabindex="0" role=${many ? "checkbox" : "radio"} aria-checked=${chosen ? "true" : "false"}
    aria-label=${fill(T.paper.area, where)} onClick=${onPress} onKeyDown=${press}>
    <${Shape} area=${area} /><text x=${x} y=${y} font-size=${Math.max(14, box.width / 24)} aria-hidden="true">${letter(place)}</text>
  </g>`;
}

/** A picture with areas; its address comes from `load`. */
export function Hotspot({ item, response, disabled, load, onAnswer }) {
  const [url, setUrl] = useState("");
  const [box, setBox] = useState(null);
  const [large, setLarge] = useState(false);
  useEffect(() => {
    let made = "";
    let gone = false;
    load(item.picture).then((found) => (gone ? URL.revokeObjectURL(found) : setUrl((made = found))), () => {});
    return () => {
      gone = true;
      if (made.startsWith("blob:")) URL.revokeObjectURL(made);
    };
  }, [item.picture]);
  const measure = ({ target }) => setBox({ width: target.naturalWidth, height: target.naturalHeight });
  const press = (key) => !disabled && onAnswer(item.id, chooseArea(response, key, item.most));
  return html`<div class="hotspot-frame" tabindex=${large ? 0 : null} role="group" aria-label=${T.paper.kinds.hotspot} data-large=${large ? "" : null}>
  <div class="hotspot" role=${item.most === 1 ? "radiogroup" : "group"} aria-labelledby="stem">
    <img src=${url || null} alt="" draggable="false" onLoad=${measure} />
    ${box && html`<svg viewBox=${`0 0 ${box.width} ${box.height}`} preserveAspectRatio="none">
      ${item.areas.map(
        (area, place) => html`<${AreaMark} key=${area.key} area=${area} place=${place} chosen=${response.includes(area.key)} many=${item.most !== 1}
          box=${box} onPress=${() => press(area.key)} />`,
      )}
    </svg>`}
  </div></div>
  <button class="btn hotspot-size" type="button" aria-pressed=${large ? "true" : "false"} data-zoom onClick=${() => setLarge(!large)}>
    <${Icon} name=${large ? "minus" : "plus"} />${large ? T.paper.shrink : T.paper.enlarge}
  </button>`;
}
