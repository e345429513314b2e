// What the page tells of itself: that it is not in front any more, and that another page of the exam opened.
// It decides nothing; the agent and the policy say what is told to anybody.

const SETTLE_MS = 300;
const RETRY_MS = 1000;
/** While the page is away it says so again: the agent may have been started anew. */
const REPEAT_MS = 10_000;
const CHANNEL = "examhall.page";

const isAway = (page) => page.hidden || !page.hasFocus();

/** Tells when the page loses or gains the front. `tell` is the agent's act; changes within a blink are one. */
export function watchFocus({ scope, page, tell, later = setTimeout, stop = clearTimeout }) {
  let told = null; // what the agent was told last; a page begins by saying where it is, whoever was here before
  let timer = null;

  function plan(delay) {
    stop(timer);
    timer = later(look, delay);
  }

  async function look() {
    const away = isAway(page);
    if (!away && told === false) return;
    try {
      await tell({ kind: "focus_lost", ended: !away });
      told = away;
    } catch (error) {
      if (error.passing) return plan(RETRY_MS);
      told = null; // nobody listens to this page: it says so anew when it is asked to
      if (error.code === "no_token") return plan(REPEAT_MS); // or not yet: the agent began anew, or the page did
    }
    if (told) plan(REPEAT_MS);
  }

  for (const name of ["blur", "focus"]) scope.addEventListener(name, () => plan(SETTLE_MS));
  page.addEventListener("visibilitychange", () => plan(SETTLE_MS));
  plan(SETTLE_MS);
}

/**
 * Hears of pages that open without a launch of their own; the agent sees the others by itself. `armed`: this
 * page has a token or a nonce. Says hello to pages that were there before.
 */
export function watchOthers({ channel, tell, armed }) {
  channel.onmessage = ({ data }) => {
    if (data && data.hello && !data.armed) Promise.resolve(tell({ kind: "second_page" })).catch(() => {});
  };
  channel.postMessage({ hello: true, armed });
}

/** Both, on the real page. */
export function watchPage(api, armed) {
  watchFocus({ scope: window, page: document, tell: api.sendSign });
  if ("BroadcastChannel" in window) watchOthers({ channel: new BroadcastChannel(CHANNEL), tell: api.sendSign, armed });
}
