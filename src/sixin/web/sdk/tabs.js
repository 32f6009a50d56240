/**
 * Tabs: several pages of one user share one connection and one store. A Web Lock says who keeps the copy; the others
 * ask through a BroadcastChannel. When the keeper's tab closes, the lock goes on to the next one, and what was not
 * answered is asked again: every request may be made twice.
 */

import { SixinError } from "./errors.js";
import { randomId } from "./ids.js";
import { RECONNECT_FIRST_MS } from "./limits.js";
import { ANSWER_TIMEOUT_MS } from "./link.js";

/** @typedef {{[method: string]: (...args: any[]) => any}} Hands what the keeper does for others */

/**
 * @typedef {object} Lead
 * @property {Hands} hands
 * @property {() => Promise<void>} stop
 */

export class Tabs {
  #name;
  #channel;
  #lead;
  #heard;
  #closing = new AbortController();
  #release = () => {};
  /** @type {Lead | null} */
  #leading = null;
  /** @type {Map<string, {method: string, args: any[], resolve: (answer: any) => void, reject: (error: Error) => void, timer: any}>} */
  #waiting = new Map();

  /**
   * @param {string} name of the copy: the same in every tab that shares it
   * @param {() => Promise<Lead>} lead take over; called when this tab holds the lock
   * @param {(event: any) => void} heard what the keeper's tab tells; `{event: "led"}` when there is a new one
   */
  constructor(name, lead, heard) {
    this.#name = name;
    this.#lead = lead;
    this.#heard = heard;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => this.#received(data);
  }

  /**
   * Take over at once if nobody keeps the copy, else when it is this tab's turn.
   * @returns {Promise<boolean>} whether it is done already
   */
  open() {
    return new Promise((resolve) => this.#queueUp(resolve));
  }

  /** Locks are lent to pages of https and of localhost alone. */
  static get possible() {
    return typeof BroadcastChannel === "function" && !!globalThis.navigator?.locks;
  }

  get leads() {
    return this.#leading !== null;
  }

  /**
   * Tell every other tab.
   * @param {unknown} event
   */
  tell(event) {
    if (!this.#closing.signal.aborted) this.#channel.postMessage({ event });
  }

  /** Whether another tab keeps the copy, or waits to. */
  async shared() {
    const { held = [], pending = [] } = await navigator.locks.query();
    return [...held, ...pending].filter(({ name }) => name === this.#name).length > 1;
  }

  /**
   * Ask whoever keeps the copy: this tab or another one, now or when there is one.
   * @param {string} method
   * @param {...any} args
   * @returns {Promise<any>}
   */
  ask(method, ...args) {
    if (this.#leading) return Promise.resolve(this.#leading.hands[method](...args));
    const id = randomId();
    return new Promise((resolve, reject) => {
      const late = new SixinError("unavailable", "No tab answered.");
      const timer = setTimeout(() => this.#waiting.delete(id) && reject(late), ANSWER_TIMEOUT_MS);
      this.#waiting.set(id, { method, args, resolve, reject, timer });
      this.#channel.postMessage({ ask: id, method, args });
    });
  }

  /** Twice is as good as once. */
  async close() {
    const leading = this.#leading;
    this.#leading = null;
    await leading?.stop();
    this.#closing.abort();
    this.#release();
    this.#channel.close();
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }

  /**
   * Wait for the lock, for as long as it takes. A tab that cannot take over lets the next one try, and stands behind.
   * @param {(taken: boolean) => void} tried told once how the first try went
   */
  async #queueUp(tried) {
    const { signal } = this.#closing;
    /** @type {LockOptions} */
    let how = { ifAvailable: true };
    while (!signal.aborted) {
      try {
        await navigator.locks.request(this.#name, how, (lock) => lock && this.#takeOver(() => tried(true)));
        tried(false);
      } catch {
        tried(false);
        await new Promise((resolve) => setTimeout(resolve, RECONNECT_FIRST_MS));
      }
      how = { signal };
    }
  }

  /** @param {() => void} taken */
  async #takeOver(taken) {
    this.#leading = await this.#lead();
    if (this.#closing.signal.aborted) return this.#leading.stop(); // closed while it was taking over
    taken();
    this.#heard({ event: "led" });
    this.tell({ event: "led" });
    for (const [id, { method, args }] of this.#waiting) this.#answer(id, method, args, (answer) => this.#settle(answer));
    await new Promise((resolve) => (this.#release = () => resolve(undefined)));
  }

  /** @param {any} said */
  #received(said) {
    if (said.event) {
      // Whoever asked the tab that is gone asks the one that came.
      if (said.event.event === "led") {
        for (const [id, { method, args }] of this.#waiting) this.#channel.postMessage({ ask: id, method, args });
      }
      this.#heard(said.event);
    } else if (said.ask && this.#leading) {
      this.#answer(said.ask, said.method, said.args, (answer) => this.#channel.postMessage(answer));
    } else if (said.answer) {
      this.#settle(said);
    }
  }

  /**
   * @param {string} id
   * @param {string} method
   * @param {any[]} args
   * @param {(answer: any) => void} reply
   */
  async #answer(id, method, args, reply) {
    try {
      reply({ answer: id, ok: await this.#leading?.hands[method](...args) });
    } catch (error) {
      const { code = "internal", message, retry_after_ms } = /** @type {any} */ (error);
      reply({ answer: id, error: { code, message, retry_after_ms } });
    }
  }

  /** @param {any} said */
  #settle({ answer, ok, error }) {
    const waiting = this.#waiting.get(answer);
    if (!waiting) return;
    this.#waiting.delete(answer);
    clearTimeout(waiting.timer);
    if (error) waiting.reject(new SixinError(error.code, error.message, error.retry_after_ms));
    else waiting.resolve(ok);
  }
}
