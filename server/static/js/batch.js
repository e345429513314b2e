/* Many changes, few drawings: what changed is gathered and drawn once before the next picture of the screen. */

/** Returns `add(keys)`; `draw(keys)` gets all keys of a frame, each once. `schedule` runs it at the next frame. */
export function batched(draw, schedule = (work) => requestAnimationFrame(work)) {
  let waiting = new Set();
  return (keys) => {
    const idle = waiting.size === 0;
    for (const key of keys) waiting.add(key);
    if (!idle || waiting.size === 0) return;
    schedule(() => {
      const due = waiting;
      waiting = new Set();
      draw(due);
    });
  };
}
