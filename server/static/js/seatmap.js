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

/** A card with what has changed of it; null for a part of a card that was never told whole. */
export function merged(before, cell) {
  return before || 'name' in cell ? { ...before, ...cell } : null;
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
    ended: card.with_room ? _('已收卷') : _('已终止'),
    absent: _('缺考'),
  };
  return words[card.state] ?? card.state;
}

const CLOSED = new Set(['empty', 'submitted', 'auto_submitted', 'ended', 'absent']);

const DONE_SHOWN = 10_000;
const HELD = new Set(['pause', 'resume', 'identity', 'lock', 'unlock', 'end']); // not confirmed, they stay in sight

/** How far the last command to a seat has come; nothing without one, or a while after it was done or just told. */
export function commandText(card, now) {
  const steps = { sent: _('已发送'), received: _('已收到'), done: _('已执行') };
  const kinds = {
    start: _('开考'),
    pause: _('暂停'),
    resume: _('恢复'),
    credit: _('补时'),
    message: _('消息'),
    identity: _('核对身份'),
    lock: _('锁定屏幕'),
    unlock: _('解锁屏幕'),
    move: _('换座位'),
    end: _('结束'),
    reopen: _('恢复作答'),
  };
  const step = steps[card.command_state];
  const waits = card.command_state !== 'done' && HELD.has(card.command);
  const over = !waits && now - Date.parse(card.command_at) > DONE_SHOWN;
  const kind = kinds[card.command] ?? _('指令');
  return step && !over ? `${kind} ${step}` : '';
}

/** Why a paper is covered: by a command, or by something that was seen at the seat. */
export function coverText(card) {
  if (card.cover === 'LOCKED') return _('已锁定');
  return card.cover === 'IDENTITY' ? _('等待核对身份') : _('试卷已遮住');
}

/** What the desk said of a candidate who is not at work yet; what it refused or doubts first of all. */
export function deskText(card) {
  const waits = { doubt: _('身份存疑'), refused: _('不准入场'), late: _('迟到未入场') };
  const came = { passed: _('已签到'), no_compare: _('已签到'), paper: _('纸质签到') };
  return waits[card.desk] ?? (card.state === 'assigned' ? came[card.desk] ?? '' : '');
}

/** The one line under the name, the most urgent: link, covered paper, hand, command, open kiosk, records, state. */
export function noteOf(card, now) {
  if (card.link === 'lost' && !CLOSED.has(card.state)) {
    const seconds = (now - Date.parse(card.heard_at ?? card.link_since)) / 1000;
    if (card.waiting > 0) return _('断网 %(time)s ≥%(n)s', { time: countdown(seconds), n: card.waiting });
    return _('断网 %(time)s', { time: lasted(seconds) });
  }
  if (card.frozen) return coverText(card);
  if (card.hand_since) return _('举手 %(time)s', { time: lasted((now - Date.parse(card.hand_since)) / 1000) });
  const command = commandText(card, now);
  if (command) return command;
  if (card.paused) return _('暂停中');
  if (card.kiosk === 'open' && !CLOSED.has(card.state)) return _('锁定不完整');
  if (card.check === 'bad') return _('自检不通过');
  if (card.check === 'unpaired' && !CLOSED.has(card.state)) return _('未配对');
  if (card.check === 'waiting' && !CLOSED.has(card.state)) return _('等待自检结果');
  if (card.waiting > 0) return _('待传 %(n)s 条', { n: card.waiting });
  return deskText(card) || stateText(card);
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
    stalled: _('摄像头画面中断'),
    unavailable: _('无法检测'),
    wrong: _('摄像头不符'),
  };
  return words[card.camera] ?? '';
}

/** How the room's own camera sees the seat; the words of server/web/camera_words.py, nothing without one. */
export function roomText(card) {
  const words = new Map([
    ['empty', _('考场摄像头：无人')],
    ['two', _('考场摄像头：有两人')],
    ['unclear', _('考场摄像头：看不清')],
    ['taken', _('考场摄像头：有人')],
    ['unseen', _('考场摄像头：不在画面中')],
    ['unavailable', _('考场摄像头：不判断')],
  ]);
  return words.get(card.room_seen) ?? '';
}

/** The name of the sign that stands for a seat seen from afar: what is wrong comes before the state. */
export function farSign(card) {
  if (card.alert === 'act') return 'act';
  const open = !CLOSED.has(card.state);
  if (card.link === 'lost' && open) return 'lost';
  if (card.frozen) return 'frozen';
  if (card.hand_since) return 'hand';
  if (card.alert === 'look') return 'look';
  if (card.kiosk === 'open' && open) return 'open';
  return stateSign(card);
}

