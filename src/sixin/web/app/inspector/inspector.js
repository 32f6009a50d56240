/** Inspector: the design explains itself: both timelines, every device and every frame, while people chat. */

import { isUid, pairSessionId } from "../../sdk/index.js";
import { weatherOf } from "../transport.js";
import { h } from "../views/dom.js";
import { drawDevice } from "./devices.js";
import { Story } from "./stories.js";
import { Tables } from "./tables.js";
import { storedSession } from "./truth.js";
import { Wire } from "./wire.js";
import { told } from "./words.js";

/** @import {Account} from "../models/account.js" */
/** @import {Message} from "../../sdk/types.js" */
/** @import {Stored} from "./truth.js" */

/** So soon after a change the server is asked again: one glance for a burst. */
const GLANCE_MS = 60;
/** A session in which nobody here takes part tells nothing by itself: it is looked at so often. */
const WATCH_MS = 1_000;

export class Inspector {
  #accounts;
  #tokenOf;
  #wire = new Wire();
  #tables = new Tables();
  /** @type {Story | null} */
  #story = null;
  /** @type {any} */
  #timer = null;
  #stop = new AbortController();
  /** @type {WeakSet<Account>} also those who come in while the inspector is open */
  #watched = new WeakSet();
  #session_id = "";
  /** The session that somebody named; empty: the one that is open in a pane. */
  #named = "";
  /** Whose token was good for the last look. */
  #admin = "";
  /** The newest row stays in sight until somebody scrolls away from it. */
  #follows = true;
  messages = h("div", { class: "table-box", tabindex: "0", role: "region", "aria-label": told().timeline });
  contacts = h("div", { class: "table-box", tabindex: "0", role: "region", "aria-label": told().contacts });
  devices = h("div", { class: "devices" });
  story = h("div", {});

