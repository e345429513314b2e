/* The seat map as pure functions: what a card says, how a seat's group is patched, which seat is next. */

import { _ } from './words.js';

const SHORT = 60;
const LONG_NAME = 5;

/** Seconds as 35 秒 or 2 分 05 秒. */
export function lasted(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < SHORT) return _('%(seconds)s 秒', { seconds: whole });
  const rest = String(whole % SHORT).padStart(2, '0');
  return _('%(minutes)s 分 %(seconds)s 秒', { minutes: Math.floor(whole / SHORT), seconds: rest });
}

/** Seconds as 1:23:45 or 23:45. */
export function countdown(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, '0'));
  const hours = Math.floor(whole / 3600);
  return hours ? `${hours}:${parts.join(':')}` : parts.join(':');
}

/** The word of a seat's state, the same as the server writes. */
export function stateText(card) {
  if (card.state === 'answering') {
    return _('作答 %(done)s/%(total)s', { done: card.answered, total: card.total });
  }
  const words = {
    empty: card.kind === 'spare' ? _('备用') : _('空座'),
    assigned: _('未到'),
    identified: _('待核验'),
    admitted: _('核对信息'),
    confirmed: _('阅读规则'),
    ready: _('等待开考'),
    submitted: _('已交卷'),
    auto_submitted: _('到时已交'),
    ended: _('已终止'),
    absent: _('缺考'),
  };
  return words[card.state] ?? card.state;
}

const CLOSED = new Set(['empty', 'submitted', 'auto_submitted', 'ended', 'absent']);

/** The one line under the name, the most urgent: link, covered paper, hand, open kiosk, records, state. */
export function noteOf(card, now) {
  if (card.link === 'lost' && !CLOSED.has(card.state)) {
    const seconds = (now - Date.parse(card.link_since)) / 1000;
    if (card.waiting > 0) return _('断网 %(time)s ≥%(n)s', { time: countdown(seconds), n: card.waiting });
    return _('断网 %(time)s', { time: lasted(seconds) });
  }
  if (card.frozen) return _('暂停显示');
  if (card.hand_since) return _('举手 %(time)s', { time: lasted((now - Date.parse(card.hand_since)) / 1000) });
  if (card.kiosk === 'open' && !CLOSED.has(card.state)) return _('锁定不完整');
  if (card.check === 'bad') return _('自检不通过');
  if (card.check === 'unpaired' && !CLOSED.has(card.state)) return _('未配对');
  if (card.check === 'waiting' && !CLOSED.has(card.state)) return _('等待自检结果');
  if (card.waiting > 0) return _('待传 %(n)s 条', { n: card.waiting });
  return stateText(card);
}

/** How the seat's camera does; the words of server/web/camera_words.py, nothing outside of smart rooms. */
export function cameraText(card) {
  const words = {
    none: _('没有摄像头'),
    opening: _('正在打开摄像头'),
    live: _('摄像头待命'),
    enrolling: _('正在采集人脸'),
    watching: _('摄像头工作中'),
    no_identity: _('不能比对人脸'),
    manual: _('人工核验'),
    lost: _('摄像头没有画面'),
    unavailable: _('无法检测'),
    wrong: _('摄像头不符'),
  };
  return words[card.camera] ?? '';
}

/** Per cent of the items that hold an answer. */
export function share(card) {
  return card.total ? Math.round((100 * card.answered) / card.total) : 0;
}

/** Writes a card into its group of the drawing; only what differs is touched. */
export function patch(group, card, now) {
  set(group, 'data-state', card.state);
  set(group, 'data-link', card.link);
  set(group, 'data-alert', card.alert);
  set(group, 'data-check', card.check ?? '');
  set(group, 'data-hand', card.hand_since && !card.frozen ? 'up' : '');
  set(group.querySelector('.seat-extra'), 'data-extra', String(card.extra || ''));
  text(group, '.seat-extra text', card.extra ? `+${card.extra}′` : '');
  text(group, '.seat-name', card.name);
  set(group.querySelector('.seat-name'), 'data-long', String(card.name.length > LONG_NAME));
  text(group, '.seat-mark', card.alert ? '!' : '');
  const note = noteOf(card, now);
  text(group, '.seat-note', note);
  set(group.querySelector('.ring'), 'stroke-dasharray', `${share(card)} 100`);
  patchCamera(group.querySelector('.seat-camera'), card);
  const words = [_('%(seat)s 号座位', { seat: card.number }), card.name, stateText(card), note, cameraText(card)];
  if (card.hand_since) words.push(_('举手'));
  if (card.check === 'look') words.push(_('自检通过，有提示'));
  if (card.link === 'lost' && card.waiting > 0) words.push(_('至少 %(n)s 条待传', { n: card.waiting }));
  if (card.extra) words.push(_('加时 %(n)s 分钟', { n: card.extra }));
  set(group, 'aria-label', [...new Set(words.filter(Boolean))].join(' '));
}

function patchCamera(sign, card) {
  if (!sign) return; // a standard room has none
  set(sign, 'data-camera', card.camera);
  set(sign.querySelector('use'), 'href', `#camera-${card.camera}`);
  text(sign, 'title', cameraText(card));
}

function set(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

function text(group, selector, value) {
  const node = group.querySelector(selector);
  if (node.textContent !== value) node.textContent = value;
}

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The nearest seat in the direction of an arrow key; seats are {seat, x, y}. */
export function neighbour(seats, from, key) {
  const way = WAYS[key];
  if (!way || !from) return null;
  let best = null;
  for (const seat of seats) {
    const along = (seat.x - from.x) * way[0] + (seat.y - from.y) * way[1];
    if (along <= 1) continue;
    const aside = Math.abs((seat.x - from.x) * way[1]) + Math.abs((seat.y - from.y) * way[0]);
    const far = along + 3 * aside;
    if (!best || far < best.far) best = { seat, far };
  }
  return best && best.seat;
}

const URGENCY = { act: 0, look: 1 };

/** The seats that wait for a person, most urgent first. */
export function waiting(cards) {
  const rank = (card) => (card.alert ? URGENCY[card.alert] : card.state === 'identified' ? 2 : 3);
  return cards.filter((card) => rank(card) < 3).sort((a, b) => rank(a) - rank(b) || a.seat - b.seat);
}

/** The seats whose name or number holds what was typed. */
export function found(cards, typed) {
  const wanted = typed.trim().toLowerCase();
  if (!wanted) return [];
  return cards.filter((card) => card.number === wanted || card.name.toLowerCase().includes(wanted));
}
