/* The chain of a sheet's records: bodies with their salt, links, and the text that a lock is signed over. */

const encoder = new TextEncoder();
const SALT_BYTES = 16;
const NO_WHOLE_CHARACTER = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]|\0/g;

export const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');

export function base64(bytes) {
  return btoa(Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join(''));
}

/** SHA-256 in hex of bytes or text. */
export async function sha256(data) {
  return hex(await crypto.subtle.digest('SHA-256', typeof data === 'string' ? encoder.encode(data) : data));
}

/** Text that every store can keep: without halves of characters and without NUL. */
export const sound = (text) => text.replace(NO_WHOLE_CHARACTER, '');

/** The body of a record: what was done, when by this tablet's clock, and a salt that keeps it from being guessed. */
export function bodyOf(action, at = new Date()) {
  const salt = hex(crypto.getRandomValues(new Uint8Array(SALT_BYTES)));
  return JSON.stringify({ action, at: at.toISOString(), salt });
}

/** The hash of a record: over its place, its body and the link before it. */
export const digest = ({ sheet, journal, seq, body, prev }) => sha256(JSON.stringify([sheet, journal, seq, body, prev]));

/** The record that continues `end` ({seq, head}) of a journal. */
export async function nextRecord(sheet, journal, end, body) {
  const record = { sheet, journal, seq: end.seq + 1, body, prev: end.head };
  return { ...record, hash: await digest(record) };
}

/** What is signed when a record locks its sheet. */
export const lockText = ({ sheet, journal, seq, hash }) => `examhall-sheet-lock|${sheet}|${journal}|${seq}|${hash}`;

/** The signature (base64 of r and s) of a lock. */
export async function signLock(key, record) {
  const made = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, encoder.encode(lockText(record)));
  return base64(made);
}
