/** Copy: what one tab has in sight: contacts, what is held, and what is on its way. It follows what the keeper tells. */

import { Heads } from "./heads.js";
import { covers } from "./ranges.js";

/** @import {Entry, Message, State, Writes} from "./types.js" */
/** @import {Said} from "./scribe.js" */

/** @typedef {Entry & {said?: Message}} Pending `said`: known to the server, and not yet to the copy */

export class Copy {
  heads = new Heads();
  last_seq_id = 0;
  /** @type {Map<string, Pending>} those to be said by `seq_id`, the others by `number` */
  #entries = new Map();
  /** @type {Map<number, string>} where an entry of this number is; those that are not kept yet have none */
  #keys = new Map();
  /** @type {Set<string>} those the server knows of and the copy does not */
  #said = new Set();

  /** @param {State} state */
  takeState(state) {
    this.heads = new Heads(state);
    for (const known of [this.#entries, this.#keys, this.#said]) known.clear();
    this.#takeEntries(state.entries);
  }

  /**
   * @param {Writes} writes
   * @param {Said} [said] what settled entries have become
   */
  take(writes, said = {}) {
    this.heads.take(writes);
    this.#takeEntries(writes.entries ?? []);
    for (const number of writes.settled ?? []) this.#settle(number, said[number]);
    for (const key of this.#said) {
      const message = this.#entries.get(key)?.said;
      if (!message || this.#shows(message)) this.#remove(key);
    }
  }

  /**
   * Messages on their way, as written.
   * @param {string} session_id
   */
  pending(session_id) {
    const sends = [...this.#entries.values()].filter((one) => one.kind === "send" && one.session_id === session_id);
    return sends.sort((one, other) => one.seq_id - other.seq_id);
  }

  /** Messages that the server does not know of, of all sessions. */
  get unsent() {
    return [...this.#entries.values()].filter(({ kind, said }) => kind === "send" && !said);
  }

  /** @param {Entry} entry */
  drop(entry) {
    this.#remove(keyOf(entry));
  }

  /** @param {Entry[]} entries */
  #takeEntries(entries) {
    for (const entry of entries) {
      // Under another `seq_id` it is still the same entry.
      const before = this.#keys.get(entry.number);
      const key = keyOf(entry);
      if (before && before !== key) this.#remove(before);
      this.#entries.set(key, entry);
      if (entry.number) this.#keys.set(entry.number, key);
      this.last_seq_id = Math.max(this.last_seq_id, entry.seq_id);
    }
  }

  /**
   * It stays in sight under its `seq_id` until the copy has caught up with it.
   * @param {number} number
   * @param {Message} [said]
   */
  #settle(number, said) {
    const key = this.#keys.get(number);
    const entry = key && this.#entries.get(key);
    if (!entry) return;
    if (!said || entry.kind !== "send" || this.#shows(said)) return this.#remove(key);
    this.#entries.set(key, { ...entry, said });
    this.#said.add(key);
  }

  /** @param {string} key */
  #remove(key) {
    const number = this.#entries.get(key)?.number;
    if (number) this.#keys.delete(number);
    this.#entries.delete(key);
    this.#said.delete(key);
  }

  /** @param {Message} message */
  #shows({ session_id, sort_key }) {
    const held = this.heads.held.get(session_id);
    return !held || covers(held.ranges, sort_key);
  }
}

/** @param {Entry} entry */
const keyOf = ({ session_id, seq_id, number }) => (seq_id ? `${session_id}/${seq_id}` : String(number));
