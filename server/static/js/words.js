/* Words of the scripts: Chinese is the source text; another language comes as a catalogue. */

let catalog = {};

export async function loadWords(language) {
  if (language === 'zh') return;
  const answer = await fetch(`/catalog/${language}.json`);
  if (answer.ok) catalog = await answer.json();
}

export function _(text, params = {}) {
  const found = catalog[text];
  const words = typeof found === 'string' && found ? found : text;
  return words.replace(/%\((\w+)\)s/g, (whole, name) => (name in params ? String(params[name]) : whole));
}
