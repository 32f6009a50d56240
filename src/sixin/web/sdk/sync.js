/**
 * Sync: what to write and what to ask for, given what a device learns. Pure: no link, no store, no clock.
 *
 *     notice, answer, event → Writes (for the store)        then: `requests()` → pulls (for the link)
 *
 * A notice whose version is the device's own + 1 is applied; a higher one makes it pull; an older one is nothing.
 * Contacts come by one cursor. Their `message_version` tells which of the sessions that are held are behind, so that
 * no change to a held message is missed, and a session of which nothing is held costs nothing.
 *
 * A method that returns writes has changed nothing of the copy yet: the caller gives them to the heads before it calls
 * the next method, and to the store in the same order. `client/sync.py` is the same in Python; tests/vectors/sync
 * holds the two together.
 */

import { Heads } from "./heads.js";
import * as claims from "./held.js";
import { compareIds } from "./ids.js";
import {
  FAR_BEHIND_VERSIONS,
  PAGE_CONTACTS_MAX,
  PAGE_MESSAGES_DEFAULT,
  PAGE_MESSAGES_MAX,
  PULLS_IN_FLIGHT_MAX,
} from "./limits.js";
import { bodyOf } from "./requests.js";

/** @import {Contact, Held, Message, Writes} from "./types.js" */
/** @import {OfSession, Pull, PullContacts, PullHidden, PullNew, PullOld} from "./requests.js" */

/**
 * How much is asked for at once. The pages are no larger than the server's limits.
 * @typedef {{far_behind: number, newest: number, changes: number, contacts: number}} Sizes `far_behind`: versions after
 *   which a session starts again from its newest page, of `newest` messages
 */

/** @type {Sizes} */
const SIZES = {
  far_behind: FAR_BEHIND_VERSIONS,
  newest: PAGE_MESSAGES_DEFAULT,
  changes: PAGE_MESSAGES_MAX,
  contacts: PAGE_CONTACTS_MAX,
};

export class Sync {
  #heads;
  #sizes;
  #connected = false;
  #contacts_due = false;
  /** @type {PullContacts | null} */
  #contacts_asked = null;
  // Sets and maps keep their order: the same run asks for the same things in the same order.
  /** @type {Set<string>} */
  #due = new Set();
  /** @type {Set<string>} sessions of which something was heard since the pull that is under way was asked */
  #news = new Set();
  /** @type {Map<string, OfSession>} */
  #asked = new Map();
  /** @type {Map<string, number>} */
  #heard = new Map();
  /** @type {Set<string>} */
  #to_check = new Set();
  /** @type {Set<string>} */
  #to_open = new Set();
  /** @type {Map<string, number>} */
  #chats = new Map();

  /**
   * @param {Heads} heads
   * @param {Sizes} [sizes]
   */
  constructor(heads, sizes = SIZES) {
    this.#heads = heads;
    this.#sizes = sizes;
  }

  // What happens.

