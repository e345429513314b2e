/* Words of the scripts: Chinese is the source text; another language comes as a catalogue. */

const PATIENCE_MS = 8000;
let catalog = {};

/** A page whose words cannot be had works all the same, in Chinese: nothing is raised. */
export async function loadWords(language) {
  if (language === 'zh') return;
  try {
    const answer = await fetch(`/catalog/${language}.json`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.ok) catalog = await answer.json();
  } catch {
    // the server is away, or something else answers in its place
  }
}

export function _(text, params = {}) {
  const found = catalog[text];
  const words = typeof found === 'string' && found ? found : text;
  return words.replace(/%\((\w+)\)s/g, (whole, name) => (name in params ? String(params[name]) : whole));
}
