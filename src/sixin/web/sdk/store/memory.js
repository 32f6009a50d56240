/** The reference store: maps, and as little cleverness as possible. It forgets everything with the page. */

import { compareIds } from "../ids.js";

/** @import {Contact, Entry, Held, Message, State, Writes} from "../types.js" */

export class MemoryStore {
  #contact_version = 0;
  /** @type {Map<string, Contact>} */
  #contacts = new Map();
  /** @type {Map<string, Held>} */
  #held = new Map();
  /** @type {Map<string, Message>} */
  #messages = new Map();
  /** @type {Set<string>} */
  #hidden = new Set();
  /** @type {Map<number, Entry>} */
  #entries = new Map();

  /** @returns {Promise<State>} */
  async load() {
    return structuredClone({
      contact_version: this.#contact_version,
      contacts: [...this.#contacts.values()],
      held: [...this.#held.values()],
      entries: [...this.#entries.values()],
    });
  }

  /** @param {Writes} writes */
  async apply(writes) {
    const { messages = [], hidden = [], cleared = [], gaps = [], contacts = [], held = [] } = structuredClone(writes);
    if (writes.forget) this.#forget();
    for (const message of messages) {
      const before = this.#messages.get(message.msg_id);
      const newer = !before || before.version_id < message.version_id;
      if (newer && !this.#hidden.has(message.msg_id)) this.#messages.set(message.msg_id, message);
    }
    for (const msg_id of hidden.flatMap(({ msg_ids }) => msg_ids)) {
      this.#hidden.add(msg_id);
      this.#messages.delete(msg_id);
    }
    for (const { session_id, up_to } of cleared) {
      this.#remove(session_id, ({ msg_id }) => compareIds(msg_id, up_to) <= 0);
    }
    for (const { session_id, low, high } of gaps) {
      this.#remove(session_id, ({ sort_key }) => low <= sort_key && sort_key <= high);
    }
    for (const contact of contacts) this.#contacts.set(contact.session_id, contact);
    this.#contact_version = writes.contact_version ?? this.#contact_version;
    for (const one of held) this.#held.set(one.session_id, one);
    for (const entry of structuredClone(writes.entries ?? [])) this.#entries.set(entry.number, entry);
    for (const number of writes.settled ?? []) this.#entries.delete(number);
  }

  /**
   * @param {string} session_id
   * @param {number} low
   * @param {number} high
   * @param {number} limit
   */
  async page(session_id, low, high, limit) {
    const found = [...this.#messages.values()].filter(
      (one) => one.session_id === session_id && low <= one.sort_key && one.sort_key <= high,
    );
    return structuredClone(found.sort((one, other) => one.sort_key - other.sort_key).slice(-limit));
  }

  /** @param {string} msg_id */
  async message(msg_id) {
    return structuredClone(this.#messages.get(msg_id) ?? null);
  }

  async clear() {
    this.#forget();
    this.#entries.clear();
  }

  close() {}

  #forget() {
    for (const rows of [this.#contacts, this.#held, this.#messages, this.#hidden]) rows.clear();
    this.#contact_version = 0;
  }

  /**
   * @param {string} session_id
   * @param {(message: Message) => boolean} which
   */
  #remove(session_id, which) {
    for (const message of this.#messages.values()) {
      if (message.session_id === session_id && which(message)) this.#messages.delete(message.msg_id);
    }
  }
}
