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
    const brief = shortening(contacts);
    const rows = contacts.map((contact) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, nameOf(contact.owner)),
        this.#cell(`${contact.owner}/unread`, String(contact.unread), String(contact.unread)),
        ...FIELDS.map((name) => this.#cell(`${contact.owner}/${name}`, String(contact[name]), brief(name, contact[name]))),
        h("td", {}, ["pinned", "muted"].filter((flag) => contact[/** @type {"pinned"} */ (flag)]).join(" ") || contact.status),
      ),
    );
    const formulas = contacts.map((contact) =>
      h("li", {}, `unread(${nameOf(contact.owner)}) = |${formula(contact, brief)}| = ${contact.unread}`),
    );
    return [table(["owner", "unread", ...FIELDS, "status"], rows), h("ul", { class: "formulas" }, ...formulas)];
  }

  /**
   * @param {string} key
   * @param {string} value
   * @param {string} shown
   */
  #cell(key, value, shown) {
    return h("td", { class: this.#changed(key, value) ? "is-hot" : "", title: value }, shown);
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

/**
 * What `unread` counts.
 * @param {Contact} contact
 * @param {(name: string, value: string) => string} brief
 */
function formula({ last_read_msg_id, last_del_msg_id }, brief) {
  const above = compareIds(last_read_msg_id, last_del_msg_id) > 0 ? last_read_msg_id : last_del_msg_id;
  return told().unread_formula(brief("msg_id", above));
}

/** The digits of an id's slot: the same in all ids of a session. */
const SLOT_DIGITS = 4;

/** So many are left at least: the counter, and the end of the seconds. */
const BRIEF_DIGITS_MIN = 9;

/**
 * Ids without the slot, and without what all of them begin with: what is greater looks greater.
 * @param {Contact[]} contacts
 * @returns {(name: string, value: unknown) => string}
 */
function shortening(contacts) {
  const ids = contacts.flatMap((contact) => FIELDS.filter(isId).map((name) => String(contact[name]))).filter((id) => id !== "0");
  const [one = "", ...others] = ids;
  const alike = others.every(({ length }) => length === one.length);
  const cut_max = alike ? one.length - SLOT_DIGITS - BRIEF_DIGITS_MIN : 0;
  let cut = 0;
  while (cut < cut_max && others.every((other) => other[cut] === one[cut])) cut += 1;
  return (name, value) => (cut && isId(name) && value !== "0" ? `…${String(value).slice(cut, -SLOT_DIGITS)}` : String(value));
}

/** How a story names a message: as the table does at its shortest. @param {string} msg_id */
export const briefly = (msg_id) => msg_id.slice(-SLOT_DIGITS - BRIEF_DIGITS_MIN, -SLOT_DIGITS);

const isId = (/** @type {string} */ name) => name.endsWith("msg_id");

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
