/** Pane: one account: its list and its chat, side by side or one at a time. */

import { nameOf } from "../models/names.js";
import { whyNot, words } from "../words/index.js";
import { avatar } from "./avatar.js";
import { BannerView } from "./banner.js";
import { ChatView } from "./chat.js";
import { h, iconButton } from "./dom.js";
import { ListView } from "./list.js";
import { toast } from "./toast.js";

/** @import {Account} from "../models/account.js" */

export class PaneView {
  #account;
  /** @type {ChatView | null} */
  #chat = null;
  #stop = new AbortController();

  /**
   * @param {Account} account
   * @param {{signOut: () => void, signInAgain: () => void}} doors
   */
  constructor(account, { signOut, signInAgain }) {
    this.account = account;
    this.#account = account;
    this.list = new ListView(account);
    this.banner = new BannerView(account, signInAgain);
    this.badge = h("span", { class: "badge", hidden: true });
    this.place = h("div", { class: "chat-place" });
    this.element = h(
      "section",
      { class: "pane", "aria-label": words().pane(nameOf(account.uid)), "data-uid": account.uid },
      h(
        "header",
        { class: "pane-head" },
        avatar(account.uid),
        h("h1", {}, nameOf(account.uid)),
        this.badge,
        iconButton("leave", words().sign_out, signOut, { class: "icon-button leave-button" }),
      ),
      this.banner.element,
      h("div", { class: "pane-body" }, this.list.element, this.place),
    );
    const { signal } = this.#stop;
    account.addEventListener("selected", () => this.#onSelected(), { signal });
    account.addEventListener("reselected", () => this.#chat?.composer.focus(), { signal });
    account.addEventListener("changed", () => this.#onChanged(), { signal });
    account.client.addEventListener("refused", (event) => toast(whyNot(/** @type {CustomEvent} */ (event).detail.entry.refused)), { signal });
    account.client.addEventListener("store_failed", () => toast(words().not_kept), { signal });
    document.addEventListener("pointerdown", (event) => this.#attendIf(event), { signal });
    document.addEventListener("focusin", (event) => this.#attendIf(event), { signal });
    document.addEventListener("visibilitychange", () => this.#attendIf(), { signal });
    this.element.addEventListener("keydown", (event) => this.#onKey(event), { signal });
    this.#onSelected();
    this.#onChanged();
  }

  close() {
    this.#stop.abort();
    this.#chat?.close();
    this.list.close();
    this.banner.close();
    this.element.remove();
  }

  /**
   * Read is what somebody looked at: the pane he was in last, while the page is in sight.
   * @param {Event} [event]
   */
  #attendIf(event) {
    const there = event ? this.element.contains(/** @type {Node} */ (event.target)) : this.element.classList.contains("is-attended");
    const elsewhere = event && !there && /** @type {Element} */ (event.target).closest?.(".pane");
    if (event && !there && !elsewhere) return;
    this.element.classList.toggle("is-attended", there);
    this.#account.attend(there && document.visibilityState === "visible");
  }

  #onSelected() {
    this.#chat?.close();
    const { conversation } = this.#account;
    this.#chat = conversation && new ChatView(this.#account, conversation);
    const empty = h("p", { class: "empty" }, words().pick);
    this.place.replaceChildren(this.#chat?.element ?? empty);
    this.element.classList.toggle("is-chatting", conversation !== null);
    if (this.element.classList.contains("is-attended")) (this.#chat ? this.#chat.composer : this.list.box).focus();
    if (!conversation) this.#account.client.listEntered();
  }

  #onChanged() {
    const total = this.#account.client.unread_total;
    this.badge.hidden = total === 0;
    this.badge.textContent = String(total);
    this.badge.setAttribute("aria-label", words().unread(total));
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key !== "Escape" || event.defaultPrevented || !this.#account.conversation) return;
    event.preventDefault();
    this.#account.deselect();
    this.list.box.focus();
  }
}
