/** History: pages of one session's past, from the copy where it can prove that it holds them, else from the server. */

import { linkLost } from "./errors.js";
import { topOf } from "./held.js";
import { compareIds } from "./ids.js";
import { PAGE_MESSAGES_DEFAULT } from "./limits.js";
import { ceilingAbove, floorBelow } from "./ranges.js";

/** @import {Held, Message, Store} from "./types.js" */

export class History {
  #store;
  #heldOf;
  #ask;

  /**
   * @param {Store} store
   * @param {(session_id: string) => Held | null} heldOf
   * @param {(method: "open" | "older", ...args: any[]) => Promise<void>} ask the keeper
   */
  constructor(store, heldOf, ask) {
    this.#store = store;
    this.#heldOf = heldOf;
    this.#ask = ask;
  }

  /**
   * A page, oldest first: the newest one, or the one below a sort_key. It never passes over a hole: where that cannot
   * be filled it ends early with `more`, or rejects with `unavailable` when there is nothing to show.
   * @param {string} session_id
   * @param {number | undefined} before_sort_key
   * @param {number} limit
   * @returns {Promise<{messages: Message[], more: boolean}>}
   */
  async page(session_id, before_sort_key, limit) {
    if (!this.#heldOf(session_id)) await this.#ask("open", session_id);
    /** @type {Message[]} */
    let found = [];
    let high = (before_sort_key ?? this.#top(session_id) + 1) - 1;
    for (;;) {
      const floor = high < 1 ? 0 : this.#floor(session_id, high);
      if (floor !== null) {
        found = [...(await this.#store.page(session_id, floor, high, limit - found.length)), ...found];
        if (floor === 0 || found.length >= limit) return { messages: found, more: found.length >= limit };
        high = floor - 1;
      }
      try {
        await this.#ask("older", session_id, high + 1, limit);
        // A replica that is behind proves nothing; it is asked again when somebody looks again, not at once for ever.
        if (this.#floor(session_id, high) === null) throw linkLost();
      } catch (error) {
        if (found.length) return { messages: found, more: true };
        throw error;
      }
    }
  }

  /**
   * One message, wherever it is: from the copy, else looked for in history; null where there is none that this user
   * may see. Ids grow with their place, so each page tells on which side it lies: from the newest on in leaps that
   * grow, because people mostly talk about what was just said, and then by halves.
   * @param {string} session_id
   * @param {string} msg_id
   * @returns {Promise<Message | null>}
   */
  async find(session_id, msg_id) {
    const kept = await this.#store.message(msg_id);
    if (kept) return kept.session_id === session_id ? kept : null;
    let { messages } = await this.page(session_id, undefined, PAGE_MESSAGES_DEFAULT);
    let low = 1;
    let high = this.#top(session_id);
    for (let middle = high, leap = 0; ; leap = 4 * (leap || PAGE_MESSAGES_DEFAULT)) {
      const found = messages.find((one) => one.msg_id === msg_id);
      if (found) return found;
      const [oldest] = messages;
      if (oldest && compareIds(msg_id, oldest.msg_id) < 0) high = oldest.sort_key - 1;
      else low = middle + 1;
      if (low > high) return null;
      // A page reaches down from its highest place: so its middle is put where the middle is.
      const half = Math.min(high, Math.floor((low + high + PAGE_MESSAGES_DEFAULT) / 2));
      middle = low > 1 ? half : Math.max(half, high - leap);
      ({ messages } = await this.page(session_id, middle + 1, PAGE_MESSAGES_DEFAULT));
    }
  }

  /**
   * The held page above a sort_key, oldest first: empty where what follows is not held.
   * @param {string} session_id
   * @param {number} after_sort_key
   */
  async newer(session_id, after_sort_key) {
    const ceiling = ceilingAbove(this.#heldOf(session_id)?.ranges ?? [], after_sort_key);
    if (ceiling === null || ceiling <= after_sort_key) return [];
    return this.#store.page(session_id, after_sort_key + 1, ceiling, Number.MAX_SAFE_INTEGER);
  }

  /**
   * Whether nothing that is known of lies between a sort_key and the newest message held.
   * @param {string} session_id
   * @param {number} sort_key
   */
  reachesTop(session_id, sort_key) {
    return ceilingAbove(this.#heldOf(session_id)?.ranges ?? [], sort_key) === this.#top(session_id);
  }

  /**
   * @param {string} session_id
   * @param {number} sort_key
   */
  #floor(session_id, sort_key) {
    return floorBelow(this.#heldOf(session_id)?.ranges ?? [], sort_key);
  }

  /** @param {string} session_id */
  #top(session_id) {
    const held = this.#heldOf(session_id);
    return held ? topOf(held).high : 0;
  }
}