  /**
   * @param {Map<string, Account>} accounts
   * @param {(uid: string) => string} tokenOf
   */
  constructor(accounts, tokenOf) {
    this.#accounts = accounts;
    this.#tokenOf = tokenOf;
    // Only a hand says that somebody looks elsewhere: rows that come and a box that is resized scroll it too.
    for (const hand of ["wheel", "touchmove", "pointerup", "keydown"]) {
      this.messages.addEventListener(hand, () => requestAnimationFrame(() => this.#lookAround()), { passive: true });
    }
    new ResizeObserver(() => this.#follow()).observe(this.messages);
  }

  close() {
    this.#stop.abort();
    this.#story?.leave();
    clearTimeout(this.#timer);
  }

  draw() {
    const all = told();
    for (const account of this.#accounts.values()) if (!this.#watched.has(account)) this.#watch(account);
    this.#drawStories();
    this.#follows = true;
    this.#glance();
    return h(
      "section",
      { class: "inspector", "aria-label": all.title },
      h("header", { class: "inspector-head" }, h("h2", {}, all.title), h("p", {}, all.hint)),
      h("div", { class: "inspector-tools" }, this.story, this.#field()),
      block(all.timeline, all.timeline_hint, this.messages, "is-tallest"),
      block(all.contacts, all.contacts_hint, this.contacts),
      block(all.devices, all.devices_hint, this.devices),
      block(all.wire, all.wire_hint, this.#wire.list, "is-tall"),
    );
  }

  /** @param {Account} account */
  #watch(account) {
    this.#watched.add(account);
    const { signal } = this.#stop;
    const { client, uid } = account;
    for (const name of ["changed", "link"]) client.addEventListener(name, () => this.#soon(), { signal });
    account.addEventListener("selected", () => this.#soon(), { signal });
    client.addEventListener("asked", (event) => this.#wire.asked(uid, /** @type {CustomEvent} */ (event).detail), { signal });
    client.addEventListener("frame", (event) => this.#wire.add({ uid, .../** @type {CustomEvent} */ (event).detail.frame }), { signal });
    weatherOf(uid).addEventListener(
      "changed",
      (event) => {
        const { what, text } = /** @type {CustomEvent} */ (event).detail;
        if (text) this.#wire.add({ uid, at_ms: Date.now(), direction: what, text });
        this.#soon();
      },
      { signal },
    );
  }

  /** Where a session is named: two uids, in either order. */
  #field() {
    const look = () => {
      const [one, other] = input.value.trim().split(":");
      this.#named = isUid(one) && isUid(other ?? "") ? pairSessionId(one, other) : "";
      input.setCustomValidity(input.value.trim() && !this.#named ? told().look_into : "");
      this.#follows = true;
      this.#glance();
    };
    const input = h("input", { type: "search", class: "look-into", placeholder: told().look_into, "aria-label": told().look_into, onchange: look });
    input.value = this.#named;
    return input;
  }

  /** @param {number} [in_ms] */
  #soon(in_ms = GLANCE_MS) {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#glance();
    }, in_ms);
  }

  async #glance() {
    const accounts = [...this.#accounts.values()];
    const session_id = this.#named || accounts.find(({ conversation }) => conversation)?.conversation?.session_id;
    if (!session_id) {
      this.messages.replaceChildren(h("p", { class: "empty" }, told().no_session));
      this.devices.replaceChildren(...accounts.map((account) => drawDevice(account, "", 0)));
      return;
    }
    if (session_id !== this.#session_id) this.#tables = new Tables();
    this.#session_id = session_id;
    const inside = accounts.filter(({ uid }) => session_id.split(":").includes(uid));
    const kept = await Promise.all(inside.map(async ({ client, uid }) => ({ uid, kept: byId(await client.kept(session_id)) })));
    const stored = await this.#stored(session_id, accounts);
    this.#show(stored, kept);
    if (stored && !inside.length) this.#soon(WATCH_MS);
    this.devices.replaceChildren(...inside.map((account, nth) => drawDevice(account, session_id, kept[nth].kept.size)));
  }

  /**
   * With the token of whichever account may look.
   * @param {string} session_id
   * @param {Account[]} accounts
   */
  async #stored(session_id, accounts) {
    const uids = accounts.map(({ uid }) => uid);
    for (const uid of new Set([...uids.filter((one) => one === this.#admin), ...uids])) {
      const stored = await storedSession(session_id, this.#tokenOf(uid));
      if (stored) return (this.#admin = uid), stored;
    }
    return null;
  }

  /**
   * @param {Stored | null} stored
   * @param {{uid: string, kept: Map<string, Message>}[]} holders
   */
  #show(stored, holders) {
    if (!stored) {
      this.messages.replaceChildren(h("p", { class: "empty" }, told().no_right));
      this.contacts.replaceChildren();
      return;
    }
    this.messages.replaceChildren(this.#tables.messages(stored.messages, holders));
    this.#follow();
    this.contacts.replaceChildren(...this.#tables.contacts(stored.contacts));
  }

  #follow() {
    if (this.#follows) this.messages.scrollTop = this.messages.scrollHeight;
  }

  #lookAround() {
    const { scrollHeight, scrollTop, clientHeight } = this.messages;
    this.#follows = scrollHeight - scrollTop - clientHeight < 30;
  }

  #drawStories() {
    const [ann, bob] = this.#accounts.values();
    if (!ann || !bob) return this.story.replaceChildren();
    if (this.#story) return this.story.replaceChildren(this.#story.element);
    const all = told();
    const choices = /** @type {const} */ (["recall", "clear"]).map((name) =>
      h("button", { type: "button", onclick: () => this.#tell(name) }, all[`story_${name}`]),
    );
    return this.story.replaceChildren(h("div", { class: "stories" }, h("span", {}, all.stories), ...choices));
  }

  /** @param {"recall" | "clear"} name */
  #tell(name) {
    const [ann, bob] = this.#accounts.values();
    const session_id = this.#session_id;
    if (!session_id) return;
    this.#story = new Story(name, { ann, bob, session_id, tokenOf: this.#tokenOf }, () => {
      this.#story?.leave();
      this.#story = null;
      this.#drawStories();
    });
    this.#drawStories();
  }
}

/**
 * @param {string} title
 * @param {string} hint
 * @param {HTMLElement} content
 * @param {string} [style]
 */
const block = (title, hint, content, style = "") =>
  h("section", { class: `block ${style}` }, h("h3", {}, title, hint && h("small", {}, hint)), content);

/** @param {Message[]} messages */
const byId = (messages) => new Map(messages.map((message) => [message.msg_id, message]));

/** Its colours and table come with it, not with the first load, and from the same edition as this module. */
const SHEET = new URL("../../styles/inspector.css", import.meta.url).pathname;

/** Until it can be drawn as it is meant. */
export async function styled() {
  if (document.querySelector(`link[href="${SHEET}"]`)) return;
  await new Promise((done) => document.head.append(h("link", { rel: "stylesheet", href: SHEET, onload: done, onerror: done })));
}
