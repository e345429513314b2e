/* What a key means at the sign-in desk. Digits belong to the scanner, whatever has the focus. */

const MOST_SIDE = 800;

/** Whether a key is the beginning of what a scanner types. */
export const isScan = (key) => /^[0-9０-９]$/.test(key);

/** The key that a press stands for: plain outside of fields; while one writes in a field only Alt and D. */
export function meant(event, writing) {
  if (event.ctrlKey || event.metaKey) return '';
  if (event.altKey) return event.code === 'KeyD' ? 'd' : '';
  return writing ? '' : event.key;
}

/** The button (or the closed part) that a letter stands for, in what is shown; null for none. */
export function hands(key, shown) {
  const letter = key.toLowerCase();
  if (!/^[a-z]$/.test(letter)) return null;
  if (letter === 'd') return shown.querySelector('[data-doubt]');
  return shown.querySelector(`[data-key="${letter}"]`);
}

/** Width and height of the picture that is sent: as the camera gives it, 800 pixels at most; null without one. */
export function pictureSize(width, height) {
  if (!width || !height) return null;
  const scale = Math.min(1, MOST_SIDE / Math.max(width, height));
  return [Math.round(width * scale), Math.round(height * scale)];
}
