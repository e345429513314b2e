/* The page's state and its acts. A mark is shown once it is saved here; it is sent as soon as the server is there. */

import { ApiFault, api as realApi } from './api.js';
import { base64, bodyOf, nextRecord, sha256, signLock, sound } from './chain.js';
import { Shelf, lastUser, leftBy } from './shelf.js';
import { fold } from './sums.js';
import { actionsOf, ageOf, endOf, joined, knownOf, missingOf, placeOf, savingOf, turnsOf, unsentOf } from './view.js';

const EVERY_MS = 3000;
const PICTURE_MS = 5000;
const BATCH = 100;
/** A save that takes longer is shown as under way; shorter ones would only flicker. */
const QUIET_MS = 400;
const SETTLED = { stored: 'server', known: 'server', refused: 'refused', fork: 'fork' };

export function createStore({ api = realApi } = {}) {
  let state = {
    phase: 'starting', user: null, online: true, signedIn: false, picture: null, fresh: 0,
    local: [], photos: [], slow: 0, failed: false, stuck: false, chosen: null, told: '', renewed: false,
  };
  const listeners = new Set();
  let shelf = null;
  let last = Promise.resolve();
  let syncing = false;
  let again = false;
  let pictureAt = -Infinity;
  /** Why something that the server said could not be written down here. */
  let unkept = null;

  function set(changed) {
    state = { ...state, ...changed };
    for (const listener of listeners) listener(state);
  }

  // --- this tablet ---------------------------------------------------------------------------------------

  async function enter(user) {
    if (shelf) shelf.close();
    shelf = null;
    const mine = await Shelf.open(user.id);
    const [picture, local, photos] = [await mine.picture(), await mine.records(), await mine.photos()];
    shelf = mine;
    pictureAt = -Infinity;
    set({ phase: 'ready', user, picture, local, photos, failed: false, chosen: null, fresh: performance.now() - ageOf(picture, Date.now()) });
  }

  async function start() {
    if (!globalThis.isSecureContext || !globalThis.indexedDB) return set({ phase: 'insecure' });
    try {
      if (!(await alone())) return set({ phase: 'elsewhere' });
      navigator.storage?.persist?.().catch(() => false);
      const user = await lastUser();
      if (user) await enter(user);
    } catch {
      return set({ phase: 'broken' });
    }
    await sync();
    setInterval(sync, EVERY_MS);
    addEventListener('online', sync);
    return undefined;
  }

  /** One window alone writes; another one says so. */
  function alone() {
    return new Promise((resolve, reject) => {
      const held = navigator.locks.request('examhall-scoring', { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        return lock && new Promise(() => {});
      });
      held.catch(reject);
    });
  }

  /** Acts that write wait for each other, so that the chain has one end. */
  function inTurn(act) {
    const done = last.then(act);
    last = done.catch(() => null);
    return done;
  }

  /** `asked`: an action, or what makes one of the marks as they are when its turn comes: taps may be quicker. */
  async function write(uid, asked) {
    const place = placeOf(state.picture, uid);
    const end = place && endOf(state.local, place.turn.sheet);
    if (!end) throw new Error('no journal');
    const made = typeof asked === 'function' ? asked(fold(actionsOf(state.local, place.turn.sheet))) : asked;
    const action = made.act === 'note' ? { ...made, text: sound(made.text) } : made;
    const next = await nextRecord(uid, end.journal, end, bodyOf(action));
    const signature = action.act === 'lock' ? await signLock(shelf.keys.sign, next) : '';
    const record = { ...next, signature, state: 'here', code: '', message: '' };
    await shelf.addRecord(record);
    set({ local: [...state.local, record] });
  }

  /** Puts an action on a sheet; true once it is saved here. */
  async function put(uid, action) {
    let slow = 0;
    const timer = setTimeout(() => set({ slow: state.slow + (slow = 1) }), QUIET_MS);
    let saved = true;
    try {
      await inTurn(() => write(uid, action));
    } catch {
      saved = false;
    }
    clearTimeout(timer);
    set({ slow: state.slow - slow, failed: !saved });
    if (saved) sync();
    return saved;
  }

  async function addPhoto(uid, item, bytes) {
    const photo = { sheet: uid, sha256: await sha256(bytes), state: 'here' };
    try {
      await inTurn(() => shelf.addPhoto(photo, bytes));
    } catch {
      set({ failed: true });
      return false;
    }
    set({ photos: [...state.photos.filter((one) => one.sha256 !== photo.sha256 || one.sheet !== uid), photo] });
    return put(uid, { act: 'photo', item, sha256: photo.sha256 });
  }

  // --- the server ----------------------------------------------------------------------------------------

  async function sync() {
    if (syncing) {
      again = true;
      return;
    }
    syncing = true;
    try {
      await talk();
      set({ online: true, stuck: false });
    } catch (fault) {
      stumbled(fault);
    }
    syncing = false;
    if (again) {
      again = false;
      sync();
    }
  }

  function stumbled(fault) {
    if (!(fault instanceof ApiFault)) return set(state.user ? { stuck: true } : { phase: 'broken' });
    if (fault.kind === 'away') return set(state.user ? { online: false } : { online: false, phase: 'away' });
    api.token = '';
    set({ online: true, signedIn: false, told: fault.kind === 'refused' ? fault.message : '' });
    if (!state.user) set({ phase: 'stranger' });
    return undefined;
  }

  async function talk() {
    unkept = null;
    if (!api.token) await meet();
    if (!shelf.keys.device) await register();
    if (performance.now() - pictureAt >= PICTURE_MS) await look();
    await send();
    if (pictureAt === -Infinity) await look(); // a lock or a fork has changed what the server shows
    await sendPhotos();
    await tidy();
    if (unkept) throw unkept;
  }

  /** What the server said is written down here; where that fails, marks must still reach the server. */
  async function noted(writing) {
    try {
      await writing;
    } catch (fault) {
      unkept = fault;
    }
  }

  /** Who is signed in; somebody else gets a shelf of their own. */
  async function meet() {
    const { user, name, csrf } = await api.me().catch(async (fault) => {
      if (fault.kind === 'stranger') await leftBy(null);
      throw fault;
    });
    await endLeft(user, csrf);
    if (!state.user || state.user.id !== user) {
      await inTurn(async () => {
        await lastUser({ id: user, name });
        await enter({ id: user, name });
      });
    }
    api.token = csrf;
    set({ signedIn: true, told: '' });
  }

  /** Ends the sign-in of somebody who left this tablet while the server was away. */
  async function endLeft(user, csrf) {
    const left = await leftBy();
    if (left === null) return;
    if (left === user) {
      api.token = csrf;
      const ended = await api.leave();
      api.token = '';
      if (!ended) throw new ApiFault('away');
    }
    await leftBy(null);
    if (left === user) throw new ApiFault('stranger');
  }

  async function register() {
    const { device } = await api.post('/scoring/devices', 'device', { public_key: base64(await shelf.publicKey()), label: navigator.platform });
    await shelf.keep({ ...shelf.keys, device });
  }

  async function look() {
    let fresh;
    try {
      fresh = await api.post('/scoring/data', 'rooms', { device: shelf.keys.device, known: knownOf(state.picture) });
    } catch (fault) {
      if (fault.code === 'device_not_yours') await shelf.renewKeys();
      throw fault;
    }
    const picture = { ...joined(fresh, state.picture), kept_at: Date.now() };
    pictureAt = performance.now();
    set({ picture, fresh: pictureAt });
    await noted(shelf.keepPicture(picture));
    const missing = missingOf(state.local, picture).map((record) => ({ ...record, state: 'here' }));
    if (missing.length) await become(missing);
  }

  /** Records as they are from now on, and those of them that this tablet writes down. */
  function become(records, kept = records) {
    return inTurn(async () => {
      await noted(shelf.settle(kept));
      const now = new Map(records.map((record) => [record.hash, record]));
      set({ local: state.local.map((record) => now.get(record.hash) || record) });
    });
  }

  async function send() {
    for (;;) {
      const batch = unsentOf(state.local, BATCH);
      if (!batch.length) return;
      const records = batch.map(({ sheet, journal, seq, body, prev, hash, signature }) => ({ sheet, journal, seq, body, prev, hash, signature }));
      const { acks } = await api.post('/scoring/records', 'acks', { device: shelf.keys.device, records });
      const settled = await settle(acks);
      if (settled < batch.length) return; // the rest waits for its time
    }
  }

  /** Writes down what the server said; how many records it is done with. */
  async function settle(acks) {
    const told = new Map(acks.map((ack) => [ack.hash, ack]));
    const changed = state.local
      .filter((record) => record.state === 'here' && told.has(record.hash))
      .map((record) => {
        const ack = told.get(record.hash);
        return { ...record, state: SETTLED[ack.outcome] || 'here', code: ack.code, message: ack.message };
      });
    const done = changed.filter((record) => record.state !== 'here');
    await become(changed, done);
    if (done.some((record) => record.state !== 'server' || record.signature)) pictureAt = -Infinity;
    return done.length;
  }

  /** Photos go after the marks, those whose record the server has. */
  async function sendPhotos() {
    const waiting = state.photos.filter((photo) => photo.state === 'here');
    for (const photo of waiting) {
      const bytes = await shelf.photoBytes(photo);
      let now = 'server';
      try {
        if (bytes) await api.photo({ device: shelf.keys.device, sheet: photo.sheet }, bytes);
      } catch (fault) {
        if (fault.kind !== 'refused' || fault.code === 'photo_not_announced') throw fault;
        now = 'refused';
      }
      await shelf.settlePhoto(photo, now);
      set({ photos: state.photos.map((one) => (one.sha256 === photo.sha256 && one.sheet === photo.sheet ? { ...one, state: now } : one)) });
    }
  }

  /** What the server has and shows no more is forgotten: the sitting is over. */
  async function tidy() {
    const shown = new Set(turnsOf(state.picture).map(({ turn }) => turn.sheet && turn.sheet.uid));
    const gone = state.local.filter((record) => !shown.has(record.sheet) && record.state !== 'here');
    const photos = state.photos.filter((photo) => !shown.has(photo.sheet) && photo.state !== 'here');
    await inTurn(async () => {
      await shelf.dropRecords(gone);
      await shelf.dropPhotos(photos);
      if (gone.length) set({ local: state.local.filter((record) => !gone.includes(record)) });
      if (photos.length) set({ photos: state.photos.filter((photo) => !photos.includes(photo)) });
    });
  }

  return {
    start,
    sync,
    get: () => state,
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    saving: () => savingOf(state),
    /** Opens a turn, or the order for `null`; either is asked for anew. */
    choose(turn) {
      set({ chosen: turn });
      pictureAt = -Infinity;
      sync();
    },
    put,
    addPhoto,
    photo: (photo) => shelf.photoBytes(photo),
    /** Leaves the tablet to somebody else; what was not sent stays here for this person. */
    async leave() {
      await last;
      // A store that takes nothing keeps nobody from signing out.
      await lastUser(null).then(() => leftBy(state.user.id)).catch(() => null);
      const ended = api.token && (await api.leave());
      if (ended) await leftBy(null).catch(() => null);
      location.assign(ended ? '/login?next=/scoring/' : '/scoring/');
    },
    /** Another version of the page was kept; the one that is open goes on until it is loaded anew. */
    renew: () => set({ renewed: true }),
  };
}
