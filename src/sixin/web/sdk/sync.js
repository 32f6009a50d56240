/**
 * Sync: what a device does so that it ends up holding what the server holds. Pure: no network, no clock, no chance.
 *
 * Inputs are methods, each gives back effects in order: `{do: "ask", ask}` (make this request, then call `answered`
 * or `refused` with it) and `{do: "save", changes}` (into the store, all or nothing).
 *
 * It is driven by levels, not by edges: what was heard of (a version in a notice, a contact or a hello) is compared
 * with what is held, and as long as the two differ, there is something to ask. So a notice that was lost, doubled or
 * came late changes when something is asked, never what is held in the end.
 */

import { compareIds } from "./ids.js";
import { rangeAt, topOf, withRange } from "./ranges.js";

/** @import {Ask, Changes, Contact, Effect, Held, Message, Snapshot} from "./types.js" */

/** Changes to catch up with one by one; further behind, the newest page first and a hole below it. */
export const FAR_BEHIND = 200;

/** Sessions pulled at the same time: enough to hide the way there and back, few enough to leave room for a send. */
export const PULLS_MAX = 4;

const PAGE_MESSAGES = 50;
const PAGE_CATCH_UP = 200;
const PAGE_CONTACTS = 500;

/**
 * One session as it is being followed.
 * @typedef {object} Followed
 * @property {Held | null} held null until its first page came
 * @property {number} heard the newest version anybody spoke of
 * @property {boolean} check pull although nothing was heard: the safety net
 * @property {number | null} older page back below this sort key: somebody scrolls
 * @property {{version_id: number, born_up_to: number} | null} hole left on the way to this version
 * @property {Ask | null} asking
 * @property {number} asked_heard `heard` when that was asked
 * @property {number} asked_hidden_version its contact's `hidden_version` then
 * @property {string} why
 */

export class Sync {
  /** @type {Map<string, Contact>} */
  #contacts = new Map();
  /** @type {Map<string, Followed>} */
  #followed = new Map();
  /** @type {Set<string>} */
  #due = new Set();
  #contact_version;
  #contact_heard = 0;
  #contact_check = false;
  /** @type {Ask | null} */
  #contact_asking = null;
  #contact_why = "notice";
  #online = false;
  #pulls = 0;

  /** @param {Pick<Snapshot, "contact_version" | "contacts" | "sessions">} [snapshot] what the store kept */
  constructor(snapshot = { contact_version: 0, contacts: [], sessions: [] }) {
    this.#contact_version = snapshot.contact_version;
    for (const contact of snapshot.contacts) this.#contacts.set(contact.session_id, contact);
    for (const held of snapshot.sessions) this.#follow(held.session_id).held = held;
  }

  get contact_version() {
    return this.#contact_version;
  }

  /** @returns {ReadonlyMap<string, Contact>} */
  get contacts() {
    return this.#contacts;
  }

  /** @param {string} session_id */
  held(session_id) {
    return this.#followed.get(session_id)?.held ?? null;
  }

  // Inputs.

  /**
   * The hello was answered: the contact timeline says what happened meanwhile.
   * @param {{contact_version: number}} hello
   */
  connected(hello) {
    this.#online = true;
    this.#contact_heard = Math.max(this.#contact_heard, hello.contact_version);
    this.#contact_why = "reconnected";
    return this.retry();
  }

