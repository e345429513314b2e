/* Urgent alerts call quietly: a number before the page's title, and one short tone for whoever wants it. */

const KEPT = 'examhall.sound';
const TONES = [660, 880];
const TONE_SECONDS = 0.14;
const LOUD = 0.08;
let context = null;

/** The page's title with the number of urgent alerts before it: (3) 第一考场. */
export function titled(title, urgent) {
  const bare = title.replace(/^\(\d+\) /, '');
  return urgent > 0 ? `(${urgent}) ${bare}` : bare;
}

/** Two short tones, one above the other. A browser that was not touched yet keeps silent. */
export function tone() {
  context ??= new AudioContext();
  context.resume?.();
  TONES.forEach((pitch, place) => {
    const [from, till] = [context.currentTime + place * TONE_SECONDS, context.currentTime + (place + 1) * TONE_SECONDS];
    const voice = new OscillatorNode(context, { frequency: pitch });
    const loud = new GainNode(context, { gain: 0 });
    loud.gain.linearRampToValueAtTime(LOUD, from + 0.02);
    loud.gain.linearRampToValueAtTime(0, till);
    voice.connect(loud).connect(context.destination);
    voice.start(from);
    voice.stop(till);
  });
}

/** Whether this browser wants the tone; remembered here, not on the server. */
export function wanted(store = globalThis.localStorage) {
  try {
    return store.getItem(KEPT) === 'on';
  } catch {
    return false;
  }
}

/** The button that turns the tone on and off, and the count that rings it. */
export class Alarm {
  constructor(button, ring = tone) {
    this.button = button;
    this.ring = ring;
    this.urgent = null;
    this.draw(wanted());
    button?.addEventListener('click', () => this.toggle());
  }

  get on() {
    return this.button?.getAttribute('aria-pressed') === 'true';
  }

  toggle() {
    const on = !this.on;
    try {
      localStorage.setItem(KEPT, on ? 'on' : 'off');
    } catch {
      // a browser that remembers nothing still rings until it is closed
    }
    this.draw(on);
    if (on) this.ring();
  }

  draw(on) {
    if (!this.button) return;
    this.button.setAttribute('aria-pressed', String(on));
    this.button.textContent = on ? this.button.dataset.on : this.button.dataset.off;
  }

  /** So many urgent alerts wait now; one more than before rings. */
  tell(urgent) {
    document.title = titled(document.title, urgent);
    if (this.urgent !== null && urgent > this.urgent && this.on) this.ring();
    this.urgent = urgent;
  }
}
