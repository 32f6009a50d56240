/** Originals: the messages that others of one conversation answer, each as it now stands. */

import { compareIds } from "../../sdk/index.js";

/** @import {Client} from "../../sdk/client.js" */
/** @import {Message, Writes} from "../../sdk/types.js" */

/** So many are remembered: more than a screen has messages. */
const ORIGINALS_MAX = 1_000;

export class Originals {
  #client;
  #session_id;
  #found;
  /** @type {Map<string, Message | null | undefined>} undefined while it is looked for, null where there is none to see */
  #known = new Map();
  /** @type {Set<string>} those that could not be looked for without a link */
  #unasked = new Set();
  /** @type {Promise<unknown>} one search at a time: what one finds, the next one holds */
  #searches = Promise.resolve();

  /**
   * @param {Client} client
   * @param {string} session_id
   * @param {() => void} found one is known now
   */
  constructor(client, session_id, found) {
    this.#client = client;
    this.#session_id = session_id;
    this.#found = found;
  }

  /**
   * The message as it now stands; null where there is none to see, undefined as long as that is not known.
   * @param {string} msg_id
   */
  of(msg_id) {
    if (this.#isCleared(msg_id)) return null;
    if (!this.#known.has(msg_id)) this.#search(msg_id);
    return this.#known.get(msg_id);
  }

  /** Follow what was written into the copy: a quote shows no more than there is. @param {Writes} writes */
  changed({ forget = false, messages = [], hidden = [] }) {
    if (forget) this.#known.clear();
    for (const row of messages) if (this.#known.has(row.msg_id)) this.#learn(row.msg_id, row);
    for (const { msg_ids } of hidden) {
      for (const msg_id of msg_ids) this.#known.set(msg_id, null);
    }
  }

  /** The link is back. */
  ask() {
    for (const msg_id of this.#unasked) this.#search(msg_id);
    this.#unasked.clear();
  }

  /** @param {string} msg_id */
  #search(msg_id) {
    if (this.#known.size >= ORIGINALS_MAX) this.#known.delete([...this.#known.keys()][0]);
    this.#known.set(msg_id, undefined);
    this.#searches = this.#searches.then(async () => {
      try {
        const message = await this.#client.message(this.#session_id, msg_id);
        if (message) this.#learn(msg_id, message);
        else if (this.#known.get(msg_id) === undefined) this.#known.set(msg_id, null);
        this.#found();
      } catch {
        this.#unasked.add(msg_id);
      }
    });
  }

  /**
   * What was heard while it was looked for may be newer than what was found, and what is hidden stays so.
   * @param {string} msg_id
   * @param {Message} message
   */
  #learn(msg_id, message) {
    const before = this.#known.get(msg_id);
    if (before !== null && !(before && before.version_id >= message.version_id)) this.#known.set(msg_id, message);
  }

  /** @param {string} msg_id */
  #isCleared(msg_id) {
    return compareIds(msg_id, this.#client.contact(this.#session_id)?.last_del_msg_id ?? "0") <= 0;
  }
}
