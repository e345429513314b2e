// Language, theme, text size and keys: kept for this tab and its candidate, never across machines.

import { rebuildTexts } from "./texts.js";
import { useCatalogue } from "./words.js";

const LANGUAGES = { zh: "zh-CN", en: "en" };
const read = (name, fallback) => sessionStorage.getItem(`examhall.${name}`) || fallback;
const keep = (name, value) => sessionStorage.setItem(`examhall.${name}`, value);

export const prefs = { lang: "zh", theme: "", size: "", keys: "" };

function show(name, value) {
  if (value) document.documentElement.setAttribute(name, value);
  else document.documentElement.removeAttribute(name);
}

/** Sets "" (standard), "contrast" or "dark". */
export function setTheme(theme) {
  prefs.theme = theme;
  keep("theme", theme);
  show("data-theme", theme);
}

/** Sets "" (standard), "large" or "huge". */
export function setSize(size) {
  prefs.size = size;
  keep("size", size);
  show("data-size", size);
}

/** Sets "" (letters and digits answer) or "off". */
export function setKeys(keys) {
  prefs.keys = keys;
  keep("keys", keys);
}

/**
 * The candidate at this page, "" for none: who comes after another one finds the page as it was made, and
 * who was granted large print finds it large. What a candidate chooses stands.
 */
export function greet(ticket, largePrint) {
  const before = read("holder", "");
  if (before === ticket) return;
  keep("holder", ticket);
  if (before) {
    setTheme("");
    setSize("");
    setKeys("");
  }
  if (ticket && largePrint && !prefs.size) setSize("huge");
}

/** Loads the language's words, then shows them; stays as it is when they cannot be had. */
export async function setLanguage(lang) {
  try {
    const messages = lang === "zh" ? {} : await fetch(new URL(`catalog/${lang}.json`, import.meta.url)).then((reply) => reply.json());
    useCatalogue(messages);
  } catch {
    return;
  }
  prefs.lang = lang;
  keep("lang", lang);
  document.documentElement.lang = LANGUAGES[lang];
  rebuildTexts();
}

/** Takes up what this tab had chosen. */
export async function restore() {
  setTheme(read("theme", ""));
  setSize(read("size", ""));
  setKeys(read("keys", ""));
  if (read("lang", "zh") !== "zh") await setLanguage(read("lang", "zh"));
}
