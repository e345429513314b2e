// How an invigilator leaves the kiosk: five clicks on the exam's name or the seat in the top bar open a field
// for the PIN. The agent decides; without a kiosk it says so. The same field takes the answers away on a stick,
// for a seat whose link does not come back, and shows a covered paper again.

import { quitKiosk, releasePaper, rescueAnswers } from "./api.js";
import { sentence } from "./messages.js";
import { clockText } from "./time.js";
import { _, ngettext } from "./words.js";

const CLICKS = 5;
const WITHIN_MS = 3000;
/** Nobody leaves the dialog open for the candidate: ms from the last key or press, and after an act was done. */
const IDLE_MS = 30_000;
const DONE_MS = 8_000;
const PLACE = ".topbar-title, .topbar-person";
const COVERED = "[data-covered]";

/** Counts clicks: true when this one is the fifth within three seconds. Pure; times in ms. */
export function countClick(times, now) {
  const recent = [...times.filter((time) => now - time < WITHIN_MS), now];
  return recent.length >= CLICKS ? { times: [], enough: true } : { times: recent, enough: false };
}

const texts = () => ({
  title: _("监考员操作"),
  pin: _("退出口令"),
  hint: _("8 位数字，由监考员在监考页面查看。每次尝试都会记录。"),
  stay: _("返回考试"),
  leave: _("退出锁定"),
  leaving: _("正在退出…"),
  stick: _("作答记录存到 U 盘"),
  kept: _("已存到 U 盘，请在监考页面“断网与应急”中导入。"),
  again: _("立即重新补传"),
  trying: _("正在重新连接并补传…"),
  release: _("显示试卷"),
  released: _("试卷已显示。"),
});

/** How the link stands, for staff: since when it is gone, and what waits here. Pure; `link` is the view's. */
export function linkText(link) {
  const waits = ngettext("还有 %(n)s 条记录待上传", "还有 %(n)s 条记录待上传", link.waiting);
  if (link.up) return _("与考场服务器的连接正常，%(waits)s。", { waits });
  if (!link.since) return _("与考场服务器的连接已中断，%(waits)s。", { waits });
  return _("与考场服务器的连接自 %(time)s 起中断，%(waits)s。", { time: clockText(Date.parse(link.since)), waits });
}

function element(document, tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A button that does an act of the invigilator and says in `said` what became of it. */
function actButton(document, { said, after }, { text, done, act }) {
  const button = element(document, "button", { type: "button", class: "btn btn-small" }, text);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await act();
      said.textContent = done;
      after(DONE_MS);
    } catch (error) {
      said.textContent = sentence(error.code, error.params);
      after(IDLE_MS);
    }
    button.disabled = false;
  });
  return button;
}

/** Says in `line` how the link stands, as long as `dialog` is open. */
function followLink(store, line, dialog) {
  const show = ({ view }) => {
    if (view) line.textContent = linkText(view.link);
  };
  show(store.get());
  dialog.addEventListener("close", store.listen(show));
}

/** Closes `dialog` once nobody has touched it for `IDLE_MS`; gives what sets another time. */
function closeWhenLeft(dialog) {
  let timer = 0;
  const after = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(() => dialog.close(), ms);
  };
  for (const kind of ["keydown", "pointerdown"]) dialog.addEventListener(kind, () => after(IDLE_MS));
  dialog.addEventListener("close", () => clearTimeout(timer));
  after(IDLE_MS);
  return after;
}

function openDialog(document, store) {
  const words = texts();
  const dialog = element(document, "dialog", { class: "dialog", "aria-labelledby": "quit-title" });
  const field = element(document, "input", {
    ...{ id: "quit-pin", inputmode: "numeric", autocomplete: "off", type: "password" },
    ...{ maxlength: "16", "aria-describedby": "quit-said" },
  });
  const said = element(document, "p", { id: "quit-said", class: "hint", role: "status" }, words.hint);
  const stay = element(document, "button", { type: "button", class: "btn" }, words.stay);
  const leave = element(document, "button", { type: "submit", class: "btn btn-danger" }, words.leave);
  const link = element(document, "p", { id: "quit-link", class: "hint" });
  const closing = closeWhenLeft(dialog);
  const after = (ms) => {
    field.value = "";
    closing(ms);
  };
  const release = async () => {
    await releasePaper(field.value);
    dialog.close();
  };
  const button = (what) => actButton(document, { said, after }, what);
  const rescue = element(
    document,
    "div",
    { class: "row" },
    ...(document.querySelector(COVERED) ? [button({ text: words.release, done: words.released, act: release })] : []),
    button({ text: words.stick, done: words.kept, act: () => rescueAnswers("stick", field.value) }),
    button({ text: words.again, done: words.trying, act: () => rescueAnswers("send") }),
  );
  const label = element(document, "label", { for: "quit-pin" }, words.pin);
  const form = element(
    document,
    "form",
    {},
    element(document, "div", { class: "dialog-head" }, element(document, "h2", { id: "quit-title" }, words.title)),
    element(document, "div", { class: "dialog-body" }, element(document, "div", { class: "field" }, label, field, said), rescue, link),
    element(document, "div", { class: "dialog-foot" }, stay, leave),
  );
  dialog.append(form);
  followLink(store, link, dialog);
  dialog.addEventListener("close", () => dialog.remove());
  stay.addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    leave.disabled = true;
    try {
      await quitKiosk(field.value);
      said.textContent = words.leaving;
      field.value = "";
    } catch (error) {
      // An agent without a kiosk does not know the act.
      said.textContent = sentence(error.status === 404 ? "quit_no_pin" : error.code, error.params);
      field.value = "";
      leave.disabled = false;
      field.focus();
    }
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** Listens for the five clicks; `store` knows how the link stands. */
export function offerLeaving(document, store, clock = () => performance.now()) {
  let times = [];
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || !event.target.closest(PLACE)) return;
    const counted = countClick(times, clock());
    times = counted.times;
    if (counted.enough && !document.getElementById("quit-pin")) openDialog(document, store);
  });
}
