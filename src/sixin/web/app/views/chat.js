/** Chat: one conversation: who it is with, what was said, and where one writes. */

import { nameOf } from "../models/names.js";
import { words } from "../words/index.js";
import { AnsweringView } from "./answering.js";
import { avatar } from "./avatar.js";
import { ComposerView } from "./composer.js";
import { contactChoices } from "./contact_actions.js";
import { h, iconButton } from "./dom.js";
import { LogView } from "./log.js";
import { openMenu } from "./menu.js";

/** @import {Account} from "../models/account.js" */
/** @import {Conversation} from "../models/conversation.js" */

export class ChatView {
  #account;
  #log;
  #stop = new AbortController();

  /**
   * @param {Account} account
   * @param {Conversation} conversation
   */
  constructor(account, conversation) {
    this.#account = account;
    const { session_id } = conversation;
    const peer = account.peer(session_id);
    this.state = h("span", { class: "chat-state", role: "status" });
    const more = iconButton("more", words().more, () => account.contact && openMenu(more, contactChoices(account, account.contact)), {
      "aria-haspopup": "menu",
    });
    this.more = more;
    this.elsewhere = h("span", { class: "badge elsewhere", role: "img", hidden: true });
    this.#log = new LogView(account, conversation);
    this.#log.box.setAttribute("aria-label", nameOf(peer));
    const answering = new AnsweringView(account, conversation);
    this.composer = new ComposerView(account, conversation, () => this.#log.answered());
    this.element = h(
      "section",
      { class: "chat", "aria-label": nameOf(peer) },
      h(
        "header",
        { class: "chat-head" },
        iconButton("back", words().back, () => account.deselect(), { class: "icon-button back-button" }),
        this.elsewhere,
        avatar(peer),
        h("span", { class: "chat-who" }, h("h2", {}, nameOf(peer)), this.state),
        more,
      ),
      this.#log.element,
      answering.element,
      this.composer.element,
    );
    const { signal } = this.#stop;
    conversation.addEventListener("answering", () => (answering.render(), this.composer.focus()), { signal });
    conversation.addEventListener("rewritten", () => this.composer.fill(), { signal });
    conversation.addEventListener("changed", () => answering.render(), { signal });
    for (const name of ["typing", "changed"]) account.addEventListener(name, () => this.#render(session_id), { signal });
    this.#render(session_id);
  }

  close() {
    this.#stop.abort();
    this.#log.close();
  }

  /** @param {string} session_id */
  #render(session_id) {
    const typing = this.#account.isTyping(session_id);
    const peer = this.#account.peer(session_id);
    this.state.textContent = typing ? words().typing : nameOf(peer) === peer ? "" : peer;
    this.state.classList.toggle("is-typing", typing);
    const { contact, client } = this.#account;
    this.more.hidden = !contact;
    // Where the list is behind the chat, what is new there is told here.
    const elsewhere = client.unread_total - (contact && !contact.muted ? contact.unread : 0);
    this.elsewhere.hidden = elsewhere === 0;
    this.elsewhere.textContent = elsewhere > 99 ? "99+" : String(elsewhere);
    this.elsewhere.setAttribute("aria-label", words().unread_elsewhere(elsewhere));
  }
}