/** The name of the sign of a seat's state. */
export function stateSign(card) {
  if (card.paused && !CLOSED.has(card.state)) return 'paused';
  if (card.with_room) return 'auto_submitted';
  return card.state === 'empty' && card.kind === 'spare' ? 'spare' : card.state;
}

/** What a seat's sign from afar means for its colour: act, look or nothing. */
export function farShade(card) {
  const sign = farSign(card);
  if (sign === 'act' || sign === 'lost') return 'act';
  return ['look', 'hand', 'frozen', 'open', 'paused', 'identified'].includes(sign) ? 'look' : '';
}

/** Per cent of the items that hold an answer. */
export function share(card) {
  return card.total ? Math.round((100 * card.answered) / card.total) : 0;
}

const WIDE = /[\u2e80-\uffef\u{20000}-\u{3ffff}]/u;
const NOTE_SIZE = 12.5;
const NOTE_ROOM = 84;

/** The width to squeeze a note into, where its words are wider than a seat; null where they fit. */
export function squeezed(words) {
  const width = [...words].reduce((sum, sign) => sum + (WIDE.test(sign) ? NOTE_SIZE : NOTE_SIZE * 0.56), 0);
  return width > NOTE_ROOM ? NOTE_ROOM : null;
}

/** Writes the line under the name, squeezed where it is too long. */
export function writeNote(node, words) {
  if (node.textContent !== words) node.textContent = words;
  const width = squeezed(words);
  if (width !== null) {
    set(node, 'lengthAdjust', 'spacingAndGlyphs');
    set(node, 'textLength', String(width));
  } else if (node.getAttribute('textLength') !== null) node.removeAttribute('textLength');
}

/** What a seat is called: first what can be read on it, then what its signs and colours say. */
export function nameOf(card, note) {
  const words = [card.number, card.name, note, stateText(card), cameraText(card), roomText(card)];
  if (card.hand_since) words.push(_('举手'));
  if (card.check === 'look') words.push(_('自检通过，有提示'));
  if (card.link === 'lost' && card.waiting > 0) words.push(_('至少 %(n)s 条待传', { n: card.waiting }));
  if (card.extra) words.push(_('加时 %(n)s 分钟', { n: card.extra }));
  return [...new Set(words.filter(Boolean))].join(' ');
}

/** Writes the line under the name again, and the name that begins with it: its seconds have gone on. */
export function renote(group, card, now) {
  const note = noteOf(card, now);
  writeNote(group.querySelector('.seat-note'), note);
  set(group, 'aria-label', nameOf(card, note));
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
  set(group, 'data-paused', card.paused && !CLOSED.has(card.state) ? 'yes' : '');
  set(group, 'data-far', farShade(card));
  set(group.querySelector('.seat-sign'), 'href', `#sign-${stateSign(card)}`);
  set(group.querySelector('.far-sign'), 'href', `#sign-${farSign(card)}`);
  const note = noteOf(card, now);
  writeNote(group.querySelector('.seat-note'), note);
  set(group.querySelector('.ring'), 'stroke-dasharray', `${share(card)} 100`);
  patchCamera(group.querySelector('.seat-camera'), card);
  set(group.querySelector('.seat-room'), 'data-seen', card.room_seen ?? '');
  text(group, '.seat-room title', roomText(card));
  set(group, 'aria-label', nameOf(card, note));
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

/** The seats whose name, number or ticket holds what was typed; of a ticket at least the last four characters. */
export function found(cards, typed) {
  const wanted = typed.trim().toLowerCase();
  if (!wanted) return [];
  const ticket = (card) => wanted.length > 3 && (card.ticket ?? '').toLowerCase().endsWith(wanted);
  return cards.filter((card) => card.number === wanted || card.name.toLowerCase().includes(wanted) || ticket(card)
    || (card.ticket ?? '').toLowerCase() === wanted);
}

/* ---- filters ---- */

/** The seats that answer with less than half of the middle seat's share. */
export function slow(cards) {
  const writing = cards.filter((card) => card.state === 'answering' && card.total);
  const shares = writing.map((card) => card.answered / card.total).sort((a, b) => a - b);
  const middle = shares[Math.floor(shares.length / 2)] ?? 0;
  return new Set(writing.filter((card) => card.answered / card.total < middle / 2).map((card) => card.seat));
}

/** Filter -> the seats that it shows; "all" shows every seat. */
export function filtered(cards) {
  const those = (holds) => new Set(cards.filter(holds).map((card) => card.seat));
  return {
    all: those(() => true),
    alerts: those((card) => card.alert || card.frozen),
    lost: those((card) => card.link === 'lost' && !CLOSED.has(card.state)),
    away: those((card) => card.state === 'assigned' || card.state === 'absent'),
    hands: those((card) => card.hand_since),
    paused: those((card) => card.paused && !CLOSED.has(card.state)),
    slow: slow(cards),
  };
}
