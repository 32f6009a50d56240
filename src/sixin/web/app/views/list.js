/** List: the conversations of one account. Only the rows in sight exist, so ten thousand cost what twenty do. */

import { isUid, pairSessionId } from "../../sdk/index.js";
import { preview, when } from "../format.js";
import { drafts } from "../models/settings.js";
import { nameOf } from "../models/names.js";
import { words } from "../words/index.js";
import { avatar } from "./avatar.js";
import { contactChoices } from "./contact_actions.js";
import { field, openDialog } from "./dialog.js";
import { arrange, h, icon, iconButton } from "./dom.js";
import { openMenu } from "./menu.js";

/** @import {Account} from "../models/account.js" */
/** @import {Contact} from "../../sdk/types.js" */

const ROW_PX = 68;
const SPARE_ROWS = 6;

export class ListView {
  #account;
  /** @type {Map<string, {row: HTMLElement, shown: string}>} */
  #rows = new Map();
  #cursor = 0;
  #frame = 0;
  #stop = new AbortController();

  /** @param {Account} account */
  constructor(account) {
    this.#account = account;
    this.space = h("div", { class: "list-space", role: "presentation" });
    this.box = h(
      "div",
      {
        class: "list-box",
        role: "listbox",
        tabindex: "0",
        "aria-label": words().list,
        onscroll: () => this.#soon(),
        onkeydown: (/** @type {KeyboardEvent} */ event) => this.#onKey(event),
        onfocus: () => this.#moveCursor(this.#selectedIndex()),
        oncontextmenu: (/** @type {MouseEvent} */ event) => this.#onContextMenu(event),
        onclick: (/** @type {MouseEvent} */ event) => this.#onClick(event),
      },
      this.space,
    );
    this.empty = h("p", { class: "empty", hidden: true });
    const search = h("input", {
      type: "search",
      placeholder: words().search,
      "aria-label": words().search_list,
      oninput: () => account.searchFor(search.value),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#onSearchKey(event, search),
    });
    this.element = h(
      "section",
      { class: "list", "aria-label": words().list },
      h(
        "div",
        { class: "list-head" },
        h("label", { class: "search" }, icon("search"), search),
        iconButton("add", words().new_chat, () => this.#newChat()),
      ),
      this.empty,
      this.box,
    );
    const { signal } = this.#stop;
    for (const name of ["changed", "selected", "typing"]) account.addEventListener(name, () => this.#soon(), { signal });
    const size = new ResizeObserver(() => this.#soon());
    size.observe(this.box);
    signal.addEventListener("abort", () => size.disconnect());
  }

  close() {
    this.#stop.abort();
    cancelAnimationFrame(this.#frame);
  }

  /** At most once for each picture, however much happens. */
  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.render();
    });
  }

  render() {
    const { listed, search } = this.#account;
    this.empty.hidden = listed.length > 0;
    this.empty.textContent = search ? words().no_match : words().no_conversations;
    this.space.style.height = `${listed.length * ROW_PX}px`;
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW_PX) - SPARE_ROWS);
    const last = Math.min(listed.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW_PX) + SPARE_ROWS);
    const shown = new Map();
    for (let nth = first; nth < last; nth++) shown.set(listed[nth].session_id, this.#row(listed[nth], nth, listed.length));
    this.#rows = shown;
    arrange(this.space, [...shown.values()].map(({ row }) => row));
    const active = listed[this.#cursor];
    if (active && shown.has(active.session_id)) this.box.setAttribute("aria-activedescendant", this.#rowId(active.session_id));
    else this.box.removeAttribute("aria-activedescendant");
  }

  /**
   * @param {Contact} contact
   * @param {number} nth
   * @param {number} count
   */
  #row(contact, nth, count) {
    const { session_id, version_id, peer, last_message } = contact;
    const selected = this.#account.conversation?.session_id === session_id;
    const draft = selected ? "" : drafts.of(this.#account.uid, session_id);
    const typing = this.#account.isTyping(session_id);
    const shown = JSON.stringify([version_id, last_message?.version_id, selected, draft, typing, nameOf(peer), this.#cursor === nth]);
    const known = this.#rows.get(session_id);
    const row = known?.shown === shown ? known.row : this.#draw(contact, { selected, draft, typing, active: this.#cursor === nth });
    row.style.transform = `translateY(${nth * ROW_PX}px)`;
    row.setAttribute("aria-posinset", String(nth + 1));
    row.setAttribute("aria-setsize", String(count));
    return { row, shown };
  }

  /**
   * @param {Contact} contact
   * @param {{selected: boolean, draft: string, typing: boolean, active: boolean}} state
   */
  #draw(contact, { selected, draft, typing, active }) {
    const { session_id, peer, last_message, unread, pinned, muted, labels } = contact;
    const line = typing ? words().typing : draft || (last_message ? preview(last_message, this.#account.uid, nameOf(peer)) : "");
    return h(
      "div",
      {
        class: `contact ${pinned ? "is-pinned" : ""} ${active ? "is-active" : ""}`,
        role: "option",
        id: this.#rowId(session_id),
        "aria-selected": String(selected),
        "data-session-id": session_id,
      },
      avatar(peer),
      h(
        "span",
        { class: "contact-text" },
        h(
          "span",
          { class: "contact-top" },
          h("span", { class: "contact-name" }, nameOf(peer)),
          last_message && h("time", { class: "contact-time" }, when(last_message.sent_at_ms)),
        ),
        h(
          "span",
          { class: "contact-bottom" },
          h("span", { class: `contact-line ${typing ? "is-typing" : ""}` }, draft && !typing && h("em", {}, `[${words().draft}] `), line),
          // One, and how many more: what was said is to have room beside it.
          labels.length > 0 && h("span", { class: "label", title: labels.join(", ") }, labels[0]),
          labels.length > 1 && h("span", { class: "label", "aria-label": labels.slice(1).join(", "), role: "img" }, `+${labels.length - 1}`),
          pinned && icon("pin", words().pinned),
          muted && icon("mute", words().muted),
          unread > 0 && h("span", { class: `badge ${muted ? "is-muted" : ""}`, "aria-label": words().unread(unread) }, unread > 999 ? "999+" : String(unread)),
        ),
      ),
    );
  }

  /** @param {string} session_id */
  #rowId(session_id) {
    return `contact-${this.#account.uid}-${session_id.replace(":", "-")}`;
  }

  #selectedIndex() {
    const selected = this.#account.conversation?.session_id;
    return Math.max(0, this.#account.listed.findIndex(({ session_id }) => session_id === selected));
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const { listed } = this.#account;
    const page = Math.max(1, Math.floor(this.box.clientHeight / ROW_PX) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -listed.length, End: listed.length };
    const step = steps[/** @type {"Home"} */ (event.key)];
    const contact = listed[this.#cursor];
    if (step) this.#moveCursor(this.#cursor + step);
    else if ((event.key === "Enter" || event.key === " ") && contact) this.#account.select(contact.session_id);
    else if ((event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) && contact) this.#menuOf(contact);
    else return;
    event.preventDefault();
  }

  /**
   * Down, or Enter, goes from the search to what it found; Escape ends it.
   * @param {KeyboardEvent} event
   * @param {HTMLInputElement} search
   */
  #onSearchKey(event, search) {
    if (event.key === "Escape" && search.value) {
      search.value = "";
      this.#account.searchFor("");
    } else if ((event.key === "ArrowDown" || event.key === "Enter") && !event.isComposing && this.#account.listed.length) {
      this.box.focus();
      this.#moveCursor(0);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number} nth */
  #moveCursor(nth) {
    this.#cursor = Math.max(0, Math.min(nth, this.#account.listed.length - 1));
    const top = this.#cursor * ROW_PX;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + ROW_PX > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = top + ROW_PX - this.box.clientHeight;
    this.render();
  }

  /** @param {Event} event */
  #contactAt(event) {
    const row = /** @type {Element} */ (event.target).closest("[data-session-id]");
    return row ? this.#account.client.contact(row.getAttribute("data-session-id") ?? "") : null;
  }

  /** @param {MouseEvent} event */
  #onClick(event) {
    const contact = this.#contactAt(event);
    if (contact) this.#account.select(contact.session_id);
  }

  /** @param {MouseEvent} event */
  #onContextMenu(event) {
    const contact = this.#contactAt(event);
    if (!contact) return;
    event.preventDefault();
    this.#menuOf(contact, { x: event.clientX, y: event.clientY });
  }

  /**
   * @param {Contact} contact
   * @param {{x: number, y: number}} [at]
   */
  #menuOf(contact, at) {
    const row = this.#rows.get(contact.session_id)?.row.getBoundingClientRect();
    openMenu(this.box, contactChoices(this.#account, contact), at ?? (row && { x: row.left + 60, y: row.top + 30 }));
  }

  #newChat() {
    const { input, row } = field(words().new_chat_uid, { inputmode: "numeric", required: true, pattern: "[1-9][0-9]{0,18}" });
    const hint = h("p", { class: "hint" }, words().new_chat_hint);
    openDialog(words().new_chat, [row, hint], words().start, () => {
      const uid = input.value.trim();
      if (!isUid(uid)) return false;
      this.#account.select(pairSessionId(this.#account.uid, uid));
      return true;
    });
  }
}
