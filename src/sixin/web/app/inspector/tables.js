/** Tables: the rows of both timelines. What changed glows for a moment. */

import { compareIds, msgIdParts } from "../../sdk/index.js";
import { fullTime, contentLine } from "../format.js";
import { nameOf } from "../models/names.js";
import { h } from "../views/dom.js";
import { told } from "./words.js";

/** @import {Contact, Message} from "../../sdk/types.js" */

/** @typedef {{uid: string, kept: Map<string, Message>}} Holder */

const FIELDS = /** @type {const} */ ([
  "version_id",
  "sort_key",
  "last_msg_id",
  "last_read_msg_id",
  "last_del_msg_id",
  "peer_read_msg_id",
  "message_version",
  "hidden_version",
]);

const short = (/** @type {string} */ uid) => [...nameOf(uid)][0];

export class Tables {
  /** @type {Map<string, string>} what each row showed last */
  #shown = new Map();
  #first = true;

  /**
   * @param {Message[]} messages as stored, by sort_key
   * @param {Holder[]} holders
   */
  messages(messages, holders) {
    const head = ["ordinal", "msg_id", "sender", "version_id", "sort_key", "status", "content", told().held];
    const rows = messages.map((message) => this.#message(message, holders));
    this.#first = false;
    return table(head, rows);
  }

  /**
   * @param {Message} message
   * @param {Holder[]} holders
   */
  #message(message, holders) {
    const { msg_id, sender, version_id, sort_key, status, content, ordinal } = message;
    const { seconds, counter, slot, at_ms } = msgIdParts(msg_id);
    const id = h(
      "td",
      { class: "id", title: `${msg_id} = ${seconds} s · ${counter} · slot ${slot} (${fullTime(at_ms)})` },
      h("span", { class: "id-seconds" }, String(seconds)),
      h("span", { class: "id-counter" }, String(counter).padStart(6, "0")),
      h("span", { class: "id-slot" }, String(slot).padStart(4, "0")),
    );
    const said = content ? `${content.reply_to ? "↪ " : ""}${contentLine(content)}` : "—";
    return this.#row(`${msg_id}`, `${version_id}`, [
      cell(ordinal),
      id,
      cell(short(sender)),
      cell(version_id, version_id !== sort_key ? "moved" : ""),
      cell(sort_key),
      h("td", {}, h("span", { class: `status is-${status}` }, status)),
      h("td", { class: "said", title: said }, said),
      h("td", { class: "holders" }, ...holders.map((holder) => heldMark(holder, message))),
    ]);
  }

  /** @param {Contact[]} contacts */
  contacts(contacts) {
    const rows = contacts.map((contact) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, nameOf(contact.owner)),
        this.#cell(`${contact.owner}/unread`, String(contact.unread), formula(contact)),
        ...FIELDS.map((name) => this.#cell(`${contact.owner}/${name}`, tail(name, contact[name]), String(contact[name]))),
        h("td", {}, ["pinned", "muted"].filter((flag) => contact[/** @type {"pinned"} */ (flag)]).join(" ") || contact.status),
      ),
    );
    const formulas = contacts.map((contact) =>
      h("li", {}, `unread(${nameOf(contact.owner)}) = |${formula(contact)}| = ${contact.unread}`),
    );
    return [table(["owner", "unread", ...FIELDS, "status"], rows), h("ul", { class: "formulas" }, ...formulas)];
  }

  /**
   * @param {string} key
   * @param {string} text
   * @param {string} title
   */
  #cell(key, text, title) {
    const hot = this.#changed(key, text);
    return h("td", { class: hot ? "is-hot" : "", title }, text);
  }

  /**
   * @param {string} key
   * @param {string} state
   * @param {Node[]} cells
   */
  #row(key, state, cells) {
    return h("tr", { class: this.#changed(key, state) ? "is-hot" : "" }, ...cells);
  }

  /**
   * @param {string} key
   * @param {string} state
   */
  #changed(key, state) {
    const changed = !this.#first && this.#shown.get(key) !== state;
    this.#shown.set(key, state);
    return changed;
  }
}

/**
 * Whether a device holds a row: as it now is, as it was, or not at all.
 * @param {Holder} holder
 * @param {Message} message
 */
function heldMark({ uid, kept }, { msg_id, version_id }) {
  const version = kept.get(msg_id)?.version_id;
  const state = version === undefined ? "absent" : version === version_id ? "current" : "older";
  const name = `${nameOf(uid)}: ${version === undefined ? "–" : `version ${version}`}`;
  return h("span", { class: `holder is-${state}`, title: name, role: "img", "aria-label": name }, short(uid));
}

/** What `unread` counts. @param {Contact} contact */
function formula({ last_read_msg_id, last_del_msg_id }) {
  const above = compareIds(last_read_msg_id, last_del_msg_id) > 0 ? last_read_msg_id : last_del_msg_id;
  return told().unread_formula(tail("msg_id", above));
}

/**
 * An id by its end: the beginning is the time and hardly differs.
 * @param {string} name
 * @param {unknown} value
 */
function tail(name, value) {
  const text = String(value);
  return name.endsWith("msg_id") && text.length > 10 ? text.slice(-10) : text;
}

/**
 * @param {unknown} value
 * @param {string} [style]
 */
const cell = (value, style = "") => h("td", { class: style }, String(value));

/** A field's name may break between its words: eleven of them stand side by side. @param {string} name */
const wrapped = (name) => name.split(/(?<!msg)_/).flatMap((word, nth) => (nth ? ["_", h("wbr"), word] : [word]));

/**
 * @param {string[]} head
 * @param {Node[]} rows
 */
const table = (head, rows) =>
  h("table", {}, h("thead", {}, h("tr", {}, ...head.map((name) => h("th", { scope: "col" }, ...wrapped(name))))), h("tbody", {}, ...rows));
