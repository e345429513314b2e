// The page's state and its talk with the agent. Screens read `get()` and call the acts; nothing is kept
// across a reload but the token, the language and the theme.

import * as jots from "./jots.js";
import * as outbox from "./outbox.js";
import * as realApi from "./api.js";
import * as warnings from "./warnings.js";

const RETRY_MS = 1000;
/** Polls that may fail before the page says so: a restarting agent is back within seconds. */
const PATIENCE = 3;

/** Makes the store. `api` and `clock` (monotonic seconds) are replaceable for tests. */
export function createStore({ api = realApi, clock = () => performance.now() / 1000, later = setTimeout } = {}) {
  let state = {
    phase: "starting", view: null, received: 0, paper: null, box: outbox.EMPTY, jots: jots.EMPTY, reads: warnings.EMPTY, misses: 0, refusal: "",
  };
  const listeners = new Set();

  function set(change) {
    state = { ...state, ...change };
    for (const listener of listeners) listener(state);
  }

  const holder = (view) => (view && view.candidate ? view.candidate.ticket : "");

  function takeView(view) {
    const same = holder(view) === holder(state.view);
    const box = same ? outbox.settle(state.box, view) : outbox.EMPTY;
    const paper = same && view.paper === "open" ? state.paper : null;
    const reads = warnings.settle(state.reads, view.warnings || []);
    const kept = same && state.view ? state.jots : jots.adopt(view.notes);
    set({ view, received: clock(), phase: "running", misses: 0, box, jots: kept, reads, paper });
    if (view.paper === "open" && !state.paper) fetchPaper();
    pump();
    confirm();
  }

  async function fetchPaper() {
    try {
      const paper = await api.getPaper();
      if (state.view && state.view.paper === "open") set({ paper });
    } catch (error) {
      if (error.passing) later(() => !state.paper && fetchPaper(), RETRY_MS);
    }
  }

  function lose(error) {
    if (error.status === 401) set({ phase: error.code === "taken_over" ? "taken_over" : "no_token" });
    else set({ misses: state.misses + 1 });
    return error.status !== 401;
  }

  async function poll(turn) {
    while (turn === round) {
      try {
        takeView(await api.nextView(state.misses || !state.view ? 0 : state.view.version));
      } catch (error) {
        if (turn !== round) return;
        if (!lose(error)) return error.code === "no_token" ? relaunch(turn) : undefined;
        await new Promise((wake) => later(wake, RETRY_MS));
      }
    }
  }
  let round = 0;

  /** The agent began anew: behind Safe Exam Browser the page launches itself, else it stays as it is. */
  async function relaunch(turn) {
    try {
      await api.launch("");
    } catch (error) {
      if (error.passing) later(() => turn === round && relaunch(turn), RETRY_MS);
      return;
    }
    if (turn === round) poll(turn);
  }

  async function start(nonce) {
    round += 1;
    const turn = round;
    set({ phase: "starting" });
    try {
      if (nonce || !api.hasToken()) await api.launch(nonce); // behind Safe Exam Browser none is needed
    } catch (error) {
      if (!error.passing && !api.hasToken()) return set({ phase: "no_token" });
      if (error.passing) return later(() => turn === round && start(nonce), RETRY_MS);
    }
    return api.hasToken() ? poll(turn) : set({ phase: "no_token" });
  }

  const deliver = (entry) =>
    entry.kind === "mark" ? api.sendMark(entry.item, entry.value) : api.sendAnswer(entry.item, entry.value);

  async function pump() {
    const entry = outbox.next(state.box, clock());
    if (!entry) return;
    set({ box: outbox.sending(state.box, entry.key) });
    try {
      await deliver(entry);
      set({ box: outbox.arrived(state.box, entry.key), refusal: "" });
    } catch (error) {
      const kept = error.passing || error.status === 401 || error.code === "journal_not_open";
      const asked = entry.kind === "answer" && error.status === 422;
      if (asked) set({ box: outbox.refused(state.box, entry.key, error.code), refusal: "" });
      else if (kept) set({ box: outbox.failed(state.box, entry.key, clock()), refusal: "" });
      else set({ box: outbox.dropped(state.box, entry.key), refusal: error.code });
      if (kept) later(pump, outbox.RETRY_SECONDS * 1000 + 50);
    }
    pump();
  }

  /** Tells the agent what was jotted down, one thing at a time; a refusal is no loss. */
  async function tell() {
    const body = telling ? null : jots.next(state.jots);
    if (!body) return;
    telling = true;
    const before = state.jots.queue[0];
    try {
      await api.sendNotes(body);
    } catch (error) {
      if (error.passing) return later(() => ((telling = false), tell()), RETRY_MS);
    }
    telling = false;
    if (state.jots.queue[0] === before) set({ jots: settled(body) });
    tell();
  }
  let telling = false;

  /** What changed while it was told is told again. */
  const settled = (body) =>
    JSON.stringify(jots.next(state.jots)) === JSON.stringify(body) ? jots.told(state.jots) : state.jots;

  /** Sends the confirmations of warnings, one at a time, until the state holds them no more. */
  async function confirm() {
    const id = state.phase === "running" ? warnings.next(state.reads, clock()) : null;
    if (id === null) return;
    set({ reads: warnings.sending(state.reads, id) });
    try {
      await api.readWarning(id);
      set({ reads: warnings.arrived(state.reads, id) });
    } catch (error) {
      set({ reads: warnings.failed(state.reads, id, error.code || "unexpected", clock()) });
      later(confirm, warnings.RETRY_SECONDS * 1000 + 50);
    }
    confirm();
  }

  return {
    api,
    clock,
    start,
    get: () => state,
    down: () => state.misses >= PATIENCE,
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** The candidate has read a warning. */
    read(id) {
      set({ reads: warnings.press(state.reads, id, clock()) });
      confirm();
    },
    /** What the candidate jots down: `change` gives the new jots for the old. */
    jot(change) {
      const next = change(state.jots);
      if (next === state.jots) return;
      set({ jots: next });
      tell();
    },
    put(kind, item, value) {
      set({ box: outbox.put(state.box, kind, item, value, clock()) });
      pump();
    },
  };
}
