/**
 * Keeper: the one who keeps a user's copy. It owns the link and the store's only scribe, asks for what `Sync` misses,
 * and lets the sender send. In a browser one tab has it and the others ask it (`tabs.js`).
 */

import { backoffMs } from "./backoff.js";
import { asSixinError, linkLost } from "./errors.js";
import { Heads } from "./heads.js";
import { topOf } from "./held.js";
import { Link } from "./link.js";
import { bodyOf } from "./requests.js";
import { Scribe } from "./scribe.js";
import { Sender } from "./sender.js";
import { Sync } from "./sync.js";

/** @import {Entry, Kind, State, Store, Writes} from "./types.js" */
/** @import {Said} from "./scribe.js" */
/** @import {SixinError} from "./errors.js" */
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
 * @typedef {{event: "changed", writes: Writes, said: Said}
 *   | {event: "link", state: LinkState, retry_in_ms: number}
 *   | {event: "typing", session_id: string, uid: string}
 *   | {event: "refused", entry: Entry}
 *   | {event: "asked", op: string, body: Record<string, unknown>, why: string}
 *   | {event: "frame", frame: import("./link.js").Frame}
 *   | {event: "store_failed", reason: string}} KeeperEvent `said`: the messages that settled entries have become
 */

export class Keeper {
  #options;
  #link;
  #heads = new Heads();
  #sync = new Sync(this.#heads);
  #scribe;
  #sender;
  /** @type {Set<{session_id: string, resolve: () => void, reject: (error: Error) => void}>} */
  #opening = new Set();
  /** @type {{state: LinkState, retry_in_ms: number}} */
  #link_state = { state: "connecting", retry_in_ms: 0 };
  /** @type {any} */
  #timer = null;
  #pull_tries = 0;
  #stopped = false;

  /** @param {KeeperOptions} options */
  constructor(options) {
    this.#options = options;
    this.#sender = this.#senderOf([]);
    this.#scribe = new Scribe(
      options.store,
      (writes, said) => this.#written(writes, said),
      (reason) => options.tell({ event: "store_failed", reason }),
    );
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

  /**
   * Take up what the store kept, and connect.
   * @param {(kept: State) => void} [found] told what that is, before anything of it changes
   */
  async start(found) {
    const state = await this.#options.store.load();
    found?.(state);
    this.#heads = new Heads(state);
    this.#sync = new Sync(this.#heads);
    this.#sender = this.#senderOf(state.entries);
    this.#timer = setInterval(() => this.#tick(), CHAT_TIMER_MS);
    this.#link.start();
  }

  /** Let go of the link, and finish what is being written. */
  async stop() {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#link.stop();
    await this.#scribe.rest();
  }

  /** Try to connect now. */
  async hurry() {
    this.#link.hurry();
  }

  // What faces ask for (`client.js`). Everything here may be asked twice without harm.

  /** What somebody who comes later needs to know besides the store. */
  async greeting() {
    return this.#link_state;
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
    await this.#step("scrolled", this.#sync.pulled(pull, answer));
  }

  /**
   * Say something, or do what may wait: kept first, sent when the link allows. Returns once it is kept.
   * @param {{session_id: string, kind: Kind, body: Record<string, any>, seq_id?: number}} operation
   */
  queue(operation) {
    return this.#sender.queue(operation);
  }

  /**
   * Try a refused entry again.
   * @param {number} number
   */
  retry(number) {
    return this.#sender.retry(number);
  }

  /**
   * Give a refused entry up.
   * @param {number} number
   */
  async discard(number) {
    this.#sender.discard(number);
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
    this.#sender.linkLost();
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
   * @returns {Promise<void>} fulfilled when it is stored
   */
  #step(why, writes = {}) {
    const stored = this.#write(writes);
    for (const pull of this.#stopped ? [] : this.#sync.requests()) this.#pull(pull, why);
    this.#sender.sendReady();
    return stored;
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

  /** @param {Entry[]} entries */
  #senderOf(entries) {
    return new Sender(
      {
        me: this.#options.me,
        online: () => !this.#stopped && this.#link_state.state === "online",
        ask: (op, body) => this.#ask(op, body, "outbox"),
        answered: (answer) => this.#done(answer),
        write: (writes, said) => this.#write(writes, said),
        refused: (entry) => this.#options.tell({ event: "refused", entry }),
      },
      entries,
    );
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
   * @param {Said} [said]
   */
  #write(writes, said) {
    this.#heads.take(writes);
    return this.#scribe.write(writes, said);
  }

  /**
   * @param {Writes} writes
   * @param {Said} said
   */
  #written(writes, said) {
    this.#options.tell({ event: "changed", writes, said });
    const { held = [], messages = [] } = writes;
    const sessions = new Set(held.map(({ session_id }) => session_id));
    for (const waiter of this.#opening) {
      if (!sessions.has(waiter.session_id)) continue;
      this.#opening.delete(waiter);
      waiter.resolve();
    }
    this.#sender.found(messages);
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
