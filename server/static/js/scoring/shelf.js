/* What the tablet keeps: one database for each examiner, bodies and pictures under a key that cannot be taken out.

   A write is done when its transaction completed with strict durability: then it outlives the browser and the
   power. The keys are made here and never leave: AES-GCM for what lies here, ECDSA P-256 for what is locked. */

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const COMMON = 'examhall-scoring';
const STORES = { values: 'id', records: ['sheet', 'journal', 'seq'], photos: ['sheet', 'sha256'] };

function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function completed(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error || new Error('aborted'));
  });
}

async function opened(name) {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    for (const [store, keyPath] of Object.entries(STORES)) request.result.createObjectStore(store, { keyPath });
  };
  return asked(request);
}

const all = (database, store) => asked(database.transaction(store).objectStore(store).getAll());

async function change(database, store, act) {
  const transaction = database.transaction(store, 'readwrite', { durability: 'strict' });
  act(transaction.objectStore(store));
  await completed(transaction);
}

async function common(id, user) {
  const database = await opened(COMMON);
  try {
    if (user !== undefined) await change(database, 'values', (store) => store.put({ id, user }));
    const found = await asked(database.transaction('values').objectStore('values').get(id));
    return found ? found.user : null;
  } finally {
    database.close();
  }
}

/** Who used this tablet last; `null` is nobody. Without an argument it is only asked. */
export const lastUser = (user) => common('who', user);

/** The id of who left while the server could not be told: their sign-in must still end. */
export const leftBy = (user) => common('left', user);

/** Whether anybody ever scored in this browser. */
export async function inUse() {
  return (await indexedDB.databases()).some(({ name }) => name === COMMON);
}

async function newKeys() {
  const box = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
  return { id: 'keys', box, sign: pair.privateKey, shown: pair.publicKey, device: 0 };
}

/** The shelf of one examiner on this tablet. */
export class Shelf {
  static async open(user) {
    const shelf = new Shelf();
    shelf.database = await opened(`${COMMON}-${user}`);
    shelf.keys = await asked(shelf.database.transaction('values').objectStore('values').get('keys'));
    if (!shelf.keys) await shelf.renewKeys();
    return shelf;
  }

  close() {
    this.database.close();
  }

  /** New keys for signing; what lies here stays readable. */
  async renewKeys() {
    const made = await newKeys();
    await this.keep({ ...made, box: this.keys ? this.keys.box : made.box });
  }

  async keep(keys) {
    await change(this.database, 'values', (store) => store.put(keys));
    this.keys = keys;
  }

  /** The public half of the key that signs, SPKI DER. */
  async publicKey() {
    return crypto.subtle.exportKey('spki', this.keys.shown);
  }

  async seal(bytes) {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const cipher = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, this.keys.box, bytes);
    return { iv, cipher };
  }

  async unseal({ iv, cipher }) {
    return crypto.subtle.decrypt({ name: 'AES-GCM', iv }, this.keys.box, cipher);
  }

  /** What the server said last, or null. */
  async picture() {
    const row = await asked(this.database.transaction('values').objectStore('values').get('picture'));
    return row ? JSON.parse(decoder.decode(await this.unseal(row))) : null;
  }

  async keepPicture(picture) {
    const sealed = await this.seal(encoder.encode(JSON.stringify(picture)));
    await change(this.database, 'values', (store) => store.put({ id: 'picture', ...sealed }));
  }

  /** Every record kept here, bodies open, in the order of their chains. */
  async records() {
    const rows = await all(this.database, 'records');
    return Promise.all(
      rows.map(async ({ iv, cipher, ...row }) => ({ ...row, body: decoder.decode(await this.unseal({ iv, cipher })) })),
    );
  }

  /** Adds a record; it is saved here once this returned. A record in the same place is an error. */
  async addRecord({ body, ...row }) {
    const sealed = await this.seal(encoder.encode(body));
    await change(this.database, 'records', (store) => store.add({ ...row, ...sealed }));
  }

  /** Writes down what became of records. */
  async settle(records) {
    const sealed = await Promise.all(
      records.map(async ({ body, ...row }) => ({ ...row, ...(await this.seal(encoder.encode(body))) })),
    );
    await change(this.database, 'records', (store) => sealed.forEach((row) => store.put(row)));
  }

  async dropRecords(records) {
    if (!records.length) return;
    const keys = records.map((row) => [row.sheet, row.journal, row.seq]);
    await change(this.database, 'records', (store) => keys.forEach((key) => store.delete(key)));
  }

  /** Photos with their state, without their bytes. */
  async photos() {
    return (await all(this.database, 'photos')).map(({ sheet, sha256, state }) => ({ sheet, sha256, state }));
  }

  async photoBytes({ sheet, sha256 }) {
    const row = await asked(this.database.transaction('photos').objectStore('photos').get([sheet, sha256]));
    return row ? this.unseal(row) : null;
  }

  async addPhoto({ sheet, sha256 }, bytes) {
    const sealed = await this.seal(bytes);
    await change(this.database, 'photos', (store) => store.put({ sheet, sha256, state: 'here', ...sealed }));
  }

  async settlePhoto({ sheet, sha256 }, state) {
    const row = await asked(this.database.transaction('photos').objectStore('photos').get([sheet, sha256]));
    if (row) await change(this.database, 'photos', (store) => store.put({ ...row, state }));
  }

  async dropPhotos(photos) {
    if (!photos.length) return;
    await change(this.database, 'photos', (store) => photos.forEach(({ sheet, sha256 }) => store.delete([sheet, sha256])));
  }
}