  /** Ask again whatever was refused for a passing reason and is still wanted. */
  retry() {
    for (const session_id of this.#followed.keys()) this.#due.add(session_id);
    return this.#effects({});
  }

  /** The link is gone, and with it whatever was being asked: its answers will not come. */
  disconnected() {
    this.#online = false;
    this.#contact_asking = null;
    this.#pulls = 0;
    for (const followed of this.#followed.values()) followed.asking = null;
    /** @type {Effect[]} */
    const nothing = [];
    return nothing;
  }

  /**
   * A notice came: maybe late, maybe twice, maybe after a lost one.
   * @param {{notice: string, session_id?: string, version_id?: number, message?: Message, contact?: Contact}} notice
   */
  notice(notice) {
    /** @type {Changes} */
    const changes = {};
    if (notice.notice === "message") {
      this.#messageAt(changes, notice.session_id ?? "", notice.version_id ?? 0, notice.message);
    } else if (notice.notice === "contact") {
      this.#contactAt(changes, notice.version_id ?? 0, notice.contact);
    }
    return this.#effects(changes);
  }

  /**
   * An operation of ours was answered with rows: as good as the notice of it.
   * @param {{message?: Message, contact?: Contact}} answer
   */
  done({ message, contact }) {
    /** @type {Changes} */
    const changes = {};
    if (message) this.#messageAt(changes, message.session_id, message.version_id, message);
    if (contact) this.#contactAt(changes, contact.version_id, contact);
    return this.#effects(changes);
  }

  /**
   * Hold a session from now on.
   * @param {string} session_id
   */
  open(session_id) {
    const followed = this.#follow(session_id);
    if (!followed.held) followed.why = "opened";
    this.#first(session_id);
    return this.#effects({});
  }

  /**
   * Hold a page more below a sort key at which a held range begins; nothing to do at the timeline's beginning.
   * @param {string} session_id
   * @param {number} before_sort_key
   */
  older(session_id, before_sort_key) {
    const followed = this.#follow(session_id);
    if (followed.held && before_sort_key > 1) followed.older = before_sort_key;
    this.#first(session_id);
    return this.#effects({});
  }

  /**
   * The safety net: ask although nothing was heard. Contacts, or one session.
   * @param {string} why `timer`, `list_entered`, `chat_left`
   * @param {string} [session_id]
   */
  check(why, session_id) {
    if (session_id === undefined) {
      this.#contact_check = true;
      this.#contact_why = why;
    } else {
      const followed = this.#follow(session_id);
      followed.check = followed.held !== null;
      followed.why = why;
      this.#due.add(session_id);
    }
    return this.#effects({});
  }

  /**
   * What was asked is answered.
   * @param {Ask} ask
   * @param {any} answer
   */
  answered(ask, answer) {
    /** @type {Changes} */
    const changes = {};
    if (ask === this.#contact_asking) {
      this.#contact_asking = null;
      this.#takeContacts(changes, answer);
      return this.#effects(changes);
    }
    const session_id = String(ask.body.session_id);
    const followed = this.#freed(session_id, ask);
    if (followed) this.#take(changes, followed, ask, answer);
    return this.#effects(changes);
  }

  /**
   * What was asked is refused. A passing reason is asked again by `retry`, or when something is heard; a session that
   * is not there for us is let go.
   * @param {Ask} ask
   * @param {{code: string}} error
   */
  refused(ask, error) {
    if (ask === this.#contact_asking) {
      this.#contact_asking = null;
      this.#contact_check = true;
      return [];
    }
    const session_id = String(ask.body.session_id);
    const followed = this.#freed(session_id, ask);
    if (!followed) return [];
    this.#due.delete(session_id);
    followed.older = null;
    if (error.code === "not_found" || error.code === "forbidden") followed.heard = followed.held?.version_id ?? 0;
    else followed.check = followed.held !== null;
    return [];
  }

  /**
   * Whether a message lies in a range that is held, so that showing it hides no hole.
   * @param {Message} message
   */
  shows(message) {
    const held = this.held(message.session_id);
    return held !== null && rangeAt(held.ranges, message.sort_key) !== undefined;
  }

  // What comes in.

  /**
   * @param {Changes} changes
   * @param {string} session_id
   * @param {number} version_id
   * @param {Message} [message]
   */
  #messageAt(changes, session_id, version_id, message) {
    const followed = this.#followed.get(session_id);
    if (!followed) return;
    const { held } = followed;
    if (held && message && version_id === held.version_id + 1 && message.version_id === version_id) {
      const next = { ...held, version_id };
      if (topOf(held.ranges) === held.version_id) next.ranges = withRange(held.ranges, version_id, version_id);
      this.#hold(changes, followed, next, [message]);
    }
    if (version_id > followed.heard) {
      followed.heard = version_id;
      followed.why = held && version_id === held.version_id + 1 ? "bare_notice" : "gap";
    }
    this.#due.add(session_id);
  }

  /**
   * @param {Changes} changes
   * @param {number} version_id
   * @param {Contact} [contact]
   */
  #contactAt(changes, version_id, contact) {
    if (contact) this.#putContact(changes, contact);
    if (contact && version_id === this.#contact_version + 1) {
      this.#contact_version = version_id;
      changes.contact_version = version_id;
    }
    if (version_id > this.#contact_heard) {
      this.#contact_heard = version_id;
      this.#contact_why = version_id === this.#contact_version + 1 ? "bare_notice" : "gap";
    }
  }

