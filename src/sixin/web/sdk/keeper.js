/**
 * Keeper: the one who keeps a user's copy. It owns the link and the only writing hand on the store, and carries out
 * what `Sync` and `Outbox` decide. In a browser one tab has it and the others ask it (`tabs.js`).
 */

import { waitMs } from "./backoff.js";
import { SixinError, linkLost } from "./errors.js";
import { Link } from "./link.js";
import { Outbox, nextSeqId } from "./outbox.js";
import { rangeAt } from "./ranges.js";
import { Sync } from "./sync.js";

/** @import {Ask, Changes, Content, Effect, Held, Message, Store} from "./types.js" */
/** @import {LinkOptions, LinkState} from "./link.js" */

/**
 * @typedef {object} KeeperOptions
 * @property {string} me
 * @property {Store} store
 * @property {Pick<LinkOptions, "url" | "token" | "device_id" | "transport">} link
 * @property {(event: KeeperEvent) => void} tell
 *
 * @typedef {{event: "changed", changes: Changes}
 *   | {event: "link", state: LinkState, retry_in_ms: number}
 *   | {event: "typing", session_id: string, uid: string}
 *   | {event: "asked", ask: Ask}
 *   | {event: "frame", frame: import("./link.js").Frame}
 *   | {event: "store_failed", reason: string}} KeeperEvent
 *
 * @typedef {object} Waiter Somebody who waits until a place of a timeline is held.
 * @property {string} session_id
 * @property {(held: Held | null) => boolean} enough
 * @property {(held: Held | null) => void} resolve
 * @property {(error: Error) => void} reject
 */

export class Keeper {
  #options;
  #link;
  #sync = new Sync();
  #outbox;
  /** @type {Effect[]} */
  #queue = [];
  #pumping = false;
  /** @type {Set<Waiter>} */
  #waiters = new Set();
  /** @type {any} */
  #retry_timer = null;
  #retries = 0;
  /** @type {{state: LinkState, retry_in_ms: number}} */
  #link_state = { state: "connecting", retry_in_ms: 0 };

  /** @param {KeeperOptions} options */
  constructor(options) {
    this.#options = options;
    this.#outbox = new Outbox(options.me);
    this.#link = new Link({
      ...options.link,
      welcomed: (hello) => this.#run([...this.#sync.connected(hello), ...this.#outbox.connected()]),
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
    const snapshot = await this.#options.store.load();
    this.#sync = new Sync(snapshot);
    this.#outbox = new Outbox(this.#options.me, snapshot.outbox);
    this.#link.start();
  }

  stop() {
    clearTimeout(this.#retry_timer);
    this.#link.stop();
  }

  hurry() {
    this.#link.hurry();
  }

  // What faces ask for (`client.js`). Everything here may be asked twice without harm.

  /** What somebody who comes later needs to know besides the store. */
  async greeting() {
    return { ...this.#link_state, outbox: this.#outbox.entries, contact_version: this.#sync.contact_version };
  }

  /**
   * Hold a session: at once when it is held, else when its first page came.
   * @param {string} session_id
   */
  open(session_id) {
    const waiting = this.#until(session_id, (held) => held !== null);
    this.#run(this.#sync.open(session_id));
    return waiting;
  }

  /**
   * Hold what lies right below a sort key.
   * @param {string} session_id
   * @param {number} before_sort_key
   */
  older(session_id, before_sort_key) {
    const enough = (/** @type {Held | null} */ held) => !!held && !!rangeAt(held.ranges, before_sort_key - 1);
    const waiting = this.#until(session_id, enough);
    this.#run(this.#sync.older(session_id, before_sort_key));
    return waiting;
  }

  /**
   * @param {string} why
   * @param {string} [session_id]
   */
  async check(why, session_id) {
    this.#run(this.#sync.check(why, session_id));
  }

  /**
   * Say something: kept first, sent when the link allows.
   * @param {{session_id: string, seq_id: number, content: Content, created_at_ms: number}} message
   */
  async send(message) {
    this.#run(this.#outbox.add(message));
  }

  /** @param {{session_id: string, seq_id: number}} key */
  async retry(key) {
    this.#run(this.#outbox.retry(key));
  }

  /** @param {{session_id: string, seq_id: number}} key */
  async discard(key) {
    this.#run(this.#outbox.discard(key));
  }

  /**
   * Any other operation: now or not at all.
   * @param {string} op
   * @param {Record<string, unknown>} body
   */
  async operate(op, body) {
    this.#options.tell({ event: "asked", ask: { op, body, why: "person" } });
    const answer = await this.#link.ask(op, body);
    this.#run(this.#sync.done(answer));
    return answer;
  }

  // Inputs of the machines.

  /** @param {any} notice */
  #noticed(notice) {
    if (notice.notice === "typing") this.#options.tell({ event: "typing", ...notice });
    else this.#run(this.#sync.notice(notice));
  }

  #lost() {
    this.#sync.disconnected();
    this.#outbox.disconnected();
    for (const waiter of this.#waiters) waiter.reject(linkLost());
    this.#waiters.clear();
  }

  /** @param {Ask} ask */
  async #ask(ask) {
    this.#options.tell({ event: "asked", ask });
    try {
      const answer = await this.#link.ask(ask.op, ask.body);
      this.#retries = 0;
      if (ask.op === "send") this.#sent(ask, answer.message);
      else this.#run(this.#sync.answered(ask, answer));
    } catch (error) {
      this.#refused(ask, error instanceof SixinError ? error : new SixinError("internal", String(error)));
    }
  }

