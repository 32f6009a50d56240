/** The store of a browser: IndexedDB, one database for each user. Survives the page; every change is one transaction. */

import { compareIds } from "../ids.js";

/** @import {Changes, Message, Snapshot, Store} from "../types.js" */

const LEVEL = 1;
const EVERYTHING = ["meta", "contacts", "sessions", "messages", "outbox"];

/** @implements {Store} */
export class IndexedDbStore {
  /** @type {Promise<IDBDatabase>} */
  #database;

  /** @param {string} name of the database: one for each server and user */
  constructor(name) {
    this.#database = opened(name);
  }

  /** @returns {Promise<Snapshot>} */
  async load() {
    const transaction = (await this.#database).transaction(["meta", "contacts", "sessions", "outbox"]);
    const [contact_version, contacts, sessions, outbox] = await Promise.all([
      done(transaction.objectStore("meta").get("contact_version")),
      done(transaction.objectStore("contacts").getAll()),
      done(transaction.objectStore("sessions").getAll()),
      done(transaction.objectStore("outbox").getAll()),
    ]);
    return { contact_version: contact_version ?? 0, contacts, sessions, outbox };
  }

  /** @param {Changes} changes */
  async save(changes) {
    const { contact_version, contacts = [], sessions = [], messages = [], removed = [], outbox = [], sent = [] } = changes;
    const transaction = (await this.#database).transaction(EVERYTHING, "readwrite");
    const rows = (/** @type {string} */ name) => transaction.objectStore(name);
    if (contact_version !== undefined) rows("meta").put(contact_version, "contact_version");
    for (const contact of contacts) rows("contacts").put(contact);
    for (const held of sessions) rows("sessions").put(held);
    for (const message of messages) putIfNewer(rows("messages"), message);
    for (const { session_id, msg_ids = [], up_to_msg_id } of removed) {
      for (const msg_id of msg_ids) rows("messages").delete(msg_id);
      if (up_to_msg_id) removeUpTo(rows("messages"), session_id, up_to_msg_id);
    }
    for (const { session_id, seq_id } of sent) rows("outbox").delete([session_id, seq_id]);
    for (const entry of outbox) rows("outbox").put(entry);
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
function opened(name) {
  const request = indexedDB.open(name, LEVEL);
  request.onupgradeneeded = () => {
    const database = request.result;
    database.createObjectStore("meta");
    database.createObjectStore("contacts", { keyPath: "session_id" });
    database.createObjectStore("sessions", { keyPath: "session_id" });
    database.createObjectStore("messages", { keyPath: "msg_id" }).createIndex("place", ["session_id", "sort_key"]);
    database.createObjectStore("outbox", { keyPath: ["session_id", "seq_id"] });
  };
  return done(request);
}

/**
 * @param {IDBObjectStore} rows
 * @param {Message} message
 */
function putIfNewer(rows, message) {
  const request = rows.get(message.msg_id);
  request.onsuccess = () => {
    if (!request.result || request.result.version_id <= message.version_id) rows.put(message);
  };
}

/**
 * @param {IDBObjectStore} rows
 * @param {string} session_id
 * @param {string} up_to_msg_id
 */
function removeUpTo(rows, session_id, up_to_msg_id) {
  const all = IDBKeyRange.bound([session_id, 0], [session_id, Number.MAX_SAFE_INTEGER]);
  const request = rows.index("place").openCursor(all);
  request.onsuccess = () => {
    const cursor = request.result;
    // Ids grow with their place, so the first one above the mark ends the walk.
    if (!cursor || compareIds(cursor.value.msg_id, up_to_msg_id) > 0) return;
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
