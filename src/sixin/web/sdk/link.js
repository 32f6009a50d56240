/** Link: one WebSocket that comes back. It carries asks and notices, and knows none of their meaning. */

import { backoffMs } from "./backoff.js";
import { SixinError, linkLost } from "./errors.js";

export const SUBPROTOCOL = "sixin.v1.json";

/** An answer that takes longer will not come: the link is taken for dead and made anew. */
export const ANSWER_TIMEOUT_MS = 15_000;

/** A link this quiet is asked whether it still lives. */
export const QUIET_MS = 30_000;

/** Bye codes after which the same token is of no use. */
const TOKEN_GONE = new Set(["revoked", "expired", "unauthenticated"]);

/**
 * @typedef {"offline" | "connecting" | "online" | "signed_out"} LinkState
 * @typedef {{direction: "out" | "in", text: string, at_ms: number}} Frame
 *
 * @typedef {object} LinkOptions
 * @property {string} url of the server, http(s) or ws(s)
 * @property {() => string | Promise<string>} token asked for at every connect
 * @property {string} device_id
 * @property {(url: string, protocol: string) => WebSocket} [transport]
 * @property {() => number} [chance]
 * @property {(hello: any) => void} welcomed
 * @property {(notice: any) => void} noticed
 * @property {() => void} lost
 * @property {(state: LinkState, retry_in_ms: number) => void} changed
 * @property {(frame: Frame) => void} [framed] sees every frame, for the inspector
 */

export class Link {
  #options;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<number, {resolve: (answer: any) => void, reject: (error: Error) => void, timer: any}>} */
  #waiting = new Map();
  #last_id = 0;
  #tries = 0;
  #wanted = false;
  #ready = false;
  #heard_at = 0;
  /** @type {any} */
  #timer = null;

  /** @param {LinkOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** Connect, and stay connected until `stop`. */
  start() {
    this.#wanted = true;
    this.#tries = 0;
    this.#connect();
  }

  /**
   * Try now rather than when the wait is over: the network is back, or somebody looks. A connection that seems to be
   * there may have died with the old network and not know it: it is asked.
   */
  hurry() {
    if (this.#ready) this.#probe();
    if (!this.#wanted || this.#socket) return;
    this.#tries = 0;
    this.#connect();
  }

  stop() {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#drop();
    this.#options.changed("offline", 0);
  }

  /**
   * Ask for an operation.
   * @param {string} op
   * @param {Record<string, unknown>} body
   * @returns {Promise<any>} its answer; rejects with a `SixinError`: `unavailable` when the link is or gets lost
   */
  ask(op, body) {
    return this.#ready ? this.#request(op, body) : Promise.reject(linkLost());
  }

  async #connect() {
    clearTimeout(this.#timer);
    // Neither a connection nor a token is waited for longer than an answer.
    this.#timer = setTimeout(() => this.#lost(), ANSWER_TIMEOUT_MS);
    this.#options.changed("connecting", 0);
    try {
      const { url, transport = open } = this.#options;
      const socket = transport(`${url.replace(/^http/, "ws").replace(/\/$/, "")}/v1/ws`, SUBPROTOCOL);
      this.#socket = socket;
      socket.onmessage = ({ data }) => this.#socket === socket && this.#received(String(data));
      socket.onclose = () => this.#socket === socket && this.#lost();
      socket.onopen = () => this.#socket === socket && this.#hello(socket);
    } catch {
      this.#lost();
    }
  }

  /** @param {WebSocket} socket */
  async #hello(socket) {
    const { device_id, token } = this.#options;
    try {
      const fresh = await token();
      if (this.#socket !== socket) return; // given up meanwhile
      const hello = await this.#request("hello", { token: fresh, device_id });
      this.#tries = 0;
      this.#ready = true;
      this.#options.changed("online", 0);
      this.#options.welcomed(hello);
      this.#listen();
    } catch (error) {
      if (this.#socket !== socket) return; // lost, and counted as such
      if (error instanceof SixinError && error.code === "unauthenticated") this.#signedOut();
      else this.#lost();
    }
  }

  /**
   * @param {string} op
   * @param {Record<string, unknown>} body
   */
  #request(op, body) {
    const id = ++this.#last_id;
    const text = JSON.stringify({ id, op, body });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#lost(), ANSWER_TIMEOUT_MS);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#framed("out", text);
      this.#socket?.send(text);
    });
  }

  /** @param {string} text */
  #received(text) {
    this.#heard_at = Date.now();
    this.#framed("in", text);
    const frame = JSON.parse(text);
    if (frame.notice === "bye") {
      if (TOKEN_GONE.has(frame.code)) this.#signedOut();
      return;
    }
    if (frame.notice) {
      this.#options.noticed(frame);
      return;
    }
    const waiting = this.#waiting.get(frame.id);
    if (!waiting) return;
    this.#waiting.delete(frame.id);
    clearTimeout(waiting.timer);
    const { ok, error } = frame;
    if (error) waiting.reject(new SixinError(error.code, error.message, error.retry_after_ms));
    else waiting.resolve(ok);
  }

  /** A half-dead link says nothing; only a question tells it from a quiet one. */
  #listen() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!this.#ready) return;
      if (Date.now() - this.#heard_at >= QUIET_MS) this.#probe();
      this.#listen();
    }, QUIET_MS);
  }

  /** Lost, unless it answers in time. */
  #probe() {
    this.ask("unread", {}).catch(() => {});
  }

  #lost() {
    this.#drop();
    if (!this.#wanted) return;
    const wait_ms = backoffMs(this.#tries++, (this.#options.chance ?? Math.random)());
    this.#options.changed("offline", wait_ms);
    this.#timer = setTimeout(() => this.#connect(), wait_ms);
  }

  #signedOut() {
    this.#wanted = false;
    this.#drop();
    this.#options.changed("signed_out", 0);
  }

  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    const was_ready = this.#ready;
    this.#ready = false;
    if (socket && socket.readyState < 2) socket.close();
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(linkLost());
    }
    this.#waiting.clear();
    if (was_ready) this.#options.lost();
  }

  /**
   * @param {"out" | "in"} direction
   * @param {string} text
   */
  #framed(direction, text) {
    this.#options.framed?.({ direction, text, at_ms: Date.now() });
  }
}

/** Whether there is one that needs no `transport`: in browsers, and in Node 22 and newer. */
export const hasWebSocket = () => typeof WebSocket === "function";

/**
 * @param {string} url
 * @param {string} protocol
 */
const open = (url, protocol) => new WebSocket(url, protocol);
