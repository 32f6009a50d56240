/**
 * Client: what an application talks to. It shows the copy at once, whatever the link does, and lets the keeper (in
 * this tab or another) do the work. Its events: `changed`, `link`, `typing`, and for those who look inside `asked`
 * and `frame`.
 */

import { pairSessionId } from "./ids.js";
import { Keeper } from "./keeper.js";
import { nextSeqId } from "./outbox.js";
import { rangeAt, topOf } from "./ranges.js";
import { IndexedDbStore } from "./store/indexeddb.js";
import { MemoryStore } from "./store/memory.js";
import { Tabs } from "./tabs.js";

/** @import {Changes, Contact, Content, Held, Message, Pending, Store} from "./types.js" */
/** @import {LinkOptions, LinkState} from "./link.js" */

/** The safety net while somebody looks at a session: so long may a lost notice stay unnoticed. */
export const CHECK_EVERY_MS = 20_000;

const PAGE_MESSAGES = 50;

/**
 * @typedef {object} ClientOptions
 * @property {string} url of the server
 * @property {string} token or what gets one (`refresh`)
 * @property {() => string | Promise<string>} [refresh] a fresh token, asked for at every connect
 * @property {string} [uid] whose; read from the token otherwise
 * @property {"indexeddb" | "memory"} [store] `indexeddb` where there is one
 * @property {string} [device] a name that tells two copies in one browser apart
 * @property {LinkOptions["transport"]} [transport] makes the WebSocket
 */

/**
 * Connect and keep a copy; returns as soon as what was kept before can be shown.
 * @param {ClientOptions} options
 */
export async function connect(options) {
  const client = new Client(options);
  await client.start();
  return client;
}

export class Client extends EventTarget {
  #options;
  /** @type {Store} */
  #store;
  /** @type {Keeper | null} */
  #keeper = null;
  /** @type {Tabs | null} */
  #tabs = null;
  /** @type {Map<string, Contact>} */
  #contacts = new Map();
  /** @type {Contact[] | null} */
  #listed = null;
  /** @type {Map<string, Held>} */
  #held = new Map();
  /** @type {Map<string, Pending>} */
  #outbox = new Map();
  #last_seq_id = 0;
  /** @type {any} */
  #watch = null;
  #hurry = () => this.#keeper?.hurry();

  /** @param {ClientOptions} options */
  constructor(options) {
    super();
    this.#options = options;
    this.me = options.uid ?? uidOf(options.token);
    /** @type {LinkState} */
    this.link = "connecting";
    this.retry_at_ms = 0;
    const name = `sixin/${new URL(options.url).host}/${this.me}${options.device ? `/${options.device}` : ""}`;
    const lasting = options.store !== "memory" && typeof indexedDB !== "undefined";
    this.#store = lasting ? new IndexedDbStore(name) : new MemoryStore();
    this.name = name;
    this.lasting = lasting;
  }

