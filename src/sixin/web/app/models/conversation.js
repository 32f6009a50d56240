/**
 * Conversation: the stretch of one timeline that is on the screen. Always inside one held range, so that no hole is
 * ever between two of its messages.
 */

import { compareIds } from "../../sdk/index.js";
import { Originals } from "./originals.js";
import { drafts } from "./settings.js";

/** @import {Client} from "../../sdk/client.js" */
/** @import {Content, Message, Writes} from "../../sdk/types.js" */

/** Messages kept on the screen; beyond it the far end is let go and read again when somebody comes back. */
export const WINDOW_MAX = 300;
const PAGE = 50;

/** @typedef {{forget: boolean, rows: Map<string, Message>, gone: Set<string>}} News */

export class Conversation extends EventTarget {
  #client;
  /** @type {Promise<unknown>} one step at a time */
  #steps = Promise.resolve();
  #onChanged = (/** @type {Event} */ event) => this.#changed(/** @type {CustomEvent} */ (event).detail);
  #closed = false;
  /** @type {News | null} what came in since the last step */
  #news = null;
  /** @type {Set<string>} what they bring, by `sender/seq_id` */
  #arriving = new Set();
  /** @type {Set<string>} and what the step under way brings */
  #landing = new Set();
  #originals;

  /**
   * @param {Client} client
   * @param {string} session_id
   */
  constructor(client, session_id) {
    super();
    this.#client = client;
    this.session_id = session_id;
    /** @type {Message[]} */
    this.messages = [];
    this.more = true;
    this.atNewest = true;
    /** @type {"loading" | "ready" | "unreachable"} */
    this.state = "loading";
    /** @type {string | null} the message that is being answered */
    this.answering = drafts.answered(client.me, session_id);
    this.#originals = new Originals(client, session_id, () => this.dispatchEvent(new Event("changed")));
    client.addEventListener("changed", this.#onChanged);
    client.addEventListener("link", this.#onLink);
  }

  #onLink = () => {
    if (this.#client.link === "online") this.#originals.ask();
    if (this.#client.link === "online" && this.state === "unreachable") this.open();
  };

  /** Show the newest page. */
  open() {
    return this.#step(async () => {
      const { messages, more } = await this.#client.history(this.session_id);
      this.#show(messages, { more, atNewest: true });
    });
  }

  /** Show the page around a message; false where there is none to see, or nobody can be asked. @param {string} msg_id */
  async showAround(msg_id) {
    await this.#step(async () => {
      if (this.#has(msg_id)) return;
      const message = await this.#client.message(this.session_id, msg_id);
      if (!message) return;
      const { messages, more } = await this.#client.history(this.session_id, { before_sort_key: message.sort_key + PAGE / 2 });
      this.#show(messages, { more, atNewest: this.#endsAtTop(messages[messages.length - 1]) });
    });
    return this.#has(msg_id);
  }

