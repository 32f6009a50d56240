/** The copy's heads, kept in memory: every contact, and what is held of which session. Messages stay in the store. */

/** @import {Contact, Held, State, Writes} from "./types.js" */

export class Heads {
  /** @type {Contact[] | null} */
  #listed = null;

  /** @param {Pick<State, "contact_version" | "contacts" | "held">} state */
  constructor({ contact_version, contacts, held } = { contact_version: 0, contacts: [], held: [] }) {
    this.contact_version = contact_version;
    /** @type {Map<string, Contact>} */
    this.contacts = new Map(contacts.map((contact) => [contact.session_id, contact]));
    /** @type {Map<string, Held>} */
    this.held = new Map(held.map((one) => [one.session_id, one]));
  }

  /**
   * Follow the store.
   * @param {Writes} writes
   */
  take({ forget = false, contacts = [], held = [], contact_version }) {
    if (forget) {
      this.contact_version = 0;
      this.contacts.clear();
      this.held.clear();
    }
    for (const contact of contacts) this.contacts.set(contact.session_id, contact);
    for (const one of held) this.held.set(one.session_id, one);
    if (contact_version !== undefined) this.contact_version = contact_version;
    if (forget || contacts.length) this.#listed = null;
  }

  /** The number on the badge: over the contacts that are neither muted nor deleted. */
  get unread_total() {
    return this.listed.reduce((total, { muted, unread }) => total + (muted ? 0 : unread), 0);
  }

  /** The contact list, newest and pinned first, without the deleted. */
  get listed() {
    this.#listed ??= [...this.contacts.values()]
      .filter(({ status }) => status === "normal")
      .sort((one, other) => other.sort_key - one.sort_key);
    return this.#listed;
  }
}
