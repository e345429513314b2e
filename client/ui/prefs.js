// Language, theme and text size: kept for this tab, never across candidates' machines.

import { rebuildTexts } from "./texts.js";
import { useCatalogue } from "./words.js";

const LANGUAGES = { zh: "zh-CN", en: "en" };
const read = (name, fallback) => sessionStorage.getItem(`examhall.${name}`) || fallback;
const keep = (name, value) => sessionStorage.setItem(`examhall.${name}`, value);

export const prefs = { lang: "zh", theme: "", size: "" };

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

/** Sets "" (standard) or "large". */
export function setSize(size) {
  prefs.size = size;
  keep("size", size);
  show("data-size", size);
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
  if (read("lang", "zh") !== "zh") await setLanguage(read("lang", "zh"));
}
