/* What the page shows of a sheet: the server's records with those that only this tablet holds on top. Pure. */

import { fold, score } from './sums.js';

const DAY_MS = 86_400_000;
const COUNTED = new Set(['here', 'server']);

export const turnsOf = (picture) => (picture ? picture.rooms.flatMap((room) => room.turns.map((turn) => ({ room, turn }))) : []);

export const placeOf = (picture, uid) => turnsOf(picture).find(({ turn }) => turn.sheet && turn.sheet.uid === uid) || null;

export const actionOf = (record) => JSON.parse(record.body).action;

/** Records of a sheet that the server's picture does not hold yet, in their order. */
export function localOf(local, sheet) {
  const known = new Set((sheet.records || []).map((record) => record.hash));
  const mine = local.filter((record) => record.sheet === sheet.uid && !known.has(record.hash));
  return mine.sort((one, other) => one.journal - other.journal || one.seq - other.seq);
}

/** The actions of a sheet that count, as far as this tablet knows. */
export function actionsOf(local, sheet) {
  const taken = (sheet.records || []).filter((record) => !record.refused).map((record) => record.action);
  const added = localOf(local, sheet).filter((record) => COUNTED.has(record.state)).map(actionOf);
  return [...taken, ...added];
}

/** Records of a sheet that do not count, each with why, oldest first. */
export function refusedOf(local, sheet) {
  const told = (sheet.records || []).filter((record) => record.refused);
  const here = localOf(local, sheet).filter((record) => !COUNTED.has(record.state));
  return [
    ...told.map((record) => ({ key: record.hash, action: record.action, code: record.refused })),
    ...here.map((record) => ({ key: record.hash, action: actionOf(record), code: record.code, message: record.message })),
  ];
}

/** Where the next record of a sheet goes on: `{journal, seq, head}`, or null when the server must give a journal. */
export function endOf(local, sheet) {
  if (!sheet.journal) return null;
  const mine = local.filter((record) => record.sheet === sheet.uid && record.journal === sheet.journal.journal);
  const last = mine.reduce((found, record) => (record.seq > found.seq ? { seq: record.seq, head: record.hash } : found), sheet.journal);
  return { journal: sheet.journal.journal, seq: last.seq, head: last.head };
}

/** Everything about one sheet: marks, score, what waits. `state`: "none", "open", "locking" or "locked". */
export function sheetView(picture, local, { room, turn }) {
  const { sheet } = turn;
  if (!sheet || !room.template) return { state: 'none', marks: fold([]), score: null, waiting: [], refused: [] };
  const marks = fold(actionsOf(local, sheet));
  const waiting = localOf(local, sheet).filter((record) => record.state === 'here');
  const locked = sheet.state === 'locked' ? 'locked' : marks.total === null ? 'open' : 'locking';
  return {
    state: locked,
    marks,
    score: score(room.template, marks, turn.overtime_seconds),
    waiting,
    refused: refusedOf(local, sheet),
    begun: Boolean((sheet.records || []).length || localOf(local, sheet).length),
  };
}

/** Records that the server said it has and has not, by its newest picture: its store was put back. */
export function missingOf(local, picture) {
  return local.filter((record) => {
    const place = record.state === 'server' && placeOf(picture, record.sheet);
    return place && !place.turn.sheet.records.some((one) => one.hash === record.hash);
  });
}

/** Milliseconds since the picture was kept, by this tablet's clock; 0 when that clock makes no sense. */
export function ageOf(picture, now) {
  const age = now - (picture?.kept_at ?? now);
  return age > 0 && age < DAY_MS ? age : 0;
}

/** What the server must have before: the next records to send, those of a sheet in their order. */
export function unsentOf(local, most) {
  const waiting = local.filter((record) => record.state === 'here');
  const order = (one, other) => (one.sheet < other.sheet ? -1 : one.sheet > other.sheet ? 1 : one.journal - other.journal || one.seq - other.seq);
  return waiting.sort(order).slice(0, most);
}

/** The picture with what it left out because it was known already: templates and records. */
export function joined(fresh, before) {
  for (const room of fresh.rooms) {
    if (room.template && room.template.same) room.template = before.rooms.find((one) => one.id === room.id).template;
  }
  for (const { turn } of turnsOf(fresh)) {
    if (turn.sheet && turn.sheet.records === null) {
      const old = placeOf(before, turn.sheet.uid);
      turn.sheet.records = old ? old.turn.sheet.records : [];
    }
  }
  return fresh;
}

/** What the picture holds: how many records of each sheet, and the templates of which rooms. */
export function knownOf(picture) {
  const sheets = turnsOf(picture).map(({ turn }) => turn.sheet).filter(Boolean);
  const rooms = picture ? picture.rooms.filter((room) => room.template) : [];
  return Object.fromEntries([
    ...sheets.map((sheet) => [sheet.uid, (sheet.records || []).length]),
    ...rooms.map((room) => [`template/${room.id}`, 1]),
  ]);
}

/** "unsaved" | "here" | "server": the state of everything on this tablet. */
export function savingOf({ failed, stuck, slow, local, photos }) {
  if (failed || stuck || slow) return 'unsaved';
  const waits = local.some((record) => record.state === 'here') || photos.some((photo) => photo.state === 'here');
  return waits ? 'here' : 'server';
}