  /**
   * Rows are absolute, so a newer one may be taken at any time; only the cursor waits for those before it.
   * @param {Changes} changes
   * @param {Contact} contact
   */
  #putContact(changes, contact) {
    const { session_id } = contact;
    const before = this.#contacts.get(session_id);
    if (before && before.version_id >= contact.version_id) return;
    this.#contacts.set(session_id, contact);
    (changes.contacts ??= []).push(contact);
    if (compareIds(contact.last_del_msg_id, before?.last_del_msg_id ?? "0") > 0) {
      (changes.removed ??= []).push({ session_id, up_to_msg_id: contact.last_del_msg_id });
    }
    const followed = this.#followed.get(session_id);
    if (!followed) return;
    if (contact.message_version > followed.heard) {
      followed.heard = contact.message_version;
      followed.why = "contact";
    }
    this.#due.add(session_id);
  }

  /**
   * @param {Changes} changes
   * @param {{contacts: Contact[], version_id: number, more: boolean}} answer
   */
  #takeContacts(changes, answer) {
    for (const contact of answer.contacts) this.#putContact(changes, contact);
    if (answer.version_id > this.#contact_version) {
      this.#contact_version = answer.version_id;
      changes.contact_version = answer.version_id;
    }
    if (answer.more) this.#contact_heard = Math.max(this.#contact_heard, answer.version_id + 1);
  }

  /**
   * @param {Changes} changes
   * @param {Followed} followed
   * @param {Ask} ask
   * @param {any} page
   */
  #take(changes, followed, ask, page) {
    if (ask.op === "pull_hidden") this.#takeHidden(changes, followed, page);
    else if (ask.op === "pull_new" && ask.body.born_up_to !== undefined) this.#takeBelowHole(changes, followed, page);
    else if (ask.op === "pull_new") this.#takeNew(changes, followed, ask, page);
    else if (ask.body.before_sort_key === undefined) this.#takeNewest(changes, followed, ask, page);
    else this.#takeOlder(changes, followed, ask, page);
  }

  /**
   * The newest page: the beginning of holding a session, or a leap over a hole.
   * @param {Changes} changes
   * @param {Followed} followed
   * @param {Ask} ask
   * @param {{messages: Message[], version_id: number, more: boolean}} page
   */
  #takeNewest(changes, followed, ask, page) {
    const { version_id } = page;
    const session_id = String(ask.body.session_id);
    const low = page.more ? page.messages[0].sort_key : 1;
    const { held } = followed;
    followed.heard = Math.max(followed.heard, version_id);
    if (held === null) {
      const hidden_version = followed.asked_hidden_version;
      /** @type {Held} */
      const first = { session_id, version_id, hidden_version, ranges: [[low, version_id]], hidden: [] };
      this.#hold(changes, followed, first, page.messages);
      return;
    }
    // The cursor stays where it is until every change of what was held before is here too.
    followed.hole = { version_id, born_up_to: topOf(held.ranges) };
    this.#hold(changes, followed, { ...held, ranges: withRange(held.ranges, low, version_id) }, page.messages);
  }

  /**
   * A page of history.
   * @param {Changes} changes
   * @param {Followed} followed
   * @param {Ask} ask
   * @param {{messages: Message[], version_id: number, more: boolean}} page
   */
  #takeOlder(changes, followed, ask, page) {
    const { held } = followed;
    const before = Number(ask.body.before_sort_key);
    if (followed.older === before) followed.older = null;
    if (!held) return;
    const low = page.more ? page.messages[0].sort_key : 1;
    this.#hold(changes, followed, { ...held, ranges: withRange(held.ranges, low, before - 1) }, page.messages);
  }

  /**
   * Changes, up to the hole's far side, of what was held before the leap.
   * @param {Changes} changes
   * @param {Followed} followed
   * @param {{messages: Message[], version_id: number, more: boolean}} page
   */
  #takeBelowHole(changes, followed, page) {
    const { held, hole } = followed;
    if (!held || !hole) return;
    const through = !page.more || page.version_id >= hole.version_id;
    if (through) followed.hole = null;
    // Never past the version the newest page was read at: what changed in that page since is still to be asked.
    const version_id = Math.max(held.version_id, through ? hole.version_id : page.version_id);
    this.#hold(changes, followed, { ...held, version_id }, page.messages);
  }

  /**
   * Changes since the cursor.
   * @param {Changes} changes
   * @param {Followed} followed
   * @param {Ask} ask
   * @param {{messages: Message[], version_id: number, more: boolean}} page
   */
  #takeNew(changes, followed, ask, page) {
    const { held } = followed;
    if (!held) return;
    const version_id = Math.max(held.version_id, page.version_id);
    if (page.more) {
      // The range does not grow half-way: what was born early and changed late is still missing from it.
      followed.heard = Math.max(followed.heard, version_id + 1);
      this.#hold(changes, followed, { ...held, version_id }, page.messages);
      return;
    }
    if (followed.heard === followed.asked_heard) followed.heard = version_id;
    const low = Math.min(Number(ask.body.after_version), topOf(held.ranges)) + 1;
    this.#hold(changes, followed, { ...held, version_id, ranges: withRange(held.ranges, low, version_id) }, page.messages);
  }

  /**
   * What its owner deleted for himself.
   * @param {Changes} changes
   * @param {Followed} followed
   * @param {{msg_ids: string[], version_id: number, more: boolean}} page
   */
  #takeHidden(changes, followed, page) {
    const { held } = followed;
    if (!held) return;
    const { session_id } = held;
    if (page.msg_ids.length) (changes.removed ??= []).push({ session_id, msg_ids: page.msg_ids });
    const hidden = [...new Set([...held.hidden, ...page.msg_ids])];
    const hidden_version = page.more ? page.version_id : Math.max(page.version_id, followed.asked_hidden_version);
    this.#hold(changes, followed, { ...held, hidden, hidden_version }, []);
  }

  /**
   * @param {Changes} changes
   * @param {Followed} followed
   * @param {Held} held
   * @param {Message[]} messages
   */
  #hold(changes, followed, held, messages) {
    followed.held = held;
    changes.sessions = [...(changes.sessions ?? []).filter((one) => one.session_id !== held.session_id), held];
    // A page that was read before something was cleared or hidden may come after the news of it.
    const mark = this.#contacts.get(held.session_id)?.last_del_msg_id ?? "0";
    const visible = messages.filter(({ msg_id }) => compareIds(msg_id, mark) > 0 && !held.hidden.includes(msg_id));
    if (visible.length) (changes.messages ??= []).push(...visible);
    this.#due.add(held.session_id);
  }

  // What goes out.

  /** @param {Changes} changes */
  #effects(changes) {
    /** @type {Effect[]} */
    const effects = [];
    if (Object.keys(changes).length) effects.push({ do: "save", changes });
    if (!this.#online) return effects;
    const contacts = this.#contactsWish();
    if (contacts) effects.push({ do: "ask", ask: contacts });
    for (const session_id of this.#due) {
      if (this.#pulls >= PULLS_MAX) break;
      this.#due.delete(session_id);
      const followed = this.#followed.get(session_id);
      const ask = followed && !followed.asking ? this.#wish(followed, session_id) : null;
      if (!followed || !ask) continue;
      followed.asking = ask;
      followed.asked_heard = followed.heard;
      followed.asked_hidden_version = this.#contacts.get(session_id)?.hidden_version ?? 0;
      this.#pulls += 1;
      effects.push({ do: "ask", ask });
    }
    return effects;
  }

  #contactsWish() {
    if (this.#contact_asking) return null;
    if (!this.#contact_check && this.#contact_heard <= this.#contact_version) return null;
    this.#contact_check = false;
    const body = { after_version: this.#contact_version, limit: PAGE_CONTACTS };
    this.#contact_asking = { op: "pull_contacts", body, why: this.#contact_why };
    return this.#contact_asking;
  }

  /**
   * The next thing to ask about a session, if anything. What a person waits for comes first.
   * @param {Followed} followed
   * @param {string} session_id
   * @returns {Ask | null}
   */
  #wish(followed, session_id) {
    const { held, why } = followed;
    const hidden_version = this.#contacts.get(session_id)?.hidden_version ?? 0;
    if (!held) return { op: "pull_old", body: { session_id, limit: PAGE_MESSAGES }, why: "opened" };
    if (followed.older !== null) {
      const body = { session_id, before_sort_key: followed.older, limit: PAGE_MESSAGES };
      if (!rangeAt(held.ranges, followed.older - 1)) return { op: "pull_old", body, why: "scrolled" };
      followed.older = null;
    }
    if (hidden_version > held.hidden_version) {
      return { op: "pull_hidden", body: { session_id, after_version: held.hidden_version }, why: "hidden" };
    }
    const after_version = held.version_id;
    if (followed.hole) {
      const body = { session_id, after_version, limit: PAGE_CATCH_UP, born_up_to: followed.hole.born_up_to };
      return { op: "pull_new", body, why: "hole" };
    }
    if (!followed.check && followed.heard <= after_version) return null;
    followed.check = false;
    if (followed.heard - after_version > FAR_BEHIND) {
      return { op: "pull_old", body: { session_id, limit: PAGE_MESSAGES }, why: "far_behind" };
    }
    return { op: "pull_new", body: { session_id, after_version, limit: PAGE_CATCH_UP }, why };
  }

  /**
   * @param {string} session_id
   * @param {Ask} ask
   */
  #freed(session_id, ask) {
    const followed = this.#followed.get(session_id);
    if (!followed || followed.asking !== ask) return null;
    followed.asking = null;
    this.#pulls -= 1;
    this.#due.add(session_id);
    return followed;
  }

  /**
   * What a person waits for stands before what only catches up.
   * @param {string} session_id
   */
  #first(session_id) {
    this.#due = new Set([session_id, ...this.#due]);
  }

  /** @param {string} session_id */
  #follow(session_id) {
    let followed = this.#followed.get(session_id);
    if (!followed) {
      const heard = this.#contacts.get(session_id)?.message_version ?? 0;
      followed = {
        held: null,
        heard,
        check: false,
        older: null,
        hole: null,
        asking: null,
        asked_heard: 0,
        asked_hidden_version: 0,
        why: "contact",
      };
      this.#followed.set(session_id, followed);
    }
    return followed;
  }
}
