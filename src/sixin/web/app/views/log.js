/** Log: the messages of a chat on the screen. Keeps its place while pages come in above and changes anywhere. */

import { compareIds } from "../../sdk/index.js";
import { day, dayKey } from "../format.js";
import { words } from "../words/index.js";
import { Arrivals } from "./arrivals.js";
import { arrange, h, iconButton } from "./dom.js";
import { drawMessage, drawPending, isReadBy } from "./message.js";
import { drawQuote } from "./quote.js";
import { toast } from "./toast.js";
import { Walk } from "./walk.js";

/** @import {Account} from "../models/account.js" */
/** @import {Conversation} from "../models/conversation.js" */
/** @import {Content, Message} from "../../sdk/types.js" */

/** So near to the bottom one is at the bottom. */
const NEAR_PX = 48;
/** Between the line above the unread and the top. */
const AIR_PX = 10;
/** So near to the top the next page is asked for. */
const AHEAD_PX = 900;
/** A pause that ends a run of one sender's messages. */
const RUN_MS = 5 * 60_000;

export class LogView {
  #account;
  #conversation;
  /** @type {Map<string, {row: HTMLElement, shown: string}>} */
  #rows = new Map();
  #sticky = true;
  /** What the box and its content measured when it was last put in place. */
  #size = "";
  #paging = false;
  /** @type {string | null} above this one the unread begin; null while that is not known */
  #unread_above = null;
  #frame = 0;
  #drawn = false;
  /** The newest message that was told to be read. */
  #read = "";
  #walk;
  #arrivals;
  #stop = new AbortController();
  /** @type {HTMLElement | null} what has the focus again when the rows are in place */
  #refocus = null;