  /** @param {string} msg_id */
  #has(msg_id) {
    return this.messages.some((message) => message.msg_id === msg_id);
  }

  /**
   * What a message answers, as it now stands; null where there is none to see, undefined as long as that is not known.
   * @param {string} msg_id
   */
  original(msg_id) {
    return this.messages.find((message) => message.msg_id === msg_id) ?? this.#originals.of(msg_id);
  }

  /** What is written next answers this message, or none. @param {string | null} msg_id */
  answer(msg_id) {
    this.answering = msg_id;
    drafts.answer(this.#client.me, this.session_id, msg_id);
    this.dispatchEvent(new Event("answering"));
  }

  /** Words that were not taken are written anew, before what has been written since. @param {Content} content */
  rewrite({ text, reply_to }) {
    const since = drafts.of(this.#client.me, this.session_id);
    drafts.keep(this.#client.me, this.session_id, [text, since].filter(Boolean).join("\n"));
    this.dispatchEvent(new Event("rewritten"));
    this.answer(reply_to ?? this.answering);
  }

  /** Answer the message before or after the one that is being answered; past the newest, none. @param {-1 | 1} step */
  answerNext(step) {
    const all = this.messages.filter(({ status, content }) => status === "normal" && content?.type !== "tips");
    const now = this.answering ? all.findIndex(({ msg_id }) => msg_id === this.answering) : all.length;
    const next = Math.max(0, (now < 0 ? all.length : now) + step);
    this.answer(all[next]?.msg_id ?? null);
  }

  /** Show a page more above. */
  older() {
    return this.#step(async () => {
      const first = this.messages[0];
      if (!this.more || !first) return;
      const { messages, more } = await this.#client.history(this.session_id, { before_sort_key: first.sort_key });
      const all = [...messages, ...this.messages];
      this.#show(all.slice(0, WINDOW_MAX), { more, atNewest: this.atNewest && all.length <= WINDOW_MAX });
    });
  }

  /** Show what follows below, after the window was scrolled away from the newest. */
  newer() {
    return this.#step(async () => {
      const last = this.messages.at(-1);
      if (this.atNewest || !last) return;
      const following = await this.#following(last);
      if (!following.length && !this.#endsAtTop(last)) {
        const { messages, more } = await this.#client.history(this.session_id);
        this.#show(messages, { more, atNewest: true });
        return;
      }
      const all = [...this.messages, ...following.slice(0, PAGE)];
      const shown = all.slice(-WINDOW_MAX);
      this.#show(shown, { more: this.more || shown.length < all.length, atNewest: this.#endsAtTop(shown[shown.length - 1]) });
    });
  }

  /** What is held above a message, else the next page. @param {Message} last */
  async #following({ sort_key }) {
    const held = await this.#client.newer(this.session_id, sort_key);
    if (held.length || this.#client.reachesTop(this.session_id, sort_key)) return held;
    const { messages } = await this.#client.history(this.session_id, { before_sort_key: sort_key + PAGE + 1 });
    return messages.filter((message) => message.sort_key > sort_key);
  }

  close() {
    this.#closed = true;
    this.#client.removeEventListener("changed", this.#onChanged);
    this.#client.removeEventListener("link", this.#onLink);
  }

  /** Whether a message, by `sender/seq_id`, is in the copy and will be among the messages in a moment. @param {string} said */
  isArriving(said) {
    return this.#arriving.has(said) || this.#landing.has(said);
  }

  /** @param {Message} last */
  #endsAtTop(last) {
    return this.#client.reachesTop(this.session_id, last.sort_key);
  }

  /** @param {Writes} writes */
  #changed(writes) {
    const { forget = false, messages = [], hidden = [], cleared = [], held = [] } = writes;
    this.#originals.changed(writes);
    const ours = ({ session_id = "" }) => session_id === this.session_id;
    const rows = messages.filter(ours);
    const gone = hidden.filter(ours).flatMap(({ msg_ids }) => msg_ids);
    if (this.state !== "ready" || !(forget || rows.length || gone.length || [...cleared, ...held].some(ours))) return;
    // A burst of changes is one step: those that come while it waits for its turn go with it.
    const waiting = this.#news !== null;
    const news = (this.#news ??= { forget: false, rows: new Map(), gone: new Set() });
    news.forget ||= forget;
    for (const row of rows) this.#arriving.add(`${row.sender}/${row.seq_id}`);
    for (const row of rows) news.rows.set(row.msg_id, newest(row, news.rows.get(row.msg_id)));
    for (const msg_id of gone) news.gone.add(msg_id);
    if (!waiting) this.#step(() => this.#follow());
  }

  async #follow() {
    const { forget, rows, gone } = /** @type {News} */ (this.#news);
    this.#news = null;
    [this.#landing, this.#arriving] = [this.#arriving, new Set()];
    const mark = this.#client.contact(this.session_id)?.last_del_msg_id ?? "0";
    const kept = this.messages
      .filter(({ msg_id }) => !forget && !gone.has(msg_id) && compareIds(msg_id, mark) > 0)
      .map((message) => newest(message, rows.get(message.msg_id)));
    if (!this.atNewest) return this.#show(kept, this);
    const last = kept.at(-1);
    if (!last || !this.#endsAtTop(last)) {
      // Cleared, or so far behind that a hole came between: begin again at the newest.
      const { messages: page, more } = await this.#client.history(this.session_id);
      return this.#show(page, { more, atNewest: true });
    }
    const all = [...kept, ...(await this.#client.newer(this.session_id, last.sort_key))];
    const shown = all.slice(-WINDOW_MAX);
    return this.#show(shown, { more: this.more || shown.length < all.length, atNewest: true });
  }

  /**
   * @param {Message[]} messages
   * @param {{more: boolean, atNewest: boolean}} where
   */
  #show(messages, { more, atNewest }) {
    this.messages = messages;
    this.more = more;
    this.atNewest = atNewest;
    this.#landing = new Set();
    this.state = "ready";
    this.dispatchEvent(new Event("changed"));
  }

  /** @param {() => Promise<unknown>} step */
  #step(step) {
    this.#steps = this.#steps.then(async () => {
      if (this.#closed) return;
      try {
        await step();
      } catch {
        // The link is away. What is shown stays shown; the banner says why there is no more.
        if (this.state === "loading") this.state = "unreachable";
        this.dispatchEvent(new Event("changed"));
      }
    });
    return this.#steps;
  }
}

/**
 * @param {Message} before
 * @param {Message} [after]
 */
const newest = (before, after) => (after && after.version_id >= before.version_id ? after : before);
