// Asking again for what can be had in a moment: a photo that is still on its way, an agent that did not answer.

export const AGAIN_MS = 1000;

/**
 * Calls `load` until it gives something; `take` gets it. After a failure of which `waits(error)` says that
 * trying again may help it asks anew, else `take` gets null. Returns what ends it; `drop` gets what comes later.
 */
export function insist(load, { take, drop, waits = (error) => Boolean(error.passing), later = setTimeout, stop = clearTimeout }) {
  let gone = false;
  let timer = null;

  async function ask() {
    let found = null;
    try {
      found = await load();
    } catch (error) {
      if (gone) return;
      if (waits(error)) timer = later(ask, AGAIN_MS);
      else take(null);
      return;
    }
    if (gone) drop(found);
    else take(found);
  }

  ask();
  return () => {
    gone = true;
    stop(timer);
  };
}
