// Texts of questions as nodes of the page. HTML is read into a document of its own, where nothing loads and
// nothing runs, and only what the lists name is built anew: no text of a paper is ever handed to the parser
// of the page itself. Gaps stand as [[1]] in the text and become whatever the caller puts there.

import { h, html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/htm-preact.js";
import { insist } from "./insist.js";
import { T } from "./texts.js";
import { fill } from "./words.js";

const MATHML = "http://www.w3.org/1998/Math/MathML";
const words = (text) => new Set(text.split(" "));
const MATH_TAGS = words(
  "math mrow mi mn mo mtext mspace mfrac msup msub msubsup msqrt mroot munder mover munderover mtable mtr mtd mstyle mpadded menclose mfenced",
);
const TAGS = words(
  "p br b strong i em u s sub sup span ul ol li table thead tbody tr th td caption pre code blockquote hr ruby rt rp div h1 h2 h3 h4 dl dt dd",
);
const ATTRIBUTES = { td: ["colspan", "rowspan"], th: ["colspan", "rowspan"] };
const MATH_ATTRIBUTES = { math: ["display"], mo: ["stretchy", "fence"], mfenced: ["open", "close", "separators"] };
const NUMBER = /^\d{1,4}$/;
const MEDIUM = /^media:([0-9a-f]{64})$/;
const GAP = /\[\[(\d{1,2})\]\]/;
// Headings inside a question must not stand among those of the page.
const RENAMED = { h1: "b", h2: "b", h3: "b", h4: "b" };

/** The name that a tag is shown by, or "" for one that is not shown (its content still is). */
export function shownTag(name) {
  return TAGS.has(name) ? RENAMED[name] || name : "";
}

/** The hash in a `media:` address, or "". */
export function mediumOf(source) {
  const found = MEDIUM.exec(source || "");
  return found ? found[1] : "";
}

/** A text in pieces: texts at even places, keys of gaps at odd ones. */
export function pieces(text) {
  return text.split(GAP);
}

function kept(node, names) {
  const found = {};
  for (const name of names || []) {
    const value = node.getAttribute(name);
    if (value && (NUMBER.test(value) || !name.endsWith("span"))) found[name] = value;
  }
  return found;
}

/** MathML by its own list into a real element; an unknown tag gives way to what it holds. */
function buildMath(node, into) {
  for (const child of node.childNodes) {
    if (child.nodeType === 3) into.append(child.data);
    if (child.nodeType !== 1) continue;
    const name = child.localName.toLowerCase();
    const made = MATH_TAGS.has(name) ? document.createElementNS(MATHML, name) : into;
    if (made !== into) {
      for (const [key, value] of Object.entries(kept(child, MATH_ATTRIBUTES[name]))) made.setAttribute(key, value);
      into.append(made);
    }
    buildMath(child, made);
  }
}

function MathText({ node }) {
  const ref = useRef(null);
  useLayoutEffect(() => {
    const root = document.createElementNS(MATHML, "math");
    if (node.getAttribute("display") === "block") root.setAttribute("display", "block");
    buildMath(node, root);
    ref.current.replaceChildren(root);
  }, [node]);
  return html`<span ref=${ref} class="rich-math"></span>`;
}

/** The address here of a picture, sound or film of the paper, "" until `load(sha)` has given it; it ends with its user. */
export function useMedium(load, sha) {
  const [url, setUrl] = useState("");
  useEffect(() => {
    let made = "";
    const end = insist(() => load(sha), { take: (found) => setUrl((made = found || "")), drop: URL.revokeObjectURL });
    return () => {
      end();
      if (made.startsWith("blob:")) URL.revokeObjectURL(made);
    };
  }, [sha]);
  return url;
}

/** A picture, sound or film of the paper; `load(sha)` gives its address here, `zoom({sha, alt})` enlarges it. */
export function Medium({ kind, sha, alt, width, height, load, zoom }) {
  const url = useMedium(load, sha);
  const size = { width: NUMBER.test(width || "") ? width : null, height: NUMBER.test(height || "") ? height : null };
  if (kind === "img") {
    const picture = html`<img class="rich-picture" src=${url || null} alt=${alt || ""} ...${size} draggable="false" />`;
    if (!zoom) return picture;
    return html`<button type="button" class="picture-button" data-zoom aria-label=${alt ? fill(T.paper.enlargeOf, { alt }) : T.paper.enlarge}
      onClick=${() => zoom({ sha, alt })}>${picture}<span class="picture-sign" aria-hidden="true"><span class="icon icon-search"></span></span></button>`;
  }
  return kind === "audio"
    ? html`<audio class="rich-sound" src=${url || null} controls controlsList="nodownload"></audio>`
    : html`<video class="rich-picture" src=${url || null} ...${size} controls controlsList="nodownload nofullscreen" disablePictureInPicture></video>`;
}

function withGaps(text, gap) {
  return pieces(text).map((piece, place) => (place % 2 ? (gap && gap(piece)) || `[[${piece}]]` : piece));
}

function medium(node, name, { load, zoom }) {
  const source = node.getAttribute("src") || (node.querySelector("source") || node).getAttribute("src");
  const sha = mediumOf(source);
  const facts = { alt: node.getAttribute("alt"), width: node.getAttribute("width"), height: node.getAttribute("height") };
  return sha ? h(Medium, { key: sha, kind: name, sha, load, zoom, ...facts }) : facts.alt;
}

function build(node, given) {
  if (node.nodeType === 3) return withGaps(node.data, given.gap);
  if (node.nodeType !== 1) return null;
  const name = node.localName.toLowerCase();
  if (name === "math") return h(MathText, { node });
  if (name === "img" || name === "audio" || name === "video") return medium(node, name, given);
  if (name === "script" || name === "style" || name === "template" || name === "svg") return null;
  const children = [...node.childNodes].map((child) => build(child, given));
  const tag = shownTag(name);
  if (!tag) return children;
  const made = h(tag, kept(node, ATTRIBUTES[name]), children.length ? children : null);
  return tag === "table" ? html`<div class="rich-table" tabindex="0" role="group" aria-label=${T.paper.table}>${made}</div>` : made;
}

const read = new Map();

/** The body of a text read apart; kept, so that what is drawn again stays the same nodes. */
function bodyOf(text) {
  if (!read.has(text)) {
    if (read.size > 400) read.clear();
    read.set(text, new DOMParser().parseFromString(text, "text/html").body);
  }
  return read.get(text);
}

/** A text without its markup, for lists of the browser that hold characters only. */
export function plainOf(text, markup) {
  return markup === "html" ? bodyOf(text).textContent.replace(/\s+/g, " ").trim() : text;
}

/** The first picture of a text as `{sha, alt}`, or null. */
export function pictureOf(text, markup) {
  const found = markup === "html" && bodyOf(text).querySelector("img");
  const sha = found && mediumOf(found.getAttribute("src"));
  return sha ? { sha, alt: found.getAttribute("alt") || "" } : null;
}

/** A text in its markup: `gap(key)` draws a gap, `load` and `zoom` are for its media. */
export function Rich({ text, markup, gap, load, zoom }) {
  if (markup !== "html") return html`<span class="rich-plain">${withGaps(text, gap)}</span>`;
  return html`<span class="rich">${[...bodyOf(text).childNodes].map((node) => build(node, { gap, load, zoom }))}</span>`;
}
