/**
 * Composer: where one writes. Enter sends, Shift+Enter breaks the line, what is not sent is kept as a draft.
 * Ctrl+↑ and Ctrl+↓ choose the message that is answered, Escape none.
 */

import { drafts } from "../models/settings.js";
import { words } from "../words/index.js";
import { field, openDialog } from "./dialog.js";
import { h, iconButton } from "./dom.js";
import { openEmoji } from "./emoji.js";

/** @import {Account} from "../models/account.js" */
/** @import {Conversation} from "../models/conversation.js" */
/** @import {Content} from "../../sdk/types.js" */

/** Told at most so often that somebody is typing. */
const TYPING_EVERY_MS = 3_000;
const HEIGHT_MAX_PX = 160;

export class ComposerView {
  #account;
  #session_id;
  #conversation;
  #sent;
  #typing_at = 0;

  /**
   * @param {Account} account
   * @param {Conversation} conversation
   * @param {() => void} sent
   */
  constructor(account, conversation, sent) {
    this.#account = account;
    this.#conversation = conversation;
    this.#session_id = conversation.session_id;
    this.#sent = sent;
    this.input = h("textarea", {
      rows: "1",
      placeholder: words().write,
      "aria-label": words().write,
      oninput: () => this.#onInput(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#onKey(event),
    });
    const emoji = iconButton("smile", words().emoji, () => openEmoji(emoji, (sign) => this.#insert(sign)));
    this.element = h(
      "form",
      { class: "composer", onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), this.#send()) },
      iconButton("attach", words().attach, () => this.#attach()),
      h("div", { class: "composer-field" }, this.input, emoji),
      iconButton("send", words().send, () => this.#send(), { class: "icon-button send-button", type: "submit" }),
    );
    requestAnimationFrame(() => this.fill());
  }

  /** With the draft that is kept. */
  fill() {
    this.input.value = drafts.of(this.#account.uid, this.#session_id);
    this.#grow();
  }

  focus() {
    this.input.focus();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key === "Escape" && this.#conversation.answering && !event.isComposing) {
      event.preventDefault();
      return this.#conversation.answer(null);
    }
    const step = event.ctrlKey || event.metaKey ? { ArrowUp: -1, ArrowDown: 1 }[/** @type {"ArrowUp"} */ (event.key)] : undefined;
    if (step) {
      event.preventDefault();
      return this.#conversation.answerNext(/** @type {-1 | 1} */ (step));
    }
    // While an input method is composing, Enter chooses a word.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#send();
  }

  #onInput() {
    this.#grow();
    drafts.keep(this.#account.uid, this.#session_id, this.input.value);
    const now = Date.now();
    if (!this.input.value.trim() || now - this.#typing_at < TYPING_EVERY_MS) return;
    this.#typing_at = now;
    this.#account.client.typing(this.#session_id);
  }

  #send() {
    const text = this.input.value.trim();
    if (!text) return;
    this.#say({ type: "text", text });
    this.input.value = "";
    this.#typing_at = 0;
    drafts.keep(this.#account.uid, this.#session_id, "");
    this.#grow();
  }

  /** @param {Content} content */
  #say(content) {
    const { answering } = this.#conversation;
    this.#account.client.send({ session_id: this.#session_id }, content, answering ? { reply_to: answering } : {});
    if (answering) this.#conversation.answer(null);
    this.#sent();
  }

  #grow() {
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(HEIGHT_MAX_PX, this.input.scrollHeight)}px`;
  }

  /** @param {string} sign */
  #insert(sign) {
    this.input.setRangeText(sign, this.input.selectionStart, this.input.selectionEnd, "end");
    this.input.focus();
    this.#onInput();
  }

  #attach() {
    const chosen = () => (name.row.hidden = kind.value === "image");
    const kind = h("select", { onchange: () => chosen() }, h("option", { value: "image" }, words().attach_image), h("option", { value: "file" }, words().attach_file));
    const url = field(words().attach_url, { type: "url", required: true, maxlength: "1024", pattern: "https://.*" });
    const name = field(words().attach_name, { maxlength: "255" });
    chosen();
    const kind_row = h("label", { class: "field" }, h("span", {}, words().attach_kind), kind);
    openDialog(words().attach, [kind_row, url.row, name.row], words().send, () => {
      const address = url.input.value.trim();
      const fallback = decodeURIComponent(new URL(address).pathname.split("/").at(-1) ?? "") || "file";
      if (kind.value === "image") this.#say({ type: "image", url: address });
      else this.#say({ type: "file", url: address, name: name.input.value.trim() || fallback.slice(0, 255) });
    });
  }
}