  /**
   * @param {Ask} ask
   * @param {Message} message
   */
  #sent(ask, message) {
    const effects = this.#sync.done({ message });
    const unfollowed = this.#sync.held(message.session_id) === null;
    this.#run([...effects, ...this.#outbox.answered(ask, message, unfollowed || this.#sync.shows(message))]);
  }

  /**
   * @param {Ask} ask
   * @param {SixinError} error
   */
  #refused(ask, error) {
    if (ask.op === "send") {
      const fresh = nextSeqId(this.#outbox.last_seq_id, Date.now(), Math.random());
      this.#run(this.#outbox.refused(ask, error, fresh));
    } else {
      this.#run(this.#sync.refused(ask, error));
      this.#reject(String(ask.body.session_id), error);
    }
    if (error.passing) this.#retryIn(error.retry_after_ms ?? waitMs(this.#retries++, Math.random()));
  }

  /** @param {number} wait_ms */
  #retryIn(wait_ms) {
    clearTimeout(this.#retry_timer);
    this.#retry_timer = setTimeout(() => this.#run([...this.#sync.retry(), ...this.#outbox.retryAll()]), wait_ms);
  }

  // Carrying out.

  /** @param {Effect[]} effects */
  #run(effects) {
    for (const effect of effects) if (!this.#merged(effect)) this.#queue.push(effect);
    if (!this.#pumping) this.#pump();
  }

  /**
   * Plain rows that wait for the same hand become one transaction.
   * @param {Effect} effect
   */
  #merged(effect) {
    const last = this.#queue.at(-1);
    if (last?.do !== "save" || effect.do !== "save" || !isPlain(last.changes) || !isPlain(effect.changes)) return false;
    const { contacts = [], sessions = [], messages = [] } = effect.changes;
    last.changes = {
      contact_version: effect.changes.contact_version ?? last.changes.contact_version,
      contacts: [...(last.changes.contacts ?? []), ...contacts],
      sessions: [...(last.changes.sessions ?? []), ...sessions],
      messages: [...(last.changes.messages ?? []), ...messages],
    };
    return true;
  }

  async #pump() {
    this.#pumping = true;
    for (let effect = this.#queue.shift(); effect; effect = this.#queue.shift()) {
      if (effect.do === "ask") this.#ask(effect.ask);
      else await this.#save(effect.changes);
    }
    this.#pumping = false;
  }

  /** @param {Changes} changes */
  async #save(changes) {
    try {
      await this.#options.store.save(changes);
    } catch (error) {
      // Rows and cursor are one transaction, so what is stored stays true; it is only older than what is shown.
      this.#options.tell({ event: "store_failed", reason: String(error) });
    }
    this.#options.tell({ event: "changed", changes });
    for (const { session_id } of changes.sessions ?? []) this.#settle(session_id);
    for (const message of changes.messages ?? []) {
      if (this.#sync.shows(message)) this.#run(this.#outbox.seen(message));
    }
  }

  /**
   * @param {string} session_id
   * @param {(held: Held | null) => boolean} enough
   * @returns {Promise<Held | null>}
   */
  #until(session_id, enough) {
    const held = this.#sync.held(session_id);
    if (enough(held)) return Promise.resolve(held);
    if (this.#link_state.state !== "online") return Promise.reject(linkLost());
    return new Promise((resolve, reject) => this.#waiters.add({ session_id, enough, resolve, reject }));
  }

  /** @param {string} session_id */
  #settle(session_id) {
    const held = this.#sync.held(session_id);
    for (const waiter of this.#waiters) {
      if (waiter.session_id !== session_id || !waiter.enough(held)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(held);
    }
  }

  /**
   * @param {string} session_id
   * @param {SixinError} error
   */
  #reject(session_id, error) {
    for (const waiter of this.#waiters) {
      if (waiter.session_id !== session_id) continue;
      this.#waiters.delete(waiter);
      waiter.reject(error);
    }
  }
}

/** @param {Changes} changes */
const isPlain = ({ removed, outbox, sent }) => !removed && !outbox && !sent;
