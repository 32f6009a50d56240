/** Quote: what a message answers: who said it, and its first line, as it now stands. */

import { preview } from "../format.js";
import { nameOf } from "../models/names.js";
import { words } from "../words/index.js";
import { h } from "./dom.js";

/** @import {Account} from "../models/account.js" */
/** @import {Message} from "../../sdk/types.js" */

/**
 * Who is quoted, and with what: nothing but what can be seen at this moment.
 * @param {Account} account
 * @param {Message | null | undefined} original
 */
export function quoted(account, original) {
  if (original === undefined) return { who: "", line: "…" };
  if (original === null) return { who: "", line: words().not_available };
  const { sender, status } = original;
  const [line] = preview(original, account.uid, nameOf(sender)).trimStart().split("\n");
  // A notice of what was taken back says itself who did it.
  const who = status !== "normal" ? "" : sender === account.uid ? words().you : nameOf(sender);
  return { who, line };
}

/**
 * @param {Account} account
 * @param {Message | null | undefined} original
 * @param {(msg_id: string) => void} show
 */
export function drawQuote(account, original, show) {
  const { who, line } = quoted(account, original);
  const inside = [who && h("span", { class: "quote-who" }, who), h("span", { class: "quote-line" }, line)];
  if (!original) return h("span", { class: "quote is-gone" }, ...inside);
  const gone = original.status !== "normal";
  return h(
    "button",
    { type: "button", class: `quote ${gone ? "is-gone" : ""}`, title: words().show_original, onclick: () => show(original.msg_id) },
    ...inside,
  );
}
