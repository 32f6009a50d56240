/**
 * Keeper: the one who keeps a user's copy. It owns the link and the only writing hand on the store, and carries out
 * what `Sync` and `Outbox` decide. In a browser one tab has it and the others ask it (`tabs.js`).
 */

import { backoffMs } from "./backoff.js";
import { SixinError, linkLost } from "./errors.js";
import { Heads } from "./heads.js";
import { topOf } from "./held.js";
import { ENTRIES_MAX } from "./limits.js";
import { Link } from "./link.js";
import { Outbox, sameJson } from "./outbox.js";
import { bodyOf } from "./requests.js";
import { nextSeqId } from "./seq.js";
import { Sync } from "./sync.js";

/** @import {Entry, Kind, Message, Store, Writes} from "./types.js" */
/** @import {LinkOptions, LinkState} from "./link.js" */
/** @import {Pull} from "./requests.js" */

/** Inside a chat, how often a device asks whether a notice was lost. */
export const CHAT_TIMER_MS = 30_000;

/**
 * @typedef {object} KeeperOptions
 * @property {string} me
 * @property {Store} store
 * @property {Pick<LinkOptions, "url" | "token" | "device_id" | "transport">} link
 * @property {(event: KeeperEvent) => void} tell
 *
 * @typedef {{event: "changed", writes: Writes, said?: Message}
 *   | {event: "link", state: LinkState, retry_in_ms: number}
 *   | {event: "typing", session_id: string, uid: string}
 *   | {event: "refused", entry: Entry}
 *   | {event: "asked", op: string, body: Record<string, unknown>, why: string}
 *   | {event: "frame", frame: import("./link.js").Frame}
 *   | {event: "store_failed", reason: string}} KeeperEvent `said`: the message that a settled entry has become
 */

export class Keeper {
  #options;
  #link;
  #heads = new Heads();
  #sync = new Sync(this.#heads);
  #outbox = new Outbox();
  /** @type {{writes: Writes, said?: Message}[]} */
  #queue = [];
  /** @type {Promise<void> | null} */
  #writing = null;
  #numbers = 1;
  /** @type {Set<{session_id: string, resolve: () => void, reject: (error: Error) => void}>} */
  #opening = new Set();
  /** @type {{state: LinkState, retry_in_ms: number}} */
  #link_state = { state: "connecting", retry_in_ms: 0 };
  /** @type {any} */
  #timer = null;
  #pull_tries = 0;

