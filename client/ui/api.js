// The agent's local interface. The token lives in this tab alone (sessionStorage), so a reload goes on.

const TOKEN = "examhall.token";
const POLL_LIMIT_MS = 35_000;
const CALL_LIMIT_MS = 15_000;

/** The agent's refusal (`status` 4xx/5xx with a code), or no answer at all (`status` 0). */
export class ApiError extends Error {
  constructor(status, code, params) {
    super(code);
    this.status = status;
    this.code = code;
    this.params = params || {};
  }

  /** Whether trying the same again may help. */
  get passing() {
    return this.status === 0 || this.status >= 500 || this.status === 429;
  }
}

async function ask(path, options, limit) {
  try {
    return await fetch(path, { ...options, cache: "no-store", signal: AbortSignal.timeout(limit) });
  } catch {
    throw new ApiError(0, "agent_silent");
  }
}

async function refusal(reply) {
  const body = await reply.json().catch(() => ({}));
  return new ApiError(reply.status, body.code || "unexpected", body.params);
}

async function call(path, { body, limit = CALL_LIMIT_MS, token = true } = {}) {
  const headers = token ? { "X-Kiosk-Token": sessionStorage.getItem(TOKEN) || "" } : {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const method = body === undefined ? "GET" : "POST";
  const reply = await ask(path, { method, headers, body: body && JSON.stringify(body) }, limit);
  if (!reply.ok) throw await refusal(reply);
  return reply;
}

const post = (path, body) => call(path, { body }).then((reply) => reply.json().catch(() => ({})));

/** Whether this tab was launched before. */
export function hasToken() {
  return Boolean(sessionStorage.getItem(TOKEN));
}

/** Exchanges the launch nonce of the address for this tab's token. */
export async function launch(nonce) {
  const reply = await call("/api/launch", { body: { nonce }, token: false });
  sessionStorage.setItem(TOKEN, (await reply.json()).token);
}

/** The next view after version `after`; waits at the agent up to 20 seconds. */
export function nextView(after) {
  return call(`/api/view?after=${after}`, { limit: POLL_LIMIT_MS }).then((reply) => reply.json());
}

export const getPaper = () => call("/api/paper").then((reply) => reply.json());
export const signIn = (ticket, idNumber) => post("/api/sign-in", { ticket, id_number: idNumber });
export const confirm = (isMe) => post("/api/confirm", { is_me: isMe });
/** What was read, what was said to face comparison, and to which text ("" where nothing was asked). */
export const accept = (version, consent, shown = "") =>
  post("/api/accept", { rules_version: version, face_consent: consent, consent_version: shown });
/** What is kept about the candidate here, in words of a language. */
export const kept = (lang) => call(`/api/kept/${lang}`).then((reply) => reply.json());
export const sendAnswer = (item, response) => post("/api/answer", { item, response });
export const sendMark = (item, marked) => post("/api/mark", { item, marked });
export const submit = () => post("/api/submit", {});
export const sendNotes = (notes) => post("/api/notes", notes);
export const callHand = (raised, reason) => post("/api/call", { raised, reason });
/** "begin" a try of the liveness check, or "cannot". */
export const challenge = (act) => post("/api/challenge", { act });
export const sendSign = (sign) => post("/api/sign", sign);
export const sendSeb = (keys) => post("/api/seb", keys);
export const readWarning = (warning) => post("/api/warning", { warning });
export const quitKiosk = (pin) => post("/api/quit", { pin });
/** Shows a covered paper again. */
export const releasePaper = (pin) => post("/api/release", { pin });
/** What an invigilator does at a seat without link: act "stick" (needs the PIN) or "send". */
export const rescueAnswers = (act, pin = "") => post("/api/rescue", { act, pin });

/** An object URL of a picture that needs the token ("/api/photo", "/api/receipt.svg"). */
export async function picture(path) {
  return URL.createObjectURL(await (await call(path)).blob());
}