  async start() {
    const { contacts, sessions, outbox } = await this.#store.load();
    this.#take({ contacts, sessions, outbox });
    globalThis.addEventListener?.("online", this.#hurry);
    if (this.lasting && Tabs.possible) {
      this.#tabs = new Tabs(this.name, () => this.#lead(), (event) => this.#heard(event));
      this.#catchUp();
    } else {
      await this.#lead();
    }
  }

  /** Let go of the link; the copy stays. */
  close() {
    clearInterval(this.#watch);
    globalThis.removeEventListener?.("online", this.#hurry);
    if (this.#tabs) this.#tabs.close();
    else this.#keeper?.stop();
    this.#store.close();
  }

  /** Forget the copy: on this device nothing of it is left. */
  async forget() {
    await this.#store.clear();
    this.close();
  }

  // What is held.

  /** Whether this tab has the connection. */
  get leads() {
    return this.#keeper !== null;
  }

  /** The conversation list, in its order. */
  get contacts() {
    this.#listed ??= [...this.#contacts.values()]
      .filter(({ status }) => status === "normal")
      .sort((one, other) => other.sort_key - one.sort_key);
    return this.#listed;
  }

  /** @param {string} session_id */
  contact(session_id) {
    return this.#contacts.get(session_id) ?? null;
  }

  /** @param {string} session_id */
  held(session_id) {
    return this.#held.get(session_id) ?? null;
  }

  /** The number on the badge: over the contacts that are neither muted nor deleted. */
  get unread_total() {
    return this.contacts.reduce((total, { muted, unread }) => total + (muted ? 0 : unread), 0);
  }

  /**
   * Messages on their way, as written.
   * @param {string} session_id
   */
  pending(session_id) {
    const entries = [...this.#outbox.values()].filter((entry) => entry.session_id === session_id);
    return entries.sort((one, other) => one.seq_id - other.seq_id);
  }

  /**
   * A page of history, oldest first: the newest one, or the one below a sort key. What is held comes at once; what is
   * not is pulled, and where that cannot be, it rejects with `unavailable` rather than pass over a hole.
   * @param {string} session_id
   * @param {{before_sort_key?: number, limit?: number}} [options]
   * @returns {Promise<{messages: Message[], more: boolean}>}
   */
  async history(session_id, { before_sort_key, limit = PAGE_MESSAGES } = {}) {
    if (!this.held(session_id)) await this.#ask("open", session_id);
    let high = before_sort_key === undefined ? topOf(this.held(session_id)?.ranges ?? []) : before_sort_key - 1;
    for (;;) {
      const range = rangeAt(this.held(session_id)?.ranges ?? [], high);
      if (range) {
        const messages = await this.#store.page(session_id, range[0], high, limit);
        if (messages.length || range[0] <= 1) return { messages, more: messages.length === limit || range[0] > 1 };
        high = range[0] - 1;
      }
      if (high < 1) return { messages: [], more: false };
      await this.#ask("older", session_id, high + 1);
    }
  }

  /**
   * The held page above a sort key, oldest first, up to the end of its range: empty where nothing newer is held.
   * @param {string} session_id
   * @param {number} after_sort_key
   */
  async newer(session_id, after_sort_key) {
    const range = rangeAt(this.held(session_id)?.ranges ?? [], after_sort_key);
    return range ? this.#store.page(session_id, after_sort_key + 1, range[1], Number.MAX_SAFE_INTEGER) : [];
  }

  // What a person does.

  /**
   * Somebody looks at this session from now on: it is held, and checked now and then.
   * @param {string} session_id
   */
  enter(session_id) {
    clearInterval(this.#watch);
    this.#watch = setInterval(() => this.check("timer", session_id), CHECK_EVERY_MS);
    this.check("entered", session_id);
  }

  /** Back in the list. */
  leave() {
    clearInterval(this.#watch);
    this.check("chat_left");
  }

  /**
   * The safety net: ask although nothing was heard.
   * @param {string} why
   * @param {string} [session_id]
   */
  check(why, session_id) {
    this.#ask("check", why, session_id).catch(() => {});
  }

  /**
   * Say something: to a user, or in a session. It is in `pending` when this returns, and leaves when the link allows.
   * @param {{to?: string, session_id?: string}} where
   * @param {Content | string} content a string is a text
   * @returns {{session_id: string, seq_id: number}} by which it can be told until the server knows it
   */
  send(where, content) {
    const session_id = where.session_id ?? pairSessionId(this.me, where.to ?? "");
    this.#last_seq_id = nextSeqId(this.#last_seq_id, Date.now(), Math.random());
    const message = {
      session_id,
      seq_id: this.#last_seq_id,
      content: typeof content === "string" ? { type: "text", text: content } : content,
      created_at_ms: Date.now(),
    };
    this.#changed({ outbox: [{ ...message, state: "pending", error: null }] });
    this.#ask("send", message).catch(() => this.#changed({ outbox: [{ ...message, state: "failed", error: "unavailable" }] }));
    return { session_id, seq_id: message.seq_id };
  }

  /** @param {{session_id: string, seq_id: number}} key */
  retry({ session_id, seq_id }) {
    return this.#ask("retry", { session_id, seq_id });
  }

  /** @param {{session_id: string, seq_id: number}} key */
  discard({ session_id, seq_id }) {
    return this.#ask("discard", { session_id, seq_id });
  }

  /**
   * Any operation of the server; its rows are taken into the copy. Rejects with a `SixinError`.
   * @param {string} op
   * @param {Record<string, unknown>} body
   */
  operate(op, body) {
    return this.#ask("operate", op, body);
  }

  /** @param {Message} message */
  recall({ session_id, msg_id }) {
    return this.operate("recall", { session_id, msg_id });
  }

  /**
   * @param {Message} message
   * @param {"me" | "all"} scope
   */
  delete({ session_id, msg_id }, scope) {
    return this.operate("delete", { session_id, msg_ids: [msg_id], scope });
  }

  /** @param {string} session_id */
  clear(session_id) {
    return this.operate("clear", { session_id });
  }

  /** @param {string} session_id */
  deleteContact(session_id) {
    return this.operate("delete_contact", { session_id });
  }

  /**
   * @param {string} session_id
   * @param {string} msg_id
   */
  read(session_id, msg_id) {
    return this.operate("read", { session_id, msg_id });
  }

  /**
   * @param {string} session_id
   * @param {boolean} pinned
   */
  pin(session_id, pinned) {
    return this.operate("pin", { session_id, pinned });
  }

  /**
   * @param {string} session_id
   * @param {boolean} muted
   */
  mute(session_id, muted) {
    return this.operate("mute", { session_id, muted });
  }

  /**
   * @param {string} session_id
   * @param {string[]} labels
   */
  label(session_id, labels) {
    return this.operate("label", { session_id, labels });
  }

  /** @param {string} session_id */
  typing(session_id) {
    return this.operate("typing", { session_id }).catch(() => {});
  }

  // Inside.

  /**
   * @param {string} method
   * @param {...any} args
   * @returns {Promise<any>}
   */
  #ask(method, ...args) {
    if (this.#tabs) return this.#tabs.ask(method, ...args);
    return /** @type {any} */ (this.#keeper)[method](...args);
  }

  async #lead() {
    const { url, token, refresh, transport } = this.#options;
    const keeper = new Keeper({
      me: this.me,
      store: this.#store,
      link: { url, token: refresh ?? (() => token), device_id: this.#deviceId(), transport },
      tell: (event) => this.#told(event),
    });
    this.#keeper = keeper;
    await keeper.start();
    return { hands: /** @type {any} */ (keeper), stop: () => keeper.stop() };
  }

  /** @param {any} event */
  #told(event) {
    // Frames and asks are for those who look inside the tab that has the link.
    if (this.#tabs && event.event !== "frame" && event.event !== "asked") this.#tabs.tell(event);
    this.#heard(event);
  }

  /** @param {any} event */
  #heard(event) {
    if (event.event === "changed") {
      this.#changed(event.changes);
    } else if (event.event === "link") {
      this.link = event.state;
      this.retry_at_ms = Date.now() + event.retry_in_ms;
      this.#dispatch("link", event);
    } else if (event.event === "led") {
      this.#catchUp();
    } else {
      this.#dispatch(event.event, event);
    }
  }

  /** What was told before this tab listened. */
  async #catchUp() {
    try {
      const { state, retry_in_ms, outbox } = await this.#ask("greeting");
      this.#heard({ event: "link", state, retry_in_ms });
      const { contacts, sessions } = await this.#store.load();
      this.#changed({ contacts, sessions, outbox });
    } catch {
      // Nobody keeps the copy yet: whoever will says so.
    }
  }

  /** @param {Changes} changes */
  #changed(changes) {
    this.#take(changes);
    this.#dispatch("changed", changes);
  }

  /** @param {Changes} changes */
  #take({ contacts = [], sessions = [], outbox = [], sent = [] }) {
    for (const contact of contacts) {
      const before = this.#contacts.get(contact.session_id);
      if (!before || before.version_id <= contact.version_id) this.#contacts.set(contact.session_id, contact);
    }
    if (contacts.length) this.#listed = null;
    for (const held of sessions) this.#held.set(held.session_id, held);
    for (const { session_id, seq_id } of sent) this.#outbox.delete(`${session_id}/${seq_id}`);
    for (const entry of outbox) {
      this.#outbox.set(`${entry.session_id}/${entry.seq_id}`, entry);
      this.#last_seq_id = Math.max(this.#last_seq_id, entry.seq_id);
    }
  }

  /** One name for each copy, so that the server can tell a user's devices apart. */
  #deviceId() {
    if (!this.lasting || typeof localStorage === "undefined") return crypto.randomUUID();
    const key = `${this.name}/device_id`;
    const device_id = localStorage.getItem(key) ?? crypto.randomUUID();
    localStorage.setItem(key, device_id);
    return device_id;
  }

  /**
   * @param {string} name
   * @param {unknown} detail
   */
  #dispatch(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/**
 * Whose token it is, as it says itself; the server checks.
 * @param {string} token a JWT
 * @returns {string}
 */
export function uidOf(token) {
  const payload = token.split(".")[1] ?? "";
  return String(JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/"))).sub);
}
