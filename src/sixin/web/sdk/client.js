/**
 * Client: what an application talks to. It shows the copy at once, whatever the link does, and lets the keeper (in
 * this tab or another) do the work. Its events: `changed`, `link`, `typing`, `refused`, and for those who look inside
 * `asked` and `frame`.
 */

import { Copy } from "./copy.js";
import { History } from "./history.js";
import { pairSessionId, randomId } from "./ids.js";
import { Keeper } from "./keeper.js";
import { PAGE_MESSAGES_DEFAULT } from "./limits.js";
import { hasWebSocket } from "./link.js";
import { nextSeqId } from "./seq.js";
import { IndexedDbStore } from "./store/indexeddb.js";
import { MemoryStore } from "./store/memory.js";
import { Tabs } from "./tabs.js";

/** @import {Content, Entry, Held, Kind, Message, Store, Writes} from "./types.js" */
/** @import {LinkOptions, LinkState} from "./link.js" */
/** @import {Said} from "./scribe.js" */

/**
 * @typedef {object} ClientOptions
 * @property {string} url of the server
 * @property {string} token or what gets one (`refresh`)
 * @property {() => string | Promise<string>} [refresh] a fresh token, asked for at every connect
 * @property {string} [uid] whose; read from the token otherwise
 * @property {"indexeddb" | "memory"} [store] `indexeddb` where there is one that tabs can share
 * @property {string} [device] a name that tells two copies in one browser apart
 * @property {LinkOptions["transport"]} [transport] makes the WebSocket; needed where there is no global one
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
  #copy = new Copy();
  /** @type {string | null} */
  #chat = null;
  #history;
  /** @type {Promise<unknown>} one catching up at a time */
  #catching = Promise.resolve();
  /** Whether the copy was read from the store. */
  #shown = false;
  /** Whether it is what the keeper read: then a new keeper is no news. */
  #caught_up = false;
  /** @type {[Writes, Said | undefined][] | null} what was told while the store was read */
  #meanwhile = null;
  #hurry = () => this.hurry();
  #seen = () => globalThis.document?.visibilityState === "visible" && this.hurry();

  /** @param {ClientOptions} options */
  constructor(options) {
    super();
    if (!options.transport && !hasWebSocket()) {
      throw new TypeError("There is no WebSocket here: use Node 22 or newer, or give `transport`, which makes one.");
    }
    this.#options = options;
    this.me = options.uid ?? uidOf(options.token);
    /** @type {LinkState} */
    this.link = "connecting";
    this.retry_at_ms = 0;
    this.name = `sixin/${new URL(options.url).host}/${this.me}${options.device ? `/${options.device}` : ""}`;
    // Without locks two tabs would write one store, each by what it alone knows: then each keeps a copy of its own.
    this.lasting = options.store !== "memory" && typeof indexedDB !== "undefined" && Tabs.possible;
    this.#store = this.lasting ? new IndexedDbStore(this.name) : new MemoryStore();
    this.#history = this.#historyOf(this.#store);
  }

  /** @param {Store} store */
  #historyOf(store) {
    return new History(store, (session_id) => this.held(session_id), (method, ...args) => this.#ask(method, ...args));
  }

  async start() {
    globalThis.addEventListener?.("online", this.#hurry);
    // A page in the background may have slept through its timers.
    globalThis.document?.addEventListener("visibilitychange", this.#seen);
    if (!this.lasting) return void (await this.#lead());
    this.#tabs = new Tabs(this.name, () => this.#lead(), (event) => this.#heard(event));
    if (await this.#tabs.open()) return;
    try {
      this.#copy.takeState(await this.#store.load());
      this.#shown = true;
    } catch {
      return this.#doWithout();
    }
    this.#catchUp();
  }

  /** The browser lends no store after all, as where somebody forbade it: one can talk, and nothing outlives the page. */
  async #doWithout() {
    await this.#tabs?.close();
    this.#tabs = null;
    this.lasting = false;
    this.#store = new MemoryStore();
    this.#history = this.#historyOf(this.#store);
    await this.#lead();
  }

  /** Let go of the link; the copy stays. */
  async close() {
    globalThis.removeEventListener?.("online", this.#hurry);
    globalThis.document?.removeEventListener("visibilitychange", this.#seen);
    if (this.#tabs) await this.#tabs.close();
    else await this.#keeper?.stop();
    this.#store.close();
  }

  /** Forget the copy: on this device nothing of it is left. While another tab shows it, it stays for that one. */
  async forget() {
    const shared = await this.#tabs?.shared();
    if (this.#tabs) await this.#tabs.close();
    else await this.#keeper?.stop();
    if (!shared) await this.#store.clear();
    await this.close();
  }

  /** Try to connect now rather than when the wait is over. */
  hurry() {
    this.#ask("hurry").catch(ignore);
  }

  // What is held.

  /** Whether this tab has the connection. */
  get leads() {
    return this.#keeper !== null;
  }

  /** The conversation list, in its order. */
  get contacts() {
    return this.#copy.heads.listed;
  }

  /** @param {string} session_id */
  contact(session_id) {
    return this.#copy.heads.contacts.get(session_id) ?? null;
  }

  get contact_version() {
    return this.#copy.heads.contact_version;
  }

  /**
   * @param {string} session_id
   * @returns {Held | null}
   */
  held(session_id) {
    return this.#copy.heads.held.get(session_id) ?? null;
  }

  /** The number on the badge: over the contacts that are neither muted nor deleted. */
  get unread_total() {
    return this.#copy.heads.unread_total;
  }

  /**
   * Messages on their way, as written. One with `said` is known to the server and not yet to the copy.
   * @param {string} session_id
   */
  pending(session_id) {
    return this.#copy.pending(session_id);
  }

  /** Messages that the server has not got, of all sessions: waiting or refused. They end with `forget`. */
  get unsent() {
    return this.#copy.unsent;
  }

  /**
   * A page of history, oldest first: the newest one, or the one below a sort_key. What is held comes at once; what is
   * not is pulled. Where that cannot be done it ends early with `more`, or rejects with `unavailable` when there is
   * nothing to show: it never passes over a hole.
   * @param {string} session_id
   * @param {{before_sort_key?: number, limit?: number}} [options]
   * @returns {Promise<{messages: Message[], more: boolean}>}
   */
  history(session_id, { before_sort_key, limit = PAGE_MESSAGES_DEFAULT } = {}) {
    return this.#history.page(session_id, before_sort_key, limit);
  }

  /**
   * One message: from the copy, else looked for in history. Null where there is none that this user may see; rejects
   * with `unavailable` where nobody can be asked.
   * @param {string} session_id
   * @param {string} msg_id
   */
  message(session_id, msg_id) {
    return this.#history.find(session_id, msg_id);
  }

  /**
   * The held page above a sort_key, oldest first: empty where what follows is not held.
   * @param {string} session_id
   * @param {number} after_sort_key
   */
  newer(session_id, after_sort_key) {
    return this.#history.newer(session_id, after_sort_key);
  }

  /**
   * Whether nothing that is known of lies between a sort_key and the newest message held.
   * @param {string} session_id
   * @param {number} sort_key
   */
  reachesTop(session_id, sort_key) {
    return this.#history.reachesTop(session_id, sort_key);
  }

  /**
   * Every message in the store, shown or not, for those who look inside.
   * @param {string} session_id
   */
  kept(session_id) {
    return this.#store.page(session_id, 0, Number.MAX_SAFE_INTEGER, 1_000);
  }

  // What a person does.

  /**
   * Somebody looks at this session from now on: it is held, and checked now and then.
   * @param {string} session_id
   */
  enter(session_id) {
    if (this.#chat) this.#ask("chatClosed", this.#chat).catch(ignore);
    this.#chat = session_id;
    this.#ask("chatOpened", session_id).catch(ignore);
  }

  /** Back in the list. */
  leave() {
    if (this.#chat) this.#ask("chatClosed", this.#chat).catch(ignore);
    this.#chat = null;
  }

  /** Somebody looks at the list: make sure of it. */
  listEntered() {
    this.#ask("listEntered").catch(ignore);
  }

  /**
   * Say something: to a user, or in a session. It is in `pending` when this returns, and leaves when the link allows.
   * @param {{to?: string, session_id?: string}} where
   * @param {Content | string} words a string is a text
   * @param {{reply_to?: string}} [options] the `msg_id` of the message that it answers
   * @returns {{session_id: string, seq_id: number}} by which it can be told until the server knows it
   */
  send(where, words, { reply_to } = {}) {
    const session_id = where.session_id ?? pairSessionId(this.me, where.to ?? "");
    const seq_id = nextSeqId(this.#copy.last_seq_id, Date.now(), Math.random());
    const content = typeof words === "string" ? { type: "text", text: words } : words;
    const body = { content: reply_to ? { ...content, reply_to } : content };
    const kind = /** @type {Kind} */ ("send");
    const entry = { number: 0, session_id, kind, body, queued_at_ms: Date.now(), seq_id, refused: "", reason: "" };
    this.#changed({ entries: [entry] });
    const failed = (/** @type {any} */ { code, message }) =>
      this.#changed({ entries: [{ ...entry, refused: code ?? "unavailable", reason: message }] });
    this.#ask("queue", { session_id, kind, body, seq_id }).catch(failed);
    return { session_id, seq_id };
  }

  /** @param {Entry} entry */
  retry(entry) {
    if (entry.number) return this.#ask("retry", entry.number);
    const { session_id, kind, body, seq_id } = entry;
    this.#changed({ entries: [{ ...entry, refused: "" }] });
    return this.#ask("queue", { session_id, kind, body, seq_id });
  }

  /** @param {Entry} entry */
  async discard(entry) {
    if (entry.number) await this.#ask("discard", entry.number);
    else this.#copy.drop(entry);
    this.#dispatch("changed", {});
  }

  /**
   * Any operation of the server that cannot wait; its rows are taken into the copy. Rejects with a `SixinError`.
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
    return this.#queue(session_id, "delete", { msg_ids: [msg_id], scope });
  }

  /**
   * Clear everything up to a message: named, so that what comes meanwhile stays.
   * @param {string} session_id
   * @param {string} [up_to_msg_id] the newest that is known of, if it is left out
   */
  async clear(session_id, up_to_msg_id = this.contact(session_id)?.last_msg_id ?? "0") {
    if (up_to_msg_id !== "0") await this.#queue(session_id, "clear", { up_to_msg_id });
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
    return this.#queue(session_id, "read", { msg_id });
  }

  /**
   * @param {string} session_id
   * @param {boolean} pinned
   */
  pin(session_id, pinned) {
    return this.#queue(session_id, "pin", { pinned });
  }

  /**
   * @param {string} session_id
   * @param {boolean} muted
   */
  mute(session_id, muted) {
    return this.#queue(session_id, "mute", { muted });
  }

  /**
   * @param {string} session_id
   * @param {string[]} labels
   */
  label(session_id, labels) {
    return this.#queue(session_id, "label", { labels });
  }

  /** @param {string} session_id */
  typing(session_id) {
    return this.operate("typing", { session_id }).catch(ignore);
  }

  // Inside.

  /**
   * @param {string} session_id
   * @param {Kind} kind
   * @param {Record<string, any>} body
   */
  #queue(session_id, kind, body) {
    return this.#ask("queue", { session_id, kind, body });
  }

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
    await keeper.start((kept) => {
      if (this.#shown) return;
      // Who opens it first reads the store once: for the keeper, and for what is shown.
      this.#copy.takeState(kept);
      this.#shown = this.#caught_up = true;
    });
    this.#keeper = keeper;
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
      this.#changed(event.writes, event.said);
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

  /** What was told before this tab listened, or by a keeper that is gone before it could tell. */
  #catchUp() {
    this.#catching = this.#catching.then(() => this.#caughtUp()).catch(ignore); // nobody keeps the copy yet: whoever will says so
  }

  async #caughtUp() {
    const { state, retry_in_ms } = await this.#ask("greeting");
    this.#heard({ event: "link", state, retry_in_ms });
    if (!this.#caught_up) await this.#takeAnew();
    this.#caught_up = false;
    if (this.#chat) await this.#ask("chatOpened", this.#chat);
    this.#dispatch("changed", {});
  }

  async #takeAnew() {
    this.#meanwhile = [];
    try {
      const kept = await this.#store.load();
      this.#copy.takeState(kept);
    } finally {
      // The store may have been read before these were written; told twice is as good as once.
      for (const [writes, said] of this.#meanwhile) this.#copy.take(writes, said);
      this.#meanwhile = null;
    }
  }

  /**
   * @param {Writes} writes
   * @param {Said} [said]
   */
  #changed(writes, said) {
    this.#meanwhile?.push([writes, said]);
    this.#copy.take(writes, said);
    this.#dispatch("changed", writes);
  }

  /** One name for each copy, so that the server can tell a user's devices apart. */
  #deviceId() {
    if (!this.lasting || typeof localStorage === "undefined") return randomId();
    const key = `${this.name}/device_id`;
    const device_id = localStorage.getItem(key) ?? randomId();
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

const ignore = () => {};

/**
 * Whose token it is, as it says itself; the server checks.
 * @param {string} token a JWT
 * @returns {string}
 */
export function uidOf(token) {
  const payload = token.split(".")[1] ?? "";
  return String(JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/"))).sub);
}
