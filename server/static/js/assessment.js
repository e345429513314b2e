/* An assessed room: timers tick here; the list comes again every few seconds unless somebody is at work in it. */

const NEWS_EVERY = 3000;
const TICK = 500;
const live = document.getElementById('live');
let offset = 0;

/** The difference between the server's clock and this machine's, taken from the newest list. */
function setClock() {
  const now = live.querySelector('[data-live]')?.dataset.now;
  if (now) offset = Date.parse(now) - Date.now();
}

const two = (number) => String(number).padStart(2, '0');

function spoken(seconds) {
  const hours = Math.floor(seconds / 3600);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

function showTimers() {
  for (const timer of live.querySelectorAll('[data-timer]')) {
    const gone = Math.max(0, Date.now() + offset - Date.parse(timer.dataset.started)) / 1000;
    const left = Number(timer.dataset.seconds) - gone;
    const words = left >= 0 ? timer.dataset.left : timer.dataset.over;
    const seconds = left >= 0 ? Math.ceil(left) : Math.floor(-left);
    timer.classList.toggle('is-over', left < 0);
    const text = words.replace('%(time)s', spoken(seconds));
    if (timer.textContent !== text) timer.textContent = text;
  }
}

/** What somebody types or has ticked must not be taken away. */
function atWork() {
  if (live.querySelector('details[open], input:checked')) return true;
  const field = document.activeElement;
  const typed = [...live.querySelectorAll('input[type="text"], input:not([type])')].some((each) => each.value);
  return typed || (live.contains(field) && field.matches('input, select, textarea, button'));
}

function askNews() {
  if (!document.hidden && !atWork()) live.dispatchEvent(new Event('assessment-news'));
}

setClock();
showTimers();
setInterval(showTimers, TICK);
if ('follow' in live.dataset) setInterval(askNews, NEWS_EVERY);
// A list asked for before somebody ticked a box or typed may come after it.
document.body.addEventListener('htmx:beforeSwap', (event) => {
  if (live.contains(event.detail.target) && atWork()) event.detail.shouldSwap = false;
});
document.body.addEventListener('htmx:afterSwap', () => {
  setClock();
  showTimers();
});
