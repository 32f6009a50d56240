/** Message: one line of a chat: a bubble, a notice of something taken back, or one that is still on its way. */

import { compareIds } from "../../sdk/index.js";
import { fullTime, preview, timeOfDay } from "../format.js";
import { nameOf } from "../models/names.js";
import { whyNot, words } from "../words/index.js";
import { attempt } from "./contact_actions.js";
import { drawContent } from "./content.js";
import { confirmFirst } from "./dialog.js";
import { copyText, h, icon, iconButton } from "./dom.js";
import { openMenu } from "./menu.js";
import { quoted } from "./quote.js";
import { onSwipe } from "./swipe.js";

/** @import {Account} from "../models/account.js" */
/** @import {Entry, Message} from "../../sdk/types.js" */

/** @typedef {{element: HTMLElement, original: Message | null | undefined}} Quote what a message answers, drawn */

/** How long a message may be taken back; the server decides, this only hides what is surely too late. */
const RECALL_WINDOW_MS = 120_000;

/**
 * @param {Account} account
 * @param {Message} message
 * @param {{first: boolean, read: boolean, quote: Quote | null}} place `first` of a run by one sender; `read` by the peer
 */
export function drawMessage(account, message, { first, read, quote }) {
  const mine = message.sender === account.uid;
  if (message.status !== "normal" || !message.content) return drawNotice(account, message);
  if (message.content.type === "tips") return h("div", { class: "notice" }, String(message.content.text));
  const state = mine ? icon(read ? "read" : "sent", read ? words().state_read : words().state_sent) : null;
  const bubble = h(
    "div",
    { class: `bubble kind-${message.content.type}` },
    quote?.element,
    drawContent(message.content),
    h("span", { class: "meta" }, h("time", { title: fullTime(message.sent_at_ms) }, timeOfDay(message.sent_at_ms)), state),
  );
  const more = iconButton("more", words().actions, () => openMenu(more, choicesFor(account, message)), {
    class: "icon-button message-more",
    "aria-haspopup": "menu",
  });
  const row = h("div", { class: `message ${mine ? "is-mine" : ""} ${first ? "is-first" : ""}` }, bubble, more);
  row.addEventListener("contextmenu", (event) => {
    if (/** @type {Element} */ (event.target).closest("a")) return;
    event.preventDefault();
    openMenu(more, choicesFor(account, message), { x: event.clientX, y: event.clientY });
  });
  onSwipe(bubble, () => account.conversation?.answer(message.msg_id));
  const who = mine ? words().you : nameOf(message.sender);
  const told = [`${who}: ${preview(message, account.uid, who)}`, answers(account, quote), timeOfDay(message.sent_at_ms)];
  return named(row, told.filter(Boolean).join(", "));
}

/**
 * @param {Account} account
 * @param {Message} message
 */
function drawNotice(account, message) {
  const text = h("span", {}, preview(message, account.uid, nameOf(message.sender)));
  const remove = iconButton("close", words().delete_me, () => attempt(account.client.delete(message, "me")));
  return h("div", { class: "notice" }, text, remove);
}

/**
 * @param {Account} account
 * @param {Entry & {said?: Message}} entry
 * @param {{first: boolean, quote: Quote | null}} place
 */
export function drawPending(account, entry, { first, quote }) {
  const { client, uid } = account;
  const { refused, reason, said: known, body, queued_at_ms } = entry;
  const state = refused ? icon("failed", words().state_failed) : known ? icon("sent", words().state_sent) : icon("clock", words().state_pending);
  const bubble = h(
    "div",
    { class: `bubble kind-${body.content.type}` },
    quote?.element,
    drawContent(body.content),
    h("span", { class: "meta" }, h("time", {}, timeOfDay(queued_at_ms)), state),
  );
  const failure =
    refused &&
    h(
      "div",
      { class: "failure", title: reason },
      h("span", {}, `${words().state_failed}: ${whyNot(refused)}`),
      h("button", { type: "button", onclick: () => attempt(client.retry(entry)) }, words().retry),
      body.content.type === "text" && h("button", { type: "button", onclick: () => takeBack(account, entry) }, words().rewrite),
      h("button", { type: "button", onclick: () => attempt(client.discard(entry)) }, words().discard),
    );
  const row = h("div", { class: `message is-mine is-pending ${refused ? "is-failed" : ""} ${first ? "is-first" : ""}` }, bubble, failure);
  const told = refused ? words().state_failed : words().state_pending;
  const said = `${words().you}: ${preview({ status: "normal", content: body.content, sender: uid }, uid, "")}`;
  return named(row, [said, answers(account, quote), told].filter(Boolean).join(", "));
}

/**
 * What was refused goes back to where it was written.
 * @param {Account} account
 * @param {Entry} entry
 */
function takeBack({ client, conversation }, entry) {
  conversation?.rewrite(entry.body.content);
  attempt(client.discard(entry));
}

/**
 * @param {Account} account
 * @param {Quote | null} quote
 */
function answers(account, quote) {
  if (!quote) return "";
  const { who, line } = quoted(account, quote.original);
  return words().replies_to(who, line);
}

/**
 * @param {HTMLElement} row
 * @param {string} name
 */
function named(row, name) {
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", name);
  return row;
}

/**
 * @param {Account} account
 * @param {Message} message
 */
function choicesFor({ client, uid, conversation }, message) {
  const all = words();
  const { content, sender, sent_at_ms } = message;
  const mine = sender === uid;
  /** @type {import("./menu.js").Choice[]} */
  const choices = [{ name: all.reply, act: () => conversation?.answer(message.msg_id) }];
  if (content?.type === "text") {
    choices.push({ name: all.copy, act: () => attempt(copyText(String(content.text))) });
  }
  if (mine && Date.now() - sent_at_ms < RECALL_WINDOW_MS) {
    choices.push({ name: all.recall, act: () => attempt(client.recall(message)) });
  }
  choices.push({ name: all.delete_me, danger: true, act: () => attempt(client.delete(message, "me")) });
  if (mine) {
    const act = () => confirmFirst(all.delete_all_sure, all.delete_all, () => attempt(client.delete(message, "all")));
    choices.push({ name: all.delete_all, danger: true, act });
  }
  return choices;
}

/**
 * What a drawn message depends on: the same text, the same picture.
 * @param {Message} message
 * @param {string} peer_read_msg_id
 */
export const isReadBy = (message, peer_read_msg_id) => compareIds(message.msg_id, peer_read_msg_id) <= 0;
