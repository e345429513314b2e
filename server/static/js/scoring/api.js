/* Talking with the server: JSON in and out, a time limit on everything, and what a failure means. */

const PATIENCE_MS = 15000;

/** `kind`: "away" (the server was not reached), "stranger" (sign in), "refused". */
export class ApiFault extends Error {
  constructor(kind, code = '', message = '') {
    super(message || code || kind);
    this.kind = kind;
    this.code = code;
  }
}

/** What was said, when it is the server who said it: a network's own sign-in page answers anything, with 200 too. */
async function answered(response, field) {
  const told = await response.json().catch(() => null);
  if (response.status >= 500 || !told || !(response.ok ? field in told : told.code)) throw new ApiFault('away');
  if (response.ok) return told;
  if (response.status === 401 || told.code === 'form_expired') throw new ApiFault('stranger', told.code);
  throw new ApiFault('refused', told.code, told.message);
}

/** `field`: what the server's answer always holds. */
async function sent(path, field, options) {
  let response;
  try {
    response = await fetch(path, {
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...options,
      headers: { Accept: 'application/json', ...options.headers },
    });
  } catch {
    throw new ApiFault('away');
  }
  return answered(response, field);
}

/** The ways of the page to the server; `token` is what `me` gave. */
export const api = {
  token: '',
  me: () => sent('/scoring/me', 'csrf', {}),
  post(path, field, body) {
    const headers = { 'Content-Type': 'application/json', 'X-CSRFToken': api.token };
    return sent(path, field, { method: 'POST', headers, body: JSON.stringify(body) });
  },
  photo({ device, sheet }, bytes) {
    const headers = { 'Content-Type': 'application/octet-stream', 'X-CSRFToken': api.token };
    const query = new URLSearchParams({ device, sheet });
    return sent(`/scoring/photos?${query}`, 'sha256', { method: 'POST', headers, body: bytes });
  },
  /** Signs out; whether the server did. It answers by sending to another page. */
  async leave() {
    const options = { method: 'POST', headers: { 'X-CSRFToken': api.token }, redirect: 'manual', signal: AbortSignal.timeout(PATIENCE_MS) };
    const answer = await fetch('/logout', options).catch(() => null);
    return answer !== null && answer.type === 'opaqueredirect';
  },
};
