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

async function answered(response) {
  if (response.ok) return response.json();
  const told = await response.json().catch(() => ({}));
  if (response.status === 401 || told.code === 'form_expired') throw new ApiFault('stranger', told.code || '');
  if (response.status >= 500) throw new ApiFault('away');
  throw new ApiFault('refused', told.code || 'bad_request', told.message);
}

async function sent(path, options) {
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
  return answered(response);
}

/** The ways of the page to the server; `token` is what `me` gave. */
export const api = {
  token: '',
  me: () => sent('/scoring/me', {}),
  post(path, body) {
    const headers = { 'Content-Type': 'application/json', 'X-CSRFToken': api.token };
    return sent(path, { method: 'POST', headers, body: JSON.stringify(body) });
  },
  photo({ device, sheet }, bytes) {
    const headers = { 'Content-Type': 'application/octet-stream', 'X-CSRFToken': api.token };
    const query = new URLSearchParams({ device, sheet });
    return sent(`/scoring/photos?${query}`, { method: 'POST', headers, body: bytes });
  },
  /** Signs out; the answer is a page and does not matter. */
  async leave() {
    await fetch('/logout', { method: 'POST', headers: { 'X-CSRFToken': api.token }, redirect: 'manual' }).catch(() => null);
  },
};
