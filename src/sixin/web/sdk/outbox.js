/**
 * The outbox: what waits for the server, in order, until it is answered. Pure: no link, no store, no clock.
 *
 * Entries of one session leave one at a time, each after the one before was answered: so a session's order holds
 * whatever the link does, and an entry that the server refused for good does not hold up the others.
 */

import { ENTRIES_IN_FLIGHT_MAX, INTERNAL_RETRIES_MAX } from "./limits.js";

/** @import {Entry, Message} from "./types.js" */

/** Refusals that say nothing about the entry itself. */
const LATER = new Set(["unavailable", "rate_limited", "internal"]);

/** Operations that say how something is to be, so that a later one makes an earlier one that waits pointless. */
const REPLACES = new Set(["pin", "mute", "label"]);

/**
 * @typedef {"retry" | "renumber" | "refused"} Verdict What a refusal means for an entry: the same again after a while;
 *   again under another `seq_id`; never, until its user retries or discards it.
 */

export class Outbox {
  /** @type {Map<number, Entry>} */
  #entries = new Map();
  /** @type {Map<string, Map<number, Entry>>} of each session, what still waits, in order */
  #lanes = new Map();
  /** @type {Map<string, number>} */
  #seqs = new Map();
  /** @type {Set<number>} */
  #sent = new Set();
  /** @type {Set<number>} */
  #resting = new Set();
  /** @type {Map<number, number>} */
  #tries = new Map();
  #next_number = 1;

  /** @param {Entry[]} [entries] by number */
  constructor(entries = []) {
    /** The highest `seq_id` that was ever in it. */
    this.last_seq_id = 0;
    for (const entry of entries) this.put(entry);
  }

  /** All of them, in order. */
  get entries() {
    return [...this.#entries.values()];
  }

  get size() {
    return this.#entries.size;
  }

  /** Whether nothing waits, those that were refused aside. */
  get idle() {
    return this.#lanes.size === 0;
  }

  /** @param {number} number */
  get(number) {
    return this.#entries.get(number);
  }

  /**
   * @param {string} session_id
   * @param {number} seq_id
   */
  bySeqId(session_id, seq_id) {
    const number = this.#seqs.get(`${session_id}/${seq_id}`);
    return number === undefined ? undefined : this.#entries.get(number);
  }

  /** A number above every one this outbox ever held since it was opened. */
  get next_number() {
    return this.#next_number;
  }

  /**
   * Add an entry, or follow its change.
   * @param {Entry} entry
   */
  put(entry) {
    const before = this.#entries.get(entry.number);
    if (before) this.#seqs.delete(seqOf(before));
    this.#entries.set(entry.number, entry);
    this.#next_number = Math.max(this.#next_number, entry.number + 1);
    this.last_seq_id = Math.max(this.last_seq_id, entry.seq_id);
    if (entry.kind === "send") this.#seqs.set(seqOf(entry), entry.number);
    if (entry.refused) this.#leaveLane(entry);
    else this.#enterLane(entry);
  }

  /**
   * Take an entry out.
   * @param {number} number
   */
  remove(number) {
    const entry = this.#entries.get(number);
    for (const known of [this.#sent, this.#resting, this.#tries, this.#entries]) known.delete(number);
    if (!entry) return;
    this.#seqs.delete(seqOf(entry));
    this.#leaveLane(entry);
  }

  /** @param {Entry} entry */
  #enterLane(entry) {
    const lane = this.#lanes.get(entry.session_id);
    if (!lane) this.#lanes.set(entry.session_id, new Map([[entry.number, entry]]));
    else lane.set(entry.number, entry);
  }

  /** @param {Entry} entry */
  #leaveLane({ session_id, number }) {
    const lane = this.#lanes.get(session_id);
    lane?.delete(number);
    if (!lane?.size) this.#lanes.delete(session_id);
  }

  /**
   * The entry that becomes pointless with this one: the last of its session, of its kind, and not on its way.
   * @param {Pick<Entry, "kind" | "session_id">} entry
   */
  replacedBy({ kind, session_id }) {
    const lane = this.#lanes.get(session_id);
    if (!REPLACES.has(kind) || !lane) return undefined;
    const last = [...lane.values()].at(-1);
    return last && last.kind === kind && !this.#sent.has(last.number) ? last : undefined;
  }

  /** What may leave now: the first of each session, where none of that session is under way or resting. */
  ready() {
    /** @type {Entry[]} */
    const ready = [];
    const room = ENTRIES_IN_FLIGHT_MAX - this.#sent.size;
    for (const lane of this.#lanes.values()) {
      if (ready.length >= room) break;
      const [first] = lane.values();
      if (!this.#sent.has(first.number) && !this.#resting.has(first.number)) ready.push(first);
    }
    return ready;
  }

  /**
   * It has left; an answer will come, or the connection ends.
   * @param {number} number
   */
  sent(number) {
    this.#sent.add(number);
  }

  /** What was under way may have arrived or not: the same again, with the same `seq_id`, finds out. */
  linkLost() {
    this.#sent.clear();
    this.#resting.clear();
  }

  /**
   * It stays for a while, and holds up what comes after it in its session.
   * @param {number} number
   */
  rest(number) {
    if (this.#entries.has(number)) this.#resting.add(number);
  }

  /**
   * The pause is over.
   * @param {number} number
   */
  rested(number) {
    this.#resting.delete(number);
  }

  /**
   * The server refused an entry that was under way.
   * @param {number} number
   * @param {{code: string}} error
   * @returns {Verdict}
   */
  refused(number, { code }) {
    this.#sent.delete(number);
    // Content is never changed under a seq_id here, so this number was taken by another device of the user. The
    // conflict proves that nothing of ours is stored under it: a new number cannot make it twice.
    if (code === "conflict" && this.#entries.get(number)?.kind === "send") return "renumber";
    if (!LATER.has(code)) return "refused";
    const tries = (this.#tries.get(number) ?? 0) + 1;
    this.#tries.set(number, tries);
    if (code === "internal" && tries > INTERNAL_RETRIES_MAX) return "refused";
    this.#resting.add(number);
    return "retry";
  }

  /**
   * How often an entry was refused for a passing reason.
   * @param {number} number
   */
  tries(number) {
    return this.#tries.get(number) ?? 0;
  }

  /**
   * The entry that a message of the timeline is: its notice, or a pull, may come before its own answer.
   * @param {Message} message
   * @param {string} uid
   */
  acknowledgedBy({ sender, session_id, seq_id, content }, uid) {
    if (sender !== uid) return undefined;
    const entry = this.bySeqId(session_id, seq_id);
    // Another content would be another device's, under the same number by accident.
    return entry && sameJson(entry.body.content, content) ? entry : undefined;
  }
}

/** @param {Entry} entry */
const seqOf = ({ session_id, seq_id }) => `${session_id}/${seq_id}`;

/**
 * Whether two JSON values say the same, whatever the order of their keys.
 * @param {unknown} one
 * @param {unknown} other
 * @returns {boolean}
 */
export function sameJson(one, other) {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const [left, right] = [Object.entries(one), new Map(Object.entries(other))];
  return left.length === right.size && left.every(([key, value]) => right.has(key) && sameJson(value, right.get(key)));
}
