/** Format: times, sizes, previews and links as people read them. */

import { spoken, words } from "./words/index.js";

/** @import {Content, Message} from "../sdk/types.js" */

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/**
 * @param {number} at_ms
 * @param {Intl.DateTimeFormatOptions} options
 */
function formatted(at_ms, options) {
  const key = spoken() + JSON.stringify(options);
  let format = formats.get(key);
  if (!format) formats.set(key, (format = new Intl.DateTimeFormat(spoken(), options)));
  return format.format(at_ms);
}

/** @param {number} at_ms */
export const timeOfDay = (at_ms) => formatted(at_ms, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** @param {number} at_ms */
export const fullTime = (at_ms) => formatted(at_ms, { dateStyle: "medium", timeStyle: "medium" });

/** @param {number} at_ms */
export const dayKey = (at_ms) => new Date(at_ms).toDateString();

/**
 * @param {number} at_ms
 * @param {number} [now_ms]
 */
export function day(at_ms, now_ms = Date.now()) {
  if (dayKey(at_ms) === dayKey(now_ms)) return words().today;
  if (dayKey(at_ms) === dayKey(now_ms - 86_400_000)) return words().yesterday;
  const year = new Date(at_ms).getFullYear() === new Date(now_ms).getFullYear() ? undefined : "numeric";
  return formatted(at_ms, { weekday: "short", month: "short", day: "numeric", year });
}

/** @param {number} at_ms the short form of the list: the time today, else the day */
export const when = (at_ms) => (dayKey(at_ms) === dayKey(Date.now()) ? timeOfDay(at_ms) : day(at_ms));

/** @param {unknown} bytes */
export function size(bytes) {
  if (typeof bytes !== "number") return "";
  const units = ["B", "KB", "MB", "GB"];
  const step = Math.min(3, Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(1000)));
  return `${(bytes / 1000 ** step).toFixed(step && bytes / 1000 ** step < 10 ? 1 : 0)} ${units[step]}`;
}

/** @param {number} duration_ms as a clock shows it: minutes and seconds, and hours where there are any */
export function duration(duration_ms) {
  const seconds = Math.round(duration_ms / 1000);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, "0"));
  const hours = Math.floor(seconds / 3600);
  return hours ? `${hours}:${parts.join(":")}` : parts.join(":").replace(/^0/, "");
}

/**
 * What a message says, in one line.
 * @param {Pick<Message, "status" | "content" | "sender">} message
 * @param {string} me
 * @param {string} name of its sender
 */
export function preview({ status, content, sender }, me, name) {
  if (status === "recalled") return sender === me ? words().recalled_me : words().recalled(name);
  if (status === "deleted" || !content) return words().deleted;
  return contentLine(content);
}

/** @param {Content} content */
export function contentLine(content) {
  const { type, text, name } = content;
  if (type === "text" || type === "tips") return String(text);
  const kind = words()[/** @type {"image"} */ (KINDS.has(type) ? type : "custom")];
  return name ? `[${kind}] ${name}` : `[${kind}]`;
}

const KINDS = new Set(["image", "file", "audio", "video", "location", "card"]);
const LINK = /\bhttps?:\/\/[^\s<>"'“”‘’（）【】《》，。；：！？、]+/giu;

/**
 * A text cut at its links. Only http and https: a link is never a program.
 * @param {string} text
 * @returns {{text: string, href?: string}[]}
 */
export function pieces(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const href = withoutEnd(match[0]);
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    if (URL.canParse(href)) found.push({ text: href, href });
    else found.push({ text: href });
    end = match.index + href.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

const BRACKETS = ["()", "[]", "{}"];

/**
 * What ends a sentence ends it after the link; a bracket that was opened inside belongs to it.
 * @param {string} link
 */
function withoutEnd(link) {
  const excess = Object.fromEntries(BRACKETS.map(([opening, closing]) => [closing, link.split(closing).length - link.split(opening).length]));
  for (let end = link.length; ; end--) {
    const last = link[end - 1];
    if (excess[last] > 0) excess[last] -= 1;
    else if (!/[.,;:!?]/.test(last)) return link.slice(0, end);
  }
}

/** One sign each: a flag is two letters, a key a digit and its frame, a family several people joined. */
const SIGN = String.raw`(?:\p{RI}{2}|[0-9#*]\uFE0F?\u20E3|\p{ExtPict}[\uFE0F\p{EMod}]?(?:\u200D\p{ExtPict}[\uFE0F\p{EMod}]?)*)`;
const SIGNS_ALONE = new RegExp(`^(?:${SIGN}\\s?){1,8}$`, "u");

/** Whether a text is a few signs and nothing else. @param {string} text */
export const isEmoji = (text) => SIGNS_ALONE.test(text);
