/** Copy: what one tab has in sight: contacts, what is held, and what is on its way. It follows what the keeper tells. */

import { Heads } from "./heads.js";
import { covers } from "./ranges.js";

/** @import {Entry, Message, State, Writes} from "./types.js" */

/** @typedef {Entry & {said?: Message}} Pending `said`: known to the server, and not yet to the copy */

export class Copy {
  heads = new Heads();
  last_seq_id = 0;
  /** @type {Map<string, Pending>} those to be said by `seq_id`, the others by `number` */
  #entries = new Map();

  /** @param {State} state */
  takeState(state) {
    this.heads = new Heads(state);
    this.#entries.clear();
    this.#takeEntries(state.entries);
  }

  /**
   * @param {Writes} writes
   * @param {Message} [said] what a settled entry has become
   */
  take(writes, said) {
    this.heads.take(writes);
    this.#takeEntries(writes.entries ?? []);
    for (const number of writes.settled ?? []) {
      for (const [key, entry] of this.#entries) if (entry.number === number) this.#settle(key, entry, said);
    }
    for (const [key, entry] of this.#entries) if (entry.said && this.#shows(entry.said)) this.#entries.delete(key);
  }

  /**
   * Messages on their way, as written.
   * @param {string} session_id
   */
  pending(session_id) {
    const sends = [...this.#entries.values()].filter((one) => one.kind === "send" && one.session_id === session_id);
    return sends.sort((one, other) => one.seq_id - other.seq_id);
  }

  /** @param {Entry} entry */
  drop(entry) {
    this.#entries.delete(keyOf(entry));
  }

  /** @param {Entry[]} entries */
  #takeEntries(entries) {
    for (const entry of entries) {
      // Under another `seq_id` it is still the same entry.
      for (const [key, { number }] of this.#entries) if (number && number === entry.number) this.#entries.delete(key);
      this.#entries.set(keyOf(entry), entry);
      this.last_seq_id = Math.max(this.last_seq_id, entry.seq_id);
    }
  }

  /**
   * It stays in sight under its `seq_id` until the copy has caught up with it.
   * @param {string} key
   * @param {Entry} entry
   * @param {Message} [said]
   */
  #settle(key, entry, said) {
    if (said && entry.kind === "send" && !this.#shows(said)) this.#entries.set(key, { ...entry, said });
    else this.#entries.delete(key);
  }

  /** @param {Message} message */
  #shows({ session_id, sort_key }) {
    const held = this.heads.held.get(session_id);
    return !held || covers(held.ranges, sort_key);
  }
}

/** @param {Entry} entry */
const keyOf = ({ session_id, seq_id, number }) => (seq_id ? `${session_id}/${seq_id}` : String(number));
