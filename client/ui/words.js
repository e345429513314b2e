// Words of the page: message ids are the Chinese texts themselves; English comes from catalog/en.json,
// `{"中文": "English", "%(n)s 题": ["one item", "%(n)s items"]}`.

let catalogue = {};

/** Puts `params` into the `%(name)s` and `%(name)d` places of `text`. */
export function fill(text, params = {}) {
  return text.replace(/%(?:%|\((\w+)\)[sd])/g, (place, name) => {
    if (!name) return "%";
    return name in params ? String(params[name]) : place;
  });
}

/** The text in the chosen language, with its places filled when `params` are given. */
export function _(msgid, params) {
  const found = catalogue[msgid];
  const text = (Array.isArray(found) ? found[0] : found) || msgid;
  return params ? fill(text, params) : text;
}

/** As `_`, with a plural form for English; `n` is a parameter by itself. */
export function ngettext(one, many, n, params = {}) {
  const found = catalogue[one];
  const forms = Array.isArray(found) ? found : [found || one, found || many];
  return fill(n === 1 ? forms[0] : forms[1], { n, ...params });
}

const HAN = /\p{Script=Han}/u;

/** The language of what people wrote: Chinese when it holds a Chinese character, else unsaid. */
export const langOf = (text) => (HAN.test(text || "") ? "zh-CN" : null);

/** Takes a catalogue; `{}` is Chinese. */
export function useCatalogue(messages) {
  catalogue = messages;
}