  /**
   * A hello was answered. A server whose timeline is shorter than our copy of it was set back: start again.
   * @param {number} contact_version
   * @returns {Writes}
   */
  connected(contact_version) {
    this.#connected = true;
    this.#contacts_due = true;
    const forget = contact_version < this.#heads.contact_version;
    if (forget) {
      for (const session_id of this.#chats.keys()) this.#to_open.add(session_id);
    } else {
      for (const session_id of this.#heads.held.keys()) this.#due.add(session_id);
      for (const session_id of this.#chats.keys()) this.wanted(session_id);
    }
    for (const session_id of this.#to_open) this.#due.add(session_id);
    return forget ? { forget: true, contact_version: 0 } : {};
  }

  /** The connection is gone, and with it every answer that had not come. */
  disconnected() {
    this.#connected = false;
    this.#contacts_asked = null;
    this.#contacts_due = false;
    for (const known of [this.#asked, this.#due, this.#news, this.#heard, this.#to_check]) known.clear();
  }

  /** Somebody looks at the contact list, or a reader wants to be sure: pull it once. */
  listEntered() {
    this.#contacts_due = true;
  }

  /**
   * Somebody looks at a session: from now on some of it is held.
   * @param {string} session_id
   */
  chatOpened(session_id) {
    this.#chats.set(session_id, (this.#chats.get(session_id) ?? 0) + 1);
    this.wanted(session_id);
  }

  /**
   * Back in the list.
   * @param {string} session_id
   */
  chatClosed(session_id) {
    const left = (this.#chats.get(session_id) ?? 1) - 1;
    if (left) this.#chats.set(session_id, left);
    else this.#chats.delete(session_id);
    this.#contacts_due = true;
  }

  /** Time has passed inside a chat: perhaps a notice was lost. */
  timer() {
    this.#contacts_due = true;
    for (const session_id of this.#chats.keys()) this.wanted(session_id);
  }

  /** Whether the timer is needed. */
  get in_chat() {
    return this.#chats.size > 0;
  }

  /**
   * Bring a session up to date, and hold its newest page if nothing of it is held.
   * @param {string} session_id
   */
  wanted(session_id) {
    (this.#heads.held.has(session_id) ? this.#to_check : this.#to_open).add(session_id);
    this.#stir(session_id);
  }

  // What the server says unasked, and in answers to operations.

  /**
   * A session's timeline reached a version; by this change, if it came along.
   * @param {string} session_id
   * @param {number} version_id
   * @param {Message | null} [message]
   * @returns {Writes}
   */
  messageNoticed(session_id, version_id, message) {
    const held = this.#heads.held.get(session_id);
    if (message && (message.session_id !== session_id || message.version_id !== version_id)) message = null;
    if (!held) return this.#firstNoticed(session_id, version_id, message);
    const { version } = claims.topOf(held);
    if (version_id <= version) return {};
    if (!message || version_id > version + 1) {
      this.#heard.set(session_id, Math.max(version_id, this.#heard.get(session_id) ?? 0));
      this.#stir(session_id);
      return {};
    }
    return this.#withMessages(claims.afterNotice(held, version_id), [message]);
  }

  /**
   * @param {string} session_id
   * @param {number} version_id
   * @param {Message | null} [message]
   */
  #firstNoticed(session_id, version_id, message) {
    if (!message || message.sort_key !== version_id || !this.#visible(message)) return {};
    this.#stir(session_id);
    return this.#withMessages(claims.heldFromNotice(session_id, version_id), [message]);
  }

  /**
   * The contact timeline reached a version; by this change, if it came along.
   * @param {number} version_id
   * @param {Contact | null} [contact]
   * @returns {Writes}
   */
  contactNoticed(version_id, contact) {
    if (version_id <= this.#heads.contact_version) return {};
    if (!contact || contact.version_id !== version_id || version_id > this.#heads.contact_version + 1) {
      this.#contacts_due = true;
      return {};
    }
    return this.#withContacts([contact], version_id);
  }

  // What the server answers to a pull.

  /**
   * What was pulled came.
   * @param {Pull} pull
   * @param {any} answer as on the wire
   * @returns {Writes}
   */
  pulled(pull, answer) {
    this.#release(pull);
    if (pull.pull === "pull_contacts") return this.#contactsPulled(pull, answer);
    if (pull.pull === "pull_new") return this.#newPulled(pull, answer);
    if (pull.pull === "pull_old") return this.#oldPulled(pull, answer);
    return this.#hiddenPulled(pull, answer);
  }

  /**
   * @param {PullContacts} pull
   * @param {{contacts: Contact[], version_id: number, more: boolean}} page
   */
  #contactsPulled(pull, { contacts, version_id, more }) {
    this.#contacts_due ||= more;
    if (pull.after > this.#heads.contact_version) {
      this.#contacts_due = true; // asked before the copy was forgotten
      return {};
    }
    return this.#withContacts(contacts, Math.max(version_id, this.#heads.contact_version));
  }

  /**
   * @param {PullNew} pull
   * @param {{messages: Message[], version_id: number, more: boolean}} page
   */
  #newPulled(pull, page) {
    const held = this.#heads.held.get(pull.session_id);
    if (!held) return {};
    const after = claims.afterPullNew(held, pull, page);
    this.#settle(pull, held, after);
    return this.#withMessages(after, page.messages);
  }

  /**
   * @param {PullOld} pull
   * @param {{messages: Message[], version_id: number, more: boolean}} page oldest first
   */
  #oldPulled(pull, { messages, version_id, more }) {
    const { session_id, before, hidden_version } = pull;
    const held = this.#heads.held.get(session_id);
    const low = more && messages.length ? messages[0].sort_key : 0;
    if (!held) {
      if (before !== null) return {}; // the copy was forgotten meanwhile: there is nothing to add an older page to
      this.#stir(session_id);
      return this.#withMessages(claims.heldFromPage(session_id, low, version_id, hidden_version), messages);
    }
    if (before !== null) return this.#withMessages(claims.afterOlderPage(held, low, before, version_id), messages);
    const after = claims.afterNewestPage(held, low, version_id);
    this.#settle(pull, held, after);
    const writes = this.#withMessages(after, messages);
    const hole_low = claims.topOf(held).high + 1;
    // What the open end had brought in lies in a hole now.
    return after !== held && hole_low < low
      ? { ...writes, gaps: [{ session_id, low: hole_low, high: low - 1 }] }
      : writes;
  }

  /**
   * @param {PullHidden} pull
   * @param {{msg_ids: string[], version_id: number, more: boolean}} page
   * @returns {Writes}
   */
  #hiddenPulled(pull, { msg_ids, version_id }) {
    const { session_id } = pull;
    const held = this.#heads.held.get(session_id);
    if (!held || pull.after > held.hidden_version) return {};
    const after = { ...held, hidden_version: Math.max(held.hidden_version, version_id) };
    this.#settle(pull, held, after);
    return msg_ids.length ? { hidden: [{ session_id, msg_ids }], held: [after] } : { held: [after] };
  }

  /**
   * A pull was refused. `again`: ask once more; else not until something new is heard.
   * @param {Pull} pull
   * @param {{again: boolean}} how
   */
  refused(pull, { again }) {
    const was_asked = this.#release(pull);
    if (pull.pull === "pull_contacts") {
      this.#contacts_due ||= again;
    } else if (again) {
      this.#stir(pull.session_id);
      if (pull.pull === "pull_new") this.#to_check.add(pull.session_id);
    } else if (was_asked && !this.#news.has(pull.session_id)) {
      // Not for a page that somebody scrolled to: what is due in its session has nothing to do with it.
      this.#drop(pull.session_id);
    }
  }

  // What to ask for.

  /**
   * The pulls to make now. Each is under way until an answer, a refusal or the end of the connection.
   * @returns {Pull[]}
   */
  requests() {
    /** @type {Pull[]} */
    const pulls = [];
    if (!this.#connected) return pulls;
    if (this.#contacts_due && !this.#contacts_asked) {
      this.#contacts_due = false;
      this.#contacts_asked = { pull: "pull_contacts", after: this.#heads.contact_version, limit: this.#sizes.contacts };
      pulls.push(this.#contacts_asked);
    }
    for (const session_id of [...this.#due]) {
      if (this.#asked.has(session_id)) continue;
      if (this.#asked.size >= PULLS_IN_FLIGHT_MAX) break;
      const pull = this.#nextOf(session_id);
      if (pull === null) {
        this.#drop(session_id);
      } else {
        this.#asked.set(session_id, pull);
        this.#news.delete(session_id);
        pulls.push(pull);
      }
    }
    return pulls;
  }

  /**
   * A page of history that somebody scrolled to; not one of `requests`, and asked for by the reader himself. The
   * newest page where `before` is null.
   * @param {string} session_id
   * @param {number | null} before
   * @param {number} limit
   * @returns {PullOld}
   */
  pageOf(session_id, before, limit) {
    return { pull: "pull_old", session_id, before, limit, hidden_version: this.#hiddenVersion(session_id) };
  }

  /** Whether there is nothing to ask and nothing under way: as far as was heard, the copy is equal. */
  get idle() {
    return this.#connected && !this.#contacts_due && !this.#contacts_asked && !this.#due.size && !this.#asked.size;
  }

  /**
   * @param {string} session_id
   * @returns {OfSession | null}
   */
  #nextOf(session_id) {
    const held = this.#heads.held.get(session_id);
    if (!held) return this.#to_open.has(session_id) ? this.pageOf(session_id, null, this.#sizes.newest) : null;
    this.#to_open.delete(session_id);
    if (held.hidden_version < this.#hiddenVersion(session_id)) {
      return { pull: "pull_hidden", session_id, after: held.hidden_version };
    }
    const { version } = claims.topOf(held);
    const message_version = this.#heads.contacts.get(session_id)?.message_version ?? 0;
    const wanted = Math.max(this.#heard.get(session_id) ?? 0, message_version);
    if (wanted - version > this.#sizes.far_behind) return this.pageOf(session_id, null, this.#sizes.newest);
    if (wanted > version || !claims.isComplete(held) || this.#to_check.has(session_id)) {
      this.#to_check.delete(session_id);
      return { pull: "pull_new", session_id, after: version, limit: this.#sizes.changes, born_up_to: null };
    }
    const lagging = claims.lagging(held, wanted);
    const last = lagging.at(-1);
    if (!last) return null;
    const after = Math.min(...lagging.map((one) => one.version));
    return { pull: "pull_new", session_id, after, limit: this.#sizes.changes, born_up_to: last.high };
  }

  /**
   * An answer that brought a session no further is not asked for once more: else a stale replica would be asked for
   * ever. What else is to be asked there, is: a range may lag behind while the newest page is up to date.
   * @param {OfSession} pull
   * @param {Held} before
   * @param {Held} after
   */
  #settle(pull, before, after) {
    if (!sameHeld(before, after) || this.#news.has(before.session_id)) return;
    const next = this.#nextOf(before.session_id);
    if (next === null || JSON.stringify(bodyOf(next)) === JSON.stringify(bodyOf(pull))) this.#drop(before.session_id);
  }

  /** @param {string} session_id */
  #stir(session_id) {
    this.#due.add(session_id);
    this.#news.add(session_id);
  }

  /** @param {string} session_id */
  #drop(session_id) {
    for (const known of [this.#due, this.#news, this.#heard, this.#to_check, this.#to_open]) known.delete(session_id);
  }

  /**
   * Whether it was one of `requests`, and is no longer under way.
   * @param {Pull} pull
   */
  #release(pull) {
    // Compared by identity: a page that a reader asked for is nobody's turn.
    if (pull === this.#contacts_asked) {
      this.#contacts_asked = null;
      return true;
    }
    if (pull.pull !== "pull_contacts" && this.#asked.get(pull.session_id) === pull) {
      return this.#asked.delete(pull.session_id);
    }
    return false;
  }

  /** @param {string} session_id */
  #hiddenVersion(session_id) {
    return this.#heads.contacts.get(session_id)?.hidden_version ?? 0;
  }

  // What to write.

  /** @param {Message} message */
  #visible({ session_id, msg_id }) {
    const contact = this.#heads.contacts.get(session_id);
    return !contact || compareIds(msg_id, contact.last_del_msg_id) > 0;
  }

  /**
   * @param {Held} held
   * @param {Message[]} messages
   * @returns {Writes}
   */
  #withMessages(held, messages) {
    /** @type {Writes} */
    const writes = {};
    const kept = messages.filter((message) => claims.keeps(held, message.sort_key) && this.#visible(message));
    if (kept.length) writes.messages = kept;
    const contacts = this.#previewsEmptied(held.session_id, kept);
    if (contacts.length) writes.contacts = contacts;
    const before = this.#heads.held.get(held.session_id);
    if (!before || !sameHeld(before, held)) writes.held = [held];
    return writes;
  }

  /**
   * What was taken back is gone from the list at once, although the list's own notice may still be on its way.
   * @param {string} session_id
   * @param {Message[]} messages
   */
  #previewsEmptied(session_id, messages) {
    const contact = this.#heads.contacts.get(session_id);
    const preview = contact?.last_message;
    if (!contact || !preview) return [];
    const changed = messages.find(
      ({ msg_id, version_id }) => msg_id === preview.msg_id && version_id > preview.version_id,
    );
    return changed ? [{ ...contact, last_message: changed }] : [];
  }

  /**
   * @param {Contact[]} contacts
   * @param {number} version_id
   * @returns {Writes}
   */
  #withContacts(contacts, version_id) {
    /** @type {Writes} */
    const writes = {};
    if (version_id > this.#heads.contact_version) writes.contact_version = version_id;
    for (const contact of contacts) {
      const { session_id, last_del_msg_id: up_to, last_msg_id, message_version } = contact;
      const before = this.#heads.contacts.get(session_id);
      if (before && contact.version_id <= before.version_id) continue;
      (writes.contacts ??= []).push(contact);
      if (compareIds(up_to, before?.last_del_msg_id ?? "0") > 0) (writes.cleared ??= []).push({ session_id, up_to });
      const held = this.#heads.held.get(session_id);
      if (!held) continue;
      this.#stir(session_id);
      if (last_msg_id !== "0" && compareIds(up_to, last_msg_id) >= 0) {
        (writes.held ??= []).push(claims.afterFullClear(held, message_version));
      } else {
        takePreview(contact, held, writes);
      }
    }
    return writes;
  }
}

/**
 * Where the one change a session lacks stands in its preview, it need not be pulled: the usual case of a device that was
 * away for a while.
 *
 * @param {Contact} contact
 * @param {Held} held
 * @param {Writes} writes
 */
function takePreview({ last_message: preview, message_version }, held, writes) {
  if (!preview || preview.version_id !== message_version || message_version !== claims.topOf(held).version + 1) return;
  const after = claims.afterNotice(held, message_version);
  (writes.held ??= []).push(after);
  if (claims.keeps(after, preview.sort_key)) (writes.messages ??= []).push(preview);
}

/**
 * @param {Held} one
 * @param {Held} other
 */
function sameHeld(one, other) {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
