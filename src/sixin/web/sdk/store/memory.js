/** The reference store: maps, and as little cleverness as possible. It forgets everything with the page. */

import { compareIds } from "../ids.js";

/** @import {Changes, Contact, Held, Message, Pending, Snapshot, Store} from "../types.js" */

/** @implements {Store} */
export class MemoryStore {
  #contact_version = 0;
  /** @type {Map<string, Contact>} */
  #contacts = new Map();
  /** @type {Map<string, Held>} */
  #sessions = new Map();
  /** @type {Map<string, Message>} */
  #messages = new Map();
  /** @type {Map<string, Pending>} */
  #outbox = new Map();

  /** @returns {Promise<Snapshot>} */
  async load() {
    return structuredClone({
      contact_version: this.#contact_version,
      contacts: [...this.#contacts.values()],
      sessions: [...this.#sessions.values()],
      outbox: [...this.#outbox.values()],
    });
  }

  /** @param {Changes} changes */
  async save(changes) {
    const { contact_version, contacts = [], sessions = [], messages = [], removed = [], outbox = [], sent = [] } =
      structuredClone(changes);
    this.#contact_version = contact_version ?? this.#contact_version;
    for (const contact of contacts) this.#contacts.set(contact.session_id, contact);
    for (const held of sessions) this.#sessions.set(held.session_id, held);
    for (const message of messages) {
      const before = this.#messages.get(message.msg_id);
      if (!before || before.version_id <= message.version_id) this.#messages.set(message.msg_id, message);
    }
    for (const { session_id, msg_ids = [], up_to_msg_id = "0" } of removed) {
      for (const msg_id of msg_ids) this.#messages.delete(msg_id);
      for (const { msg_id } of this.#of(session_id)) {
        if (compareIds(msg_id, up_to_msg_id) <= 0) this.#messages.delete(msg_id);
      }
    }
    for (const { session_id, seq_id } of sent) this.#outbox.delete(`${session_id}/${seq_id}`);
    for (const entry of outbox) this.#outbox.set(`${entry.session_id}/${entry.seq_id}`, entry);
  }

  /**
   * @param {string} session_id
   * @param {number} low
   * @param {number} high
   * @param {number} limit
   */
  async page(session_id, low, high, limit) {
    const found = this.#of(session_id).filter(({ sort_key }) => low <= sort_key && sort_key <= high);
    return structuredClone(found.sort((one, other) => one.sort_key - other.sort_key).slice(-limit));
  }

  async clear() {
    for (const rows of [this.#contacts, this.#sessions, this.#messages, this.#outbox]) rows.clear();
    this.#contact_version = 0;
  }

  close() {}

  /** @param {string} session_id */
  #of(session_id) {
    return [...this.#messages.values()].filter((message) => message.session_id === session_id);
  }
}
