/** Account: one user in one pane: his client, what he has selected, and who is typing to him. */

import { Client, peerOf } from "../../sdk/index.js";
import { Conversation } from "./conversation.js";
import { nameOf } from "./names.js";

/** @import {ClientOptions} from "../../sdk/client.js" */
/** @import {Contact} from "../../sdk/types.js" */

/** A typing notice is good for so long. */
const TYPING_MS = 4_000;

export class Account extends EventTarget {
  /** @type {Map<string, any>} */
  #typing = new Map();
  /** @type {{all: readonly Contact[], wanted: string, found: Contact[]}} what was looked for last */
  #found = { all: [], wanted: "", found: [] };

  /**
   * @param {ClientOptions & {uid: string}} options
   */
  constructor(options) {
    super();
    this.uid = options.uid;
    this.client = new Client(options);
    /** @type {Conversation | null} */
    this.conversation = null;
    /** Whether a person looks at this pane: only then something counts as read. */
    this.attended = false;
    this.search = "";
    this.client.addEventListener("typing", (event) => this.#heardTyping(/** @type {CustomEvent} */ (event).detail));
    this.client.addEventListener("changed", (event) => {
      for (const { session_id, sender } of /** @type {CustomEvent} */ (event).detail.messages ?? []) {
        if (sender !== this.uid && this.#typing.delete(session_id)) this.#tell("typing");
      }
      this.#tell("changed");
    });
    this.client.addEventListener("link", () => this.#tell("link"));
  }

  /** The contacts that the search leaves, in the list's order. Asked for at every picture, so kept until one changes. */
  get listed() {
    const all = this.client.contacts;
    const wanted = this.search.trim().toLocaleLowerCase();
    if (!wanted) return all;
    if (this.#found.all !== all || this.#found.wanted !== wanted) {
      this.#found = { all, wanted, found: all.filter((contact) => this.#matches(contact, wanted)) };
    }
    return this.#found.found;
  }

  /** @returns {Contact | null} */
  get contact() {
    return this.conversation ? this.client.contact(this.conversation.session_id) : null;
  }

  /** @param {string} session_id */
  peer(session_id) {
    return peerOf(session_id, this.uid);
  }

  /** @param {string} session_id */
  select(session_id) {
    if (this.conversation?.session_id === session_id) return this.#tell("reselected");
    this.conversation?.close();
    this.conversation = new Conversation(this.client, session_id);
    this.conversation.open();
    this.client.enter(session_id);
    this.#tell("selected");
  }

  /** Back to the list. */
  deselect() {
    this.conversation?.close();
    this.conversation = null;
    this.client.leave();
    this.#tell("selected");
  }

  /** @param {boolean} attended */
  attend(attended) {
    if (this.attended === attended) return;
    this.attended = attended;
    this.#tell("attended");
  }

  /** @param {string} text */
  searchFor(text) {
    this.search = text;
    this.#tell("changed");
  }

  /** @param {string} session_id */
  isTyping(session_id) {
    return this.#typing.has(session_id);
  }

  /**
   * @param {Contact} contact
   * @param {string} wanted
   */
  #matches({ peer, labels, last_message }, wanted) {
    const { text, name } = last_message?.content ?? { type: "" };
    return [nameOf(peer), peer, text, name, ...labels].some((field) => String(field ?? "").toLocaleLowerCase().includes(wanted));
  }

  /** @param {{session_id: string}} notice */
  #heardTyping({ session_id }) {
    clearTimeout(this.#typing.get(session_id));
    this.#typing.set(session_id, setTimeout(() => this.#typing.delete(session_id) && this.#tell("typing"), TYPING_MS));
    this.#tell("typing");
  }

  /** @param {string} name */
  #tell(name) {
    this.dispatchEvent(new Event(name));
  }
}
