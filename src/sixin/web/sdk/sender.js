/** Sender: what leaves this device: entries of the outbox, each kept before it is sent. */

import { backoffMs } from "./backoff.js";
import { SixinError, asSixinError } from "./errors.js";
import { ENTRIES_MAX } from "./limits.js";
import { Outbox, sameJson } from "./outbox.js";
import { nextSeqId } from "./seq.js";

/** @import {Entry, Kind, Message, Writes} from "./types.js" */

/**
 * @typedef {object} Engine what it needs of the keeper
 * @property {string} me
 * @property {() => boolean} online
 * @property {(op: string, body: Record<string, unknown>) => Promise<any>} ask
 * @property {(answer: any) => void} answered takes in the rows of an answer
 * @property {(writes: Writes, said?: {[number: number]: Message}) => Promise<void>} write fulfilled when it is stored
 * @property {(entry: Entry) => void} refused told of what is not worth keeping after its refusal
 */

export class Sender {
  #engine;
  #outbox;
  #numbers;

  /**
   * @param {Engine} engine
   * @param {Entry[]} entries that the store kept
   */
  constructor(engine, entries) {
    this.#engine = engine;
    this.#outbox = new Outbox(entries);
    this.#numbers = this.#outbox.next_number;
  }

  /**
   * Say something, or do what may wait. Returns once it is kept. The same send, told by its `seq_id`, is kept once.
   * @param {{session_id: string, kind: Kind, body: Record<string, any>, seq_id?: number}} operation
   */
  async queue({ session_id, kind, body, seq_id = 0 }) {
    const twin = seq_id ? this.#outbox.bySeqId(session_id, seq_id) : undefined;
    if (twin && sameJson(twin.body, body)) return;
    if (this.#outbox.size >= ENTRIES_MAX) throw new SixinError("too_large", "Too much waits for the server.");
    const replaced = this.#outbox.replacedBy({ session_id, kind });
    const own_seq_id = twin ? this.#freshSeqId() : seq_id;
    /** @type {Entry} */
    const entry = { number: this.#numbers++, session_id, kind, body, queued_at_ms: Date.now(), seq_id: own_seq_id, refused: "", reason: "" };
    if (replaced) this.#outbox.remove(replaced.number);
    await this.#keep(entry, replaced ? [replaced.number] : []);
  }

  /**
   * Try a refused entry again, under the same `seq_id`.
   * @param {number} number
   */
  async retry(number) {
    const entry = this.#outbox.get(number);
    if (entry?.refused) await this.#keep({ ...entry, refused: "", reason: "" });
  }

  /**
   * Give a refused entry up.
   * @param {number} number
   */
  discard(number) {
    if (this.#outbox.get(number)?.refused) this.#settle(number);
  }

  /** Let go what may leave now. */
  sendReady() {
    if (this.#engine.online()) for (const entry of this.#outbox.ready()) this.#send(entry);
  }

  /** The connection is gone. */
  linkLost() {
    this.#outbox.linkLost();
  }

  /**
   * Entries that were found in the timeline are no longer on their way.
   * @param {Message[]} messages
   */
  found(messages) {
    for (const message of messages) {
      const entry = this.#outbox.acknowledgedBy(message, this.#engine.me);
      if (entry) this.#settle(entry.number, message);
    }
  }

  /** @param {Entry} entry */
  async #send({ number, session_id, kind, body, seq_id }) {
    this.#outbox.sent(number);
    const whole = kind === "send" ? { session_id, seq_id, ...body } : { session_id, ...body };
    try {
      const answer = await this.#engine.ask(kind, whole);
      this.#engine.answered(answer);
      if (this.#outbox.get(number)) this.#settle(number, answer.message);
    } catch (error) {
      // Where the link is gone nothing was refused: it leaves again with the next one.
      if (this.#engine.online() && this.#outbox.get(number)) await this.#refused(number, asSixinError(error));
    }
  }

  /**
   * @param {number} number
   * @param {SixinError} error
   */
  async #refused(number, error) {
    const entry = /** @type {Entry} */ (this.#outbox.get(number));
    const verdict = this.#outbox.refused(number, error);
    if (verdict === "retry") {
      const pause_ms = error.retry_after_ms ?? backoffMs(this.#outbox.tries(number), Math.random());
      setTimeout(() => {
        this.#outbox.rested(number);
        this.sendReady();
      }, pause_ms);
    } else if (verdict === "renumber") {
      await this.#keep({ ...entry, seq_id: this.#freshSeqId() });
    } else if (entry.kind === "send") {
      await this.#keep({ ...entry, refused: error.code, reason: error.message });
    } else {
      // Only words are worth keeping after a refusal; of the rest it is enough to be told.
      this.#engine.refused({ ...entry, refused: error.code, reason: error.message });
      this.#settle(number);
    }
  }

  /**
   * An entry is in the outbox once the store has it, and leaves after that.
   * @param {Entry} entry
   * @param {number[]} [settled]
   */
  async #keep(entry, settled = []) {
    // As it was it does not leave any more: under its old number the server would refuse it again.
    this.#outbox.rest(entry.number);
    await this.#engine.write(settled.length ? { entries: [entry], settled } : { entries: [entry] });
    this.#outbox.put(entry);
    this.#outbox.rested(entry.number);
    this.sendReady();
  }

  /**
   * @param {number} number
   * @param {Message} [said]
   */
  #settle(number, said) {
    this.#outbox.remove(number);
    this.#engine.write({ settled: [number] }, said && { [number]: said });
    this.sendReady();
  }

  #freshSeqId() {
    return nextSeqId(this.#outbox.last_seq_id, Date.now(), Math.random());
  }
}