  /**
   * @param {Account} account
   * @param {Conversation} conversation
   */
  constructor(account, conversation) {
    this.#account = account;
    this.#conversation = conversation;
    this.rows = h("div", { class: "log-rows" });
    this.box = h(
      "div",
      {
        class: "log",
        role: "log",
        "aria-live": "off", // arrivals.js speaks
        tabindex: "0",
        "aria-label": words().pick,
        onscroll: () => this.#onScroll(),
        onclick: (/** @type {MouseEvent} */ event) => this.#onTap(/** @type {Element} */ (event.target)),
      },
      this.rows,
    );
    this.#walk = new Walk(this.box, this.rows);
    this.#arrivals = new Arrivals(account);
    this.below = h("span", { class: "badge", hidden: true });
    this.down = iconButton("down", words().to_newest, () => this.toNewest(), { class: "icon-button to-newest", hidden: true });
    this.down.append(this.below);
    this.element = h("div", { class: "log-frame" }, this.box, this.down, this.#arrivals.element);
    const { signal } = this.#stop;
    conversation.addEventListener("changed", () => this.#soon(), { signal });
    account.addEventListener("changed", () => this.#soon(), { signal });
    account.addEventListener("attended", () => this.#soon(), { signal });
    const size = new ResizeObserver(() => this.#settle());
    size.observe(this.box);
    size.observe(this.rows);
    signal.addEventListener("abort", () => size.disconnect());
    this.#soon();
  }

  close() {
    this.#stop.abort();
    cancelAnimationFrame(this.#frame);
  }

  /** Back to where the newest message is. */
  async toNewest() {
    this.#sticky = true;
    this.#unread_above = null;
    if (!this.#conversation.atNewest) await this.#conversation.open();
    this.#soon();
  }

  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#render();
      const { state, atNewest, messages } = this.#conversation;
      if (state === "ready" && !this.#drawn) this.#beginAtUnread();
      this.#drawn = state === "ready";
      if (this.#drawn && atNewest) this.#arrivals.follow(messages);
      this.#markRead();
    });
  }

  #render() {
    const before = this.#anchor();
    this.#refocus = null;
    arrange(this.rows, this.#wanted());
    /** @type {HTMLElement | null} */ (this.#refocus)?.focus({ preventScroll: true });
    if (this.#sticky) this.box.scrollTop = this.box.scrollHeight;
    else if (before) this.#keepInPlace(before);
    this.#size = this.#measured();
    this.#showDown();
    this.#page();
  }

  /** Who comes in begins with what he has not read, where that is more than fits above the field. */
  #beginAtUnread() {
    const line = this.#rows.get("unread")?.row;
    // As the first of what is held it may not be where the unread begin.
    if (!line || (this.#conversation.more && this.#isUnread(this.#conversation.messages[0]))) return;
    const above_px = this.box.getBoundingClientRect().top - line.getBoundingClientRect().top;
    if (above_px <= 0) return;
    this.#sticky = false;
    this.box.scrollTop -= above_px + AIR_PX;
    this.#showDown();
  }

  /** The first message in sight: whatever changes, it stays where it is. The lines between them move up with a page. */
  #anchor() {
    const top = this.box.getBoundingClientRect().top;
    for (const [key, { row }] of this.#rows) {
      if (/^(head|unread|day)/.test(key)) continue;
      const box = row.getBoundingClientRect();
      if (box.bottom > top) return { key, top: box.top };
    }
    return null;
  }

  /** By its name, not its element: with a page above it the first of a run may be drawn anew. @param {{key: string, top: number}} before */
  #keepInPlace({ key, top }) {
    const row = this.#rows.get(key)?.row;
    if (row) this.box.scrollTop += row.getBoundingClientRect().top - top;
  }

  /** @returns {Node[]} */
  #wanted() {
    const { messages, more, state } = this.#conversation;
    const entries = this.#conversation.atNewest ? this.#account.client.pending(this.#conversation.session_id) : [];
    const known = new Set(messages.map(({ sender, seq_id }) => `${sender}/${seq_id}`));
    const contact = this.#account.contact;
    /** @type {Map<string, {row: HTMLElement, shown: string}>} */
    const rows = new Map();
    const keep = (/** @type {string} */ key, /** @type {string} */ shown, /** @type {() => HTMLElement} */ draw, pending = "") => {
      const had = this.#rows.get(key);
      if (had?.shown === shown) return rows.set(key, had);
      const row = this.#walk.enter(draw());
      const before = had ?? this.#rows.get(pending);
      if (before) this.#takeOver(before.row, row);
      return rows.set(key, { row, shown });
    };
    keep("head", `${state}${more}`, () => this.#head());
    this.#placeUnreadLine(messages);
    /** @type {Message | undefined} */
    let last;
    let line_drawn = false;
    for (const message of messages) {
      this.#dayLine(keep, last?.sent_at_ms, message.sent_at_ms);
      if (!line_drawn && this.#isUnread(message)) {
        line_drawn = true;
        keep("unread", "", () => h("div", { class: "unread-line", role: "separator" }, h("span", {}, words().unread_line)));
      }
      const first = !last || last.sender !== message.sender || last.status !== "normal" || message.sent_at_ms - last.sent_at_ms > RUN_MS;
      const read = isReadBy(message, contact?.peer_read_msg_id ?? "0");
      const { quote, standing } = this.#quote(message.content);
      const shown = `${message.version_id}${first}${read}${standing}`;
      const draw = () => drawMessage(this.#account, message, { first, read, quote: quote() });
      keep(message.msg_id, shown, draw, message.sender === this.#account.uid ? `seq/${message.seq_id}` : "");
      last = message;
    }
    // Stored, and not yet among the messages: what was drawn of it while it waited stays until it is.
    for (const [key, row] of this.#rows) {
      const said = key.startsWith("seq/") && `${this.#account.uid}/${key.slice(4)}`;
      if (said && !known.has(said) && this.#conversation.isArriving(said)) rows.set(key, row);
    }
    for (const [nth, entry] of entries.entries()) {
      if (known.has(`${this.#account.uid}/${entry.seq_id}`)) continue;
      if (!nth) this.#dayLine(keep, last?.sent_at_ms, entry.queued_at_ms);
      const first = nth === 0 && last?.sender !== this.#account.uid;
      const { quote, standing } = this.#quote(entry.body.content);
      keep(`seq/${entry.seq_id}`, `${entry.refused}${!!entry.said}${standing}`, () =>
        drawPending(this.#account, entry, { first, quote: quote() }),
      );
    }
    this.#rows = rows;
    return [...rows.values()].map(({ row }) => row);
  }

  /**
   * Drawn anew, because it was stored or read: who was about to do something with it is not sent back.
   * @param {HTMLElement} old
   * @param {HTMLElement} row
   */
  #takeOver(old, row) {
    row.classList.toggle("is-tapped", old.classList.contains("is-tapped"));
    this.#walk.replaced(old, row);
    const on = document.activeElement;
    if (on && old.contains(on)) this.#refocus = on.matches(".message-more") ? row.querySelector(".message-more") : row;
  }

  /** What a message answers, and how that stands. @param {Content | null} content */
  #quote(content) {
    if (!content?.reply_to) return { quote: () => null, standing: "" };
    const original = this.#conversation.original(content.reply_to);
    const element = () => drawQuote(this.#account, original, (msg_id) => this.show(msg_id));
    return { quote: () => ({ element: element(), original }), standing: original ? `/${original.version_id}` : `/${original}` };
  }

  #head() {
    const { more, state, messages } = this.#conversation;
    if (state === "unreachable") return h("p", { class: "log-head" }, words().unreachable);
    if (state === "loading" || more) return h("p", { class: "log-head" }, words().loading);
    return h("p", { class: "log-head" }, messages.length ? words().beginning : "");
  }

  /**
   * @param {(key: string, shown: string, draw: () => HTMLElement) => void} keep
   * @param {number | undefined} before_ms
   * @param {number} at_ms
   */
  #dayLine(keep, before_ms, at_ms) {
    if (before_ms !== undefined && dayKey(before_ms) === dayKey(at_ms)) return;
    keep(`day/${dayKey(at_ms)}`, day(at_ms), () => h("div", { class: "day-line", role: "separator" }, h("span", {}, day(at_ms))));
  }

  /**
   * The line stands where the unread began when one came in, and stays there until one is in the picture again.
   * @param {Message[]} messages
   */
  #placeUnreadLine(messages) {
    const contact = this.#account.contact;
    // He read it all and looked away: what comes next is new again.
    if (contact && !contact.unread && !this.#account.attended) this.#unread_above = null;
    if (this.#unread_above !== null || !contact?.unread || !messages.length) return;
    if (this.#account.attended && this.#sticky && this.#drawn) return; // it comes in under his eyes
    this.#unread_above = contact.last_read_msg_id;
  }

  /** @param {Message} message */
  #isUnread({ msg_id, sender, status }) {
    const unread = this.#unread_above !== null && sender !== this.#account.uid && status === "normal";
    return unread && compareIds(msg_id, /** @type {string} */ (this.#unread_above)) > 0;
  }

  /** A finger does not hover: the message it touched shows what can be done with it. @param {Element} at */
  #onTap(at) {
    for (const row of this.rows.querySelectorAll(".is-tapped")) row.classList.remove("is-tapped");
    at.closest(".message")?.classList.add("is-tapped");
  }

  // Scrolling.

  #measured() {
    return `${this.box.scrollHeight}/${this.box.clientHeight}`;
  }

  #onScroll() {
    // Nobody scrolled: what is in the box, or the box itself, has another size, and is put in place for that.
    if (this.#sticky && this.#size !== this.#measured()) return this.#settle();
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    this.#sticky = this.#conversation.atNewest && scrollHeight - scrollTop - clientHeight < NEAR_PX;
    this.#showDown();
    this.#page();
    this.#markRead();
  }

  /** The size changed, of the box or of what is in it (a picture came): at the bottom stays at the bottom. */
  #settle() {
    if (this.#sticky) this.box.scrollTop = this.box.scrollHeight;
    this.#size = this.#measured();
    this.#showDown();
    this.#page();
  }

  #showDown() {
    const unread = this.#account.contact?.unread ?? 0;
    this.below.hidden = unread === 0;
    this.below.textContent = unread > 99 ? "99+" : String(unread);
    const name = unread ? `${words().to_newest}, ${words().unread(unread)}` : words().to_newest;
    this.down.setAttribute("aria-label", name);
    this.down.title = name;
    this.down.hidden = this.#sticky || (this.#conversation.atNewest && this.box.scrollHeight <= this.box.clientHeight + NEAR_PX);
  }

  async #page() {
    if (this.#paging || this.#conversation.state !== "ready" || !this.box.clientHeight) return;
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    const up = scrollTop < AHEAD_PX && this.#conversation.more;
    const down = !this.#conversation.atNewest && scrollHeight - scrollTop - clientHeight < AHEAD_PX;
    if (!up && !down) return;
    this.#paging = true;
    const before = this.#conversation.messages.length;
    const first = this.#conversation.messages[0]?.msg_id;
    await (up ? this.#conversation.older() : this.#conversation.newer());
    this.#paging = false;
    // Where nothing came, the link is away: asked again when somebody scrolls.
    const { messages } = this.#conversation;
    if (messages.length !== before || messages[0]?.msg_id !== first) this.#soon();
  }

  /** What stands in the picture of somebody who looks is read. */
  #markRead() {
    const contact = this.#account.contact;
    if (!this.#account.attended || !this.#sticky || !contact?.unread || !this.#conversation.atNewest) return;
    const newest = this.#conversation.messages.findLast(({ sender }) => sender !== this.#account.uid);
    if (!newest || compareIds(newest.msg_id, contact.last_read_msg_id) <= 0) return;
    if (this.#read === newest.msg_id) return;
    this.#read = newest.msg_id;
    this.#account.client.read(contact.session_id, newest.msg_id).catch(() => (this.#read = ""));
  }

  /** Bring a message into sight, from wherever it is, and mark it for a moment. @param {string} msg_id */
  async show(msg_id) {
    if (!(await this.#conversation.showAround(msg_id))) return toast(words().not_available);
    this.#sticky = false;
    this.#render();
    const row = this.#rows.get(msg_id)?.row;
    if (!row) return;
    row.scrollIntoView({ block: "center" });
    row.tabIndex = -1;
    row.focus({ preventScroll: true });
    row.classList.add("is-shown");
    row.addEventListener("animationend", () => row.classList.remove("is-shown"), { once: true });
  }

  /** Somebody answered: what came before is no longer new to him. */
  answered() {
    this.#unread_above = null;
    this.#sticky = true;
    if (!this.#conversation.atNewest) this.toNewest();
    this.#soon();
  }
}
