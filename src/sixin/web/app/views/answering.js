/** Answering: above the field, the message that is being answered, and a way out. */

import { words } from "../words/index.js";
import { h, icon, iconButton } from "./dom.js";
import { quoted } from "./quote.js";

/** @import {Account} from "../models/account.js" */
/** @import {Conversation} from "../models/conversation.js" */

export class AnsweringView {
  #account;
  #conversation;
  #shown = "";

  /**
   * @param {Account} account
   * @param {Conversation} conversation
   */
  constructor(account, conversation) {
    this.#account = account;
    this.#conversation = conversation;
    this.element = h("div", { class: "answering", role: "status", hidden: true });
    this.render();
  }

  render() {
    const msg_id = this.#conversation.answering;
    this.element.hidden = msg_id === null;
    const { who, line } = msg_id === null ? { who: "", line: "" } : quoted(this.#account, this.#conversation.original(msg_id));
    if (this.#shown === `${msg_id}/${who}/${line}`) return;
    this.#shown = `${msg_id}/${who}/${line}`;
    this.element.replaceChildren(
      icon("reply"),
      h("span", { class: "answering-text" }, h("span", { class: "quote-who" }, who === words().you ? words().answering_oneself : words().answering(who)), h("span", { class: "quote-line" }, line)),
      iconButton("close", words().answer_none, () => this.#conversation.answer(null)),
    );
  }
}
