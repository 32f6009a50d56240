/**
 * Outbox: messages on their way. Pure: no network, no clock, no chance.
 *
 * A message is kept under its `seq_id` before it leaves, so however often it is sent it is said once. In one session
 * one is under way at a time: what was written first stands first.
 */

/** @import {Ask, Content, Effect, Message, Pending} from "./types.js" */

/** @typedef {{session_id: string, seq_id: number}} Key */

/** Fractions of a millisecond a `seq_id` has room for: two devices of one user hardly ever meet in one. */
export const SEQ_FRACTIONS = 1024;

/**
 * A number for a new message: above the last one, and unlikely to be another device's.
 * @param {number} last given before
 * @param {number} now_ms Unix milliseconds
 * @param {number} chance 0 ≤ chance < 1
 */
export function nextSeqId(last, now_ms, chance) {
  return Math.max(last + 1, now_ms * SEQ_FRACTIONS + Math.floor(chance * SEQ_FRACTIONS));
}

export class Outbox {
  /** @type {Map<string, Pending & {msg_id?: string}>} */
  #entries = new Map();
  /** @type {Map<string, Ask>} one at a time for each session */
  #asking = new Map();
  #me;
  #last_seq_id = 0;
  #online = false;

  /**
   * @param {string} me the sender
   * @param {Pending[]} [entries] what the store kept
   */
  constructor(me, entries = []) {
    this.#me = me;
    for (const entry of entries) this.#put(entry);
  }

  /** @returns {Pending[]} as written */
  get entries() {
    return [...this.#entries.values()].sort((one, other) => one.seq_id - other.seq_id);
  }

  /** The largest number given so far. */
  get last_seq_id() {
    return this.#last_seq_id;
  }

  /**
   * Keep a message, and send it as soon as its turn comes. The same one is not added twice; another one that came to
   * the same number gets its own.
   * @param {Key & {content: Content, created_at_ms: number}} message
   */
  add(message) {
    const there = this.#entries.get(keyOf(message));
    if (there && sameJson(there.content, message.content)) return [];
    const seq_id = there ? this.#last_seq_id + 1 : message.seq_id;
    return this.#save({ ...message, seq_id, state: "pending", error: null });
  }

  /** The hello was answered. */
  connected() {
    this.#online = true;
    return this.#turns();
  }

  /** The link is gone: what was under way was said or was not, and its next try finds out. */
  disconnected() {
    this.#online = false;
    this.#asking.clear();
    /** @type {Effect[]} */
    const nothing = [];
    return nothing;
  }

  /**
   * A send was answered.
   * @param {Ask} ask
   * @param {Message} message as it now is
   * @param {boolean} shown whether the local copy shows it already, or never will
   */
  answered(ask, message, shown) {
    const entry = this.#freed(ask);
    if (!entry) return this.#turns();
    if (shown) return this.#drop(entry);
    // It stays in sight under its `seq_id` until the copy has caught up with it.
    this.#entries.set(keyOf(entry), { ...entry, state: "sent", msg_id: message.msg_id });
    return this.#turns();
  }

  /**
   * A send was refused. A passing reason leaves it pending, for `retry_all`; any other is shown, and stays until
   * its writer decides.
   * @param {Ask} ask
   * @param {{code: string, passing: boolean}} error
   * @param {number} seq_id a fresh one: `conflict` says that the old one means another message
   */
  refused(ask, error, seq_id) {
    const entry = this.#freed(ask);
    if (!entry) return this.#turns();
    if (error.passing) return [];
    if (error.code === "conflict") {
      this.#entries.delete(keyOf(entry));
      return this.#save({ ...entry, seq_id }, [keyOf(entry)]);
    }
    return this.#save({ ...entry, state: "failed", error: error.code });
  }

  /**
   * A message of ours stands in the copy: it needs no second showing.
   * @param {Message} message
   */
  seen(message) {
    const entry = message.sender === this.#me ? this.#entries.get(keyOf(message)) : undefined;
    if (!entry) return [];
    // Another device could have used the number for something else; then ours is not said yet.
    const ours = entry.state === "sent" || sameJson(entry.content, message.content);
    return ours ? this.#drop(entry) : [];
  }

  /** Try what is pending again. */
  retryAll() {
    return this.#turns();
  }

  /**
   * Try a failed one again, under the same number.
   * @param {Key} key
   */
  retry(key) {
    const entry = this.#entries.get(keyOf(key));
    if (entry?.state !== "failed") return [];
    return this.#save({ ...entry, state: "pending", error: null });
  }

  /**
   * Give a failed one up.
   * @param {Key} key
   */
  discard(key) {
    const entry = this.#entries.get(keyOf(key));
    return entry?.state === "failed" ? this.#drop(entry) : [];
  }

  /**
   * @param {Pending} entry
   * @param {string[]} [instead_of]
   * @returns {Effect[]}
   */
  #save(entry, instead_of = []) {
    this.#put(entry);
    const sent = instead_of.map(keyFrom);
    return [{ do: "save", changes: { outbox: [entry], ...(sent.length && { sent }) } }, ...this.#turns()];
  }

  /**
   * @param {Pending} entry
   * @returns {Effect[]}
   */
  #drop({ session_id, seq_id }) {
    this.#entries.delete(keyOf({ session_id, seq_id }));
    return [{ do: "save", changes: { sent: [{ session_id, seq_id }] } }, ...this.#turns()];
  }

  /** @param {Pending} entry */
  #put(entry) {
    this.#entries.set(keyOf(entry), entry);
    this.#last_seq_id = Math.max(this.#last_seq_id, entry.seq_id);
  }

  /**
   * The first pending one of every session that has none under way.
   * @returns {Effect[]}
   */
  #turns() {
    /** @type {Effect[]} */
    const effects = [];
    if (!this.#online) return effects;
    for (const { session_id, seq_id, content, state } of this.entries) {
      if (state !== "pending" || this.#asking.has(session_id)) continue;
      const ask = { op: "send", body: { session_id, seq_id, content }, why: "outbox" };
      this.#asking.set(session_id, ask);
      effects.push({ do: "ask", ask });
    }
    return effects;
  }

  /** @param {Ask} ask */
  #freed(ask) {
    const session_id = String(ask.body.session_id);
    if (this.#asking.get(session_id) === ask) this.#asking.delete(session_id);
    return this.#entries.get(keyOf({ session_id, seq_id: Number(ask.body.seq_id) }));
  }
}

/** @param {Key} key */
const keyOf = ({ session_id, seq_id }) => `${session_id}/${seq_id}`;

/** @param {string} key */
function keyFrom(key) {
  const [session_id, seq_id] = key.split("/");
  return { session_id, seq_id: Number(seq_id) };
}

/**
 * Whether two JSON values say the same, whatever the order of their keys.
 * @param {unknown} one
 * @param {unknown} other
 * @returns {boolean}
 */
function sameJson(one, other) {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const [left, right] = [Object.entries(one), new Map(Object.entries(other))];
  return left.length === right.size && left.every(([key, value]) => right.has(key) && sameJson(value, right.get(key)));
}
