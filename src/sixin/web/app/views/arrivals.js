/** Arrivals: what comes in while somebody is in a chat, said once to those who listen to a page. */

import { compareIds } from "../../sdk/index.js";
import { preview } from "../format.js";
import { nameOf } from "../models/names.js";
import { h } from "./dom.js";

/** @import {Account} from "../models/account.js" */
/** @import {Message} from "../../sdk/types.js" */

/** Of a burst the last ones are said: a voice is slower than an eye. */
const SAID_MAX = 3;

export class Arrivals {
  #account;
  /** @type {string | null} the newest message there was; null as long as nothing was shown */
  #newest = null;
  element = h("div", { class: "unseen", role: "status" });

  /** @param {Account} account */
  constructor(account) {
    this.#account = account;
  }

  /**
   * A log says every line that is put into it, pages of history too; so it is silent, and this speaks.
   * @param {Message[]} messages that are shown, up to the newest
   */
  follow(messages) {
    const { uid, attended } = this.#account;
    const before = this.#newest;
    this.#newest = messages.at(-1)?.msg_id ?? "0";
    if (before === null || !attended) return;
    const came = messages.filter(({ msg_id, sender, status }) => sender !== uid && status === "normal" && compareIds(msg_id, before) > 0);
    if (!came.length) return;
    const lines = came.slice(-SAID_MAX).map((message) => `${nameOf(message.sender)}: ${preview(message, uid, nameOf(message.sender))}`);
    this.element.replaceChildren(...lines.map((line) => h("p", {}, line)));
  }
}