  /** @param {KeeperOptions} options */
  constructor(options) {
    this.#options = options;
    this.#link = new Link({
      ...options.link,
      welcomed: ({ contact_version }) => this.#step("reconnected", this.#sync.connected(contact_version)),
      noticed: (notice) => this.#noticed(notice),
      lost: () => this.#lost(),
      changed: (state, retry_in_ms) => {
        this.#link_state = { state, retry_in_ms };
        this.#options.tell({ event: "link", state, retry_in_ms });
      },
      framed: (frame) => this.#options.tell({ event: "frame", frame }),
    });
  }

  /** Take up what the store kept, and connect. */
  async start() {
    const state = await this.#options.store.load();
    this.#heads = new Heads(state);
    this.#sync = new Sync(this.#heads);
    this.#outbox = new Outbox(state.entries);
    this.#numbers = this.#outbox.next_number;
    this.#timer = setInterval(() => this.#tick(), CHAT_TIMER_MS);
    this.#link.start();
  }

  /** Let go of the link, and finish what is being written. */
  async stop() {
    clearInterval(this.#timer);
    this.#link.stop();
    await this.#writing;
  }

  /** Try to connect now. */
  async hurry() {
    this.#link.hurry();
  }

  // What faces ask for (`client.js`). Everything here may be asked twice without harm.

  /** What somebody who comes later needs to know besides the store. */
  async greeting() {
    return { ...this.#link_state, entries: this.#outbox.entries };
  }

  async listEntered() {
    this.#sync.listEntered();
    this.#step("list_entered");
  }

  /** @param {string} session_id */
  async chatOpened(session_id) {
    this.#sync.chatOpened(session_id);
    this.#step("chat_opened");
  }

  /** @param {string} session_id */
  async chatClosed(session_id) {
    this.#sync.chatClosed(session_id);
    this.#step("chat_closed");
  }

  /**
   * Hold a session: at once when something of it is held, else when its first page came.
   * @param {string} session_id
   */
  async open(session_id) {
    if (this.#heads.held.has(session_id)) return;
    if (this.#link_state.state !== "online") throw linkLost();
    /** @type {Promise<void>} */
    const opened = new Promise((resolve, reject) => this.#opening.add({ session_id, resolve, reject }));
    this.#sync.wanted(session_id);
    this.#step("chat_opened");
    await opened;
  }

  /**
   * Hold a page of history below a sort_key.
   * @param {string} session_id
   * @param {number} before
   * @param {number} limit
   */
  async older(session_id, before, limit) {
    const pull = this.#sync.pageOf(session_id, before, limit);
    const answer = await this.#ask(pull.pull, bodyOf(pull), "scrolled");
    this.#step("scrolled", this.#sync.pulled(pull, answer));
    await this.#writing;
  }

  /**
   * Say something, or do what may wait: kept first, sent when the link allows. Returns once it is kept. The same send,
   * told by its `seq_id`, is kept once.
   * @param {{session_id: string, kind: Kind, body: Record<string, any>, seq_id?: number}} operation
   */
  async queue({ session_id, kind, body, seq_id = 0 }) {
    const twin = this.#outbox.entries.find((one) => seq_id && one.seq_id === seq_id && one.session_id === session_id);
    if (twin && sameJson(twin.body, body)) return;
    if (this.#outbox.entries.length >= ENTRIES_MAX) throw new SixinError("too_large", "Too much waits for the server.");
    const replaced = this.#outbox.replacedBy({ session_id, kind });
    const number = this.#numbers++;
    const own_seq_id = twin ? this.#freshSeqId() : seq_id;
    /** @type {Entry} */
    const entry = { number, session_id, kind, body, queued_at_ms: Date.now(), seq_id: own_seq_id, refused: "", reason: "" };
    await this.#keep(entry, replaced && [replaced.number]);
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
  async discard(number) {
    if (this.#outbox.get(number)?.refused) this.#settle(number);
  }

  /**
   * What cannot wait: now or not at all.
   * @param {string} op
   * @param {Record<string, unknown>} body
   */
  async operate(op, body) {
    const answer = await this.#ask(op, body, "person");
    this.#done(answer);
    return answer;
  }

  // Inputs of the machines.

  /** @param {any} notice */
  #noticed({ notice, session_id, uid, version_id, message, contact }) {
    if (notice === "typing") this.#options.tell({ event: "typing", session_id, uid });
    if (notice === "message") {
      const held = this.#heads.held.get(session_id);
      const why = held && version_id > topOf(held).version + 1 ? "gap" : "bare_notice";
      this.#step(why, this.#sync.messageNoticed(session_id, version_id, message));
    }
    if (notice === "contact") {
      // A session is then pulled because its contact says that it has moved on, and its own notice did not come.
      const why = version_id > this.#heads.contact_version + 1 ? "gap" : "contact";
      this.#step(why, this.#sync.contactNoticed(version_id, contact));
    }
  }

  /**
   * An operation of ours was answered with rows: as good as the notice of it.
   * @param {any} answer
   */
  #done({ message, contact }) {
    if (message) {
      this.#step("answer", this.#sync.messageNoticed(message.session_id, message.version_id, message));
    }
    if (contact) this.#step("answer", this.#sync.contactNoticed(contact.version_id, contact));
  }

  #lost() {
    this.#sync.disconnected();
    this.#outbox.linkLost();
    this.#refuseOpening(() => true, linkLost());
  }

  #tick() {
    if (!this.#sync.in_chat) return;
    this.#sync.timer();
    this.#step("timer");
  }

  /**
   * After an input: write what it brought, and ask for what is missing now.
   * @param {string} why
   * @param {Writes} [writes]
   */
  #step(why, writes = {}) {
    this.#write(writes);
    for (const pull of this.#sync.requests()) this.#pull(pull, why);
    for (const entry of this.#link_state.state === "online" ? this.#outbox.ready() : []) this.#send(entry);
  }

  // The way out.

  /**
   * @param {string} op
   * @param {Record<string, unknown>} body
   * @param {string} why
   */
  #ask(op, body, why) {
    this.#options.tell({ event: "asked", op, body, why });
    return this.#link.ask(op, body);
  }

  /**
   * @param {Pull} pull
   * @param {string} cause
   */
  async #pull(pull, cause) {
    try {
      const answer = await this.#ask(pull.pull, bodyOf(pull), this.#why(pull, cause));
      this.#pull_tries = 0;
      this.#step(answer.more ? "more" : "answer", this.#sync.pulled(pull, answer));
    } catch (error) {
      const { passing, retry_after_ms } = asSixinError(error);
      if (!passing) {
        this.#sync.refused(pull, { again: false });
        if ("session_id" in pull) this.#refuseOpening((session_id) => session_id === pull.session_id, asSixinError(error));
        return;
      }
      if (this.#link_state.state !== "online") return;
      setTimeout(() => {
        this.#sync.refused(pull, { again: true });
        this.#step(cause);
      }, retry_after_ms ?? backoffMs(++this.#pull_tries, Math.random()));
    }
  }

  /** @param {Entry} entry */
  async #send({ number, session_id, kind, body, seq_id }) {
    this.#outbox.sent(number);
    const whole = kind === "send" ? { session_id, seq_id, ...body } : { session_id, ...body };
    try {
      const answer = await this.#ask(kind, whole, "outbox");
      this.#done(answer);
      if (this.#outbox.get(number)) this.#settle(number, answer.message);
    } catch (error) {
      if (this.#link_state.state === "online" && this.#outbox.get(number)) this.#refused(number, asSixinError(error));
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
        this.#step("outbox");
      }, pause_ms);
    } else if (verdict === "renumber") {
      await this.#keep({ ...entry, seq_id: this.#freshSeqId() });
    } else if (entry.kind === "send") {
      await this.#keep({ ...entry, refused: error.code, reason: error.message });
    } else {
      // Only words are worth keeping after a refusal; of the rest it is enough to be told.
      this.#options.tell({ event: "refused", entry: { ...entry, refused: error.code, reason: error.message } });
      this.#settle(number);
    }
  }

  /**
   * An entry is in the outbox once the store has it, and leaves after that.
   * @param {Entry} entry
   * @param {number[]} [settled]
   */
  async #keep(entry, settled = []) {
    for (const number of settled) this.#outbox.remove(number);
    this.#write(settled.length ? { entries: [entry], settled } : { entries: [entry] });
    await this.#writing;
    this.#outbox.put(entry);
    this.#step("outbox");
  }

  /**
   * @param {number} number
   * @param {Message} [said]
   */
  #settle(number, said) {
    this.#outbox.remove(number);
    this.#write({ settled: [number] }, said);
    this.#step("outbox");
  }

  #freshSeqId() {
    const last = Math.max(0, ...this.#outbox.entries.map(({ seq_id }) => seq_id));
    return nextSeqId(last, Date.now(), Math.random());
  }

  /**
   * Why a pull is made, in a word for those who look inside.
   * @param {Pull} pull
   * @param {string} cause
   */
  #why(pull, cause) {
    if (pull.pull === "pull_hidden") return "hidden";
    if (pull.pull === "pull_old") return this.#heads.held.has(pull.session_id) ? "far_behind" : "chat_opened";
    return pull.pull === "pull_new" && pull.born_up_to !== null ? "hole" : cause;
  }

  // The way into the store.

  /**
   * @param {Writes} writes
   * @param {Message} [said]
   */
  #write(writes, said) {
    if (!Object.keys(writes).length) return;
    this.#heads.take(writes);
    const last = this.#queue.at(-1);
    if (last && isPlain(last.writes) && isPlain(writes)) last.writes = merged(last.writes, writes);
    else this.#queue.push({ writes, said });
    this.#writing ??= this.#drain();
  }

  async #drain() {
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      const { writes, said } = next;
      try {
        await this.#options.store.apply(writes);
      } catch (error) {
        // Rows and cursor are one transaction: what is stored stays true, it is only older than what is shown.
        this.#options.tell({ event: "store_failed", reason: String(error) });
      }
      this.#options.tell({ event: "changed", writes, said });
      this.#afterWrite(writes);
    }
    this.#writing = null;
  }

  /** @param {Writes} writes */
  #afterWrite({ held = [], messages = [] }) {
    const sessions = new Set(held.map(({ session_id }) => session_id));
    for (const waiter of this.#opening) {
      if (!sessions.has(waiter.session_id)) continue;
      this.#opening.delete(waiter);
      waiter.resolve();
    }
    for (const message of messages) {
      const entry = this.#outbox.acknowledgedBy(message, this.#options.me);
      if (entry) this.#settle(entry.number, message);
    }
  }

  /**
   * @param {(session_id: string) => boolean} which
   * @param {SixinError} error
   */
  #refuseOpening(which, error) {
    for (const waiter of this.#opening) {
      if (!which(waiter.session_id)) continue;
      this.#opening.delete(waiter);
      waiter.reject(error);
    }
  }
}

/** @param {unknown} error */
const asSixinError = (error) => (error instanceof SixinError ? error : new SixinError("internal", String(error)));

/**
 * Rows and cursors alone: two of these in a row are as good as one.
 * @param {Writes} writes
 */
const isPlain = ({ forget, hidden, cleared, gaps, entries, settled }) =>
  !(forget || hidden || cleared || gaps || entries || settled);

/**
 * @param {Writes} one
 * @param {Writes} other
 * @returns {Writes}
 */
function merged(one, other) {
  const contact_version = other.contact_version ?? one.contact_version;
  return {
    messages: [...(one.messages ?? []), ...(other.messages ?? [])],
    contacts: [...(one.contacts ?? []), ...(other.contacts ?? [])],
    held: [...(one.held ?? []), ...(other.held ?? [])],
    ...(contact_version !== undefined && { contact_version }),
  };
}
