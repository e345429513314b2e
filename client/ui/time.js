// Clock arithmetic of the page, without a clock: `now` and `received` are monotonic seconds of one source.

/** Remaining minutes at which the time is said, unless the level policy says otherwise. */
export const WARN_MINUTES = [15, 5];

/** Seconds left at `now`, when `left` of them were left at `received`; never below 0; null stays null. */
export function leftAt(left, received, now) {
  if (left === null || left === undefined) return null;
  return Math.max(0, left - (now - received));
}

/** The smallest of the warning minutes that `left` has come below, or null. */
export function dueMinutes(left, minutes = WARN_MINUTES) {
  const due = left === null ? [] : minutes.filter((one) => left <= one * 60);
  return due.length ? Math.min(...due) : null;
}

/** "none", "plenty", "amber" from the first warning on, "red" from the last of several on. */
export function band(left, minutes = WARN_MINUTES) {
  if (left === null) return "none";
  const due = dueMinutes(left, minutes);
  if (due === null) return "plenty";
  return minutes.length > 1 && due === Math.min(...minutes) ? "red" : "amber";
}

/** "01:05:09"; a begun second counts whole, so 00:00:00 stands only when the time is over. */
export function hms(left) {
  const whole = Math.max(0, Math.ceil(left - 1e-6));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/** Milliseconds since the epoch at `now`, when the server said `iso` at `received`; null without `iso`. */
export function serverNow(iso, received, now) {
  const base = Date.parse(iso || "");
  return Number.isNaN(base) ? null : base + (now - received) * 1000;
}

const ZONE = "Asia/Shanghai";
const CLOCK = { timeZone: ZONE, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const DAY = { timeZone: ZONE, year: "numeric", month: "2-digit", day: "2-digit" };
const clockFormat = new Intl.DateTimeFormat("en-GB", CLOCK);
const dayFormat = new Intl.DateTimeFormat("en-GB", DAY);

/** "09:00:00" in the time of the exam's place. */
export function clockText(ms) {
  return clockFormat.format(new Date(ms));
}

/** "2026-11-21" in the time of the exam's place. */
export function dayText(ms) {
  const found = Object.fromEntries(dayFormat.formatToParts(new Date(ms)).map((part) => [part.type, part.value]));
  return `${found.year}-${found.month}-${found.day}`;
}

/** Minutes by which a deadline (ISO) moved on, in tenths; 0 when it did not. */
export function creditMinutes(before, after) {
  const gained = (Date.parse(after || "") - Date.parse(before || "")) / 60_000;
  return gained > 0 ? Math.round(gained * 10) / 10 : 0;
}

/** Splits minutes for "1 小时 30 分". */
export function hoursAndMinutes(minutes) {
  const whole = Math.round(minutes);
  return { hours: Math.floor(whole / 60), minutes: whole % 60 };
}
