/** The store of a browser: IndexedDB, one database for each user. Survives the page; every change is one transaction. */

import { compareIds } from "../ids.js";

/** @import {Message, State, Writes} from "../types.js" */

const LEVEL = 1;
const COPY = ["meta", "contacts", "held", "messages", "hidden"];
const EVERYTHING = [...COPY, "entries"];

export class IndexedDbStore {
  /** @type {Promise<IDBDatabase>} */
  #database;

  /** @param {string} name of the database: one for each server and user */
  constructor(name) {
    this.#database = opened(name);
    this.#database.catch(() => {}); // whoever uses it is told
  }

  /** @returns {Promise<State>} */
  async load() {
    const transaction = (await this.#database).transaction(["meta", "contacts", "held", "entries"]);
    const [contact_version, contacts, held, entries] = await Promise.all([
      done(transaction.objectStore("meta").get("contact_version")),
      done(transaction.objectStore("contacts").getAll()),
      done(transaction.objectStore("held").getAll()),
      done(transaction.objectStore("entries").getAll()),
    ]);
    return { contact_version: contact_version ?? 0, contacts, held, entries };
  }

  /** @param {Writes} writes */
  async apply(writes) {
    // An outbox entry is not on its way before it would survive a loss of power; the rest can be pulled again.
    const durability = writes.entries ? "strict" : "relaxed";
    const transaction = (await this.#database).transaction(EVERYTHING, "readwrite", { durability });
    const rows = (/** @type {string} */ name) => transaction.objectStore(name);
    const { messages = [], hidden = [], cleared = [], gaps = [], contacts = [], held = [] } = writes;
    if (writes.forget) for (const name of COPY) rows(name).clear();
    await Promise.all(newestOf(messages).map((message) => putIfNewer(rows("messages"), rows("hidden"), message)));
    for (const msg_id of hidden.flatMap(({ msg_ids }) => msg_ids)) {
      rows("hidden").put(true, msg_id);
      rows("messages").delete(msg_id);
    }
    for (const { session_id, up_to } of cleared) removeUpTo(rows("messages"), session_id, up_to);
    for (const { session_id, low, high } of gaps) removeBetween(rows("messages"), session_id, low, high);
    for (const contact of contacts) rows("contacts").put(contact);
    if (writes.contact_version !== undefined) rows("meta").put(writes.contact_version, "contact_version");
    for (const one of held) rows("held").put(one);
    for (const entry of writes.entries ?? []) rows("entries").put(entry);
    for (const number of writes.settled ?? []) rows("entries").delete(number);
    // Nothing more comes, unless a cursor still walks: so it is written without waiting for a thousand puts to be told.
    if (!cleared.length && !gaps.length) transaction.commit();
    await finished(transaction);
  }

  /**
   * @param {string} session_id
   * @param {number} low
   * @param {number} high
   * @param {number} limit
   * @returns {Promise<Message[]>}
   */
  async page(session_id, low, high, limit) {
    if (low > high) return [];
    const transaction = (await this.#database).transaction("messages");
    const within = IDBKeyRange.bound([session_id, low], [session_id, high]);
    /** @type {Message[]} */
    const found = [];
    const request = transaction.objectStore("messages").index("place").openCursor(within, "prev");
    return new Promise((resolve, reject) => {
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const cursor = request.result;
        if (!cursor || found.push(cursor.value) === limit) resolve(found.reverse());
        else cursor.continue();
      };
    });
  }

  /**
   * @param {string} msg_id
   * @returns {Promise<Message | null>}
   */
  async message(msg_id) {
    const transaction = (await this.#database).transaction("messages");
    return (await done(transaction.objectStore("messages").get(msg_id))) ?? null;
  }

  async clear() {
    const transaction = (await this.#database).transaction(EVERYTHING, "readwrite");
    for (const name of EVERYTHING) transaction.objectStore(name).clear();
    await finished(transaction);
  }

  close() {
    this.#database.then((database) => database.close()).catch(() => {});
  }
}

/**
 * @param {string} name
 * @returns {Promise<IDBDatabase>}
 */
async function opened(name) {
  const request = indexedDB.open(name, LEVEL);
  request.onupgradeneeded = () => {
    const database = request.result;
    database.createObjectStore("meta");
    database.createObjectStore("contacts", { keyPath: "session_id" });
    database.createObjectStore("held", { keyPath: "session_id" });
    database.createObjectStore("hidden");
    database.createObjectStore("messages", { keyPath: "msg_id" }).createIndex("place", ["session_id", "sort_key"]);
    database.createObjectStore("entries", { keyPath: "number" });
  };
  return done(request);
}

/**
 * Each message once: looked up side by side, two of one id would not see each other.
 * @param {Message[]} messages
 */
function newestOf(messages) {
  /** @type {Map<string, Message>} */
  const found = new Map();
  for (const message of messages) {
    const before = found.get(message.msg_id);
    if (!before || before.version_id < message.version_id) found.set(message.msg_id, message);
  }
  return [...found.values()];
}

/**
 * @param {IDBObjectStore} rows
 * @param {IDBObjectStore} hidden
 * @param {Message} message
 */
async function putIfNewer(rows, hidden, message) {
  const [gone, before] = await Promise.all([done(hidden.get(message.msg_id)), done(rows.get(message.msg_id))]);
  if (!gone && (!before || before.version_id < message.version_id)) rows.put(message);
}

/**
 * @param {IDBObjectStore} rows
 * @param {string} session_id
 * @param {string} up_to
 */
function removeUpTo(rows, session_id, up_to) {
  const all = IDBKeyRange.bound([session_id, 0], [session_id, Number.MAX_SAFE_INTEGER]);
  const request = rows.index("place").openCursor(all);
  request.onsuccess = () => {
    const cursor = request.result;
    // Ids grow with their place, so the first one above the mark ends the walk.
    if (!cursor || compareIds(cursor.value.msg_id, up_to) > 0) return;
    cursor.delete();
    cursor.continue();
  };
}

/**
 * @param {IDBObjectStore} rows
 * @param {string} session_id
 * @param {number} low
 * @param {number} high
 */
function removeBetween(rows, session_id, low, high) {
  const request = rows.index("place").openCursor(IDBKeyRange.bound([session_id, low], [session_id, high]));
  request.onsuccess = () => {
    const cursor = request.result;
    if (!cursor) return;
    cursor.delete();
    cursor.continue();
  };
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @param {IDBTransaction} transaction */
function finished(transaction) {
  return /** @type {Promise<void>} */ (
    new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    })
  );
}
