/** Content: what a message says, drawn by its type. Everything in it was written by somebody: it enters as text. */

import { nameOf } from "../models/names.js";
import { contentLine, duration, isEmoji, pieces, size } from "../format.js";
import { words } from "../words/index.js";
import { avatar } from "./avatar.js";
import { h, icon } from "./dom.js";

/** @import {Content} from "../../sdk/types.js" */

/** @type {Record<string, (content: any) => HTMLElement>} */
const DRAW = { text, image, file, audio: file, video: file, location: place, card, tips: text };

/** @param {Content} content */
export function drawContent(content) {
  const draw = DRAW[content.type];
  return draw ? draw(content) : h("p", { class: "other-kind" }, contentLine(content));
}

/** @param {{text: string}} content */
function text({ text: said }) {
  return h("p", { class: isEmoji(said) ? "words is-emoji" : "words" }, ...pieces(said).map(({ text: part, href }) => (href ? link(href, part) : part)));
}

/**
 * @param {string} href http or https, nothing else
 * @param {string} shown
 */
const link = (href, shown) => h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, shown);

/** @param {{url: string, thumbnail_url?: string, width?: number, height?: number, size_bytes?: number}} content */
function image({ url, thumbnail_url, width, height }) {
  const source = safeUrl(thumbnail_url ?? url, ["https:", "blob:", "data:"]);
  if (!source) return file({ type: "image", url });
  const picture = h("img", { src: source, alt: words().image, loading: "lazy", referrerpolicy: "no-referrer", width, height });
  const whole = safeUrl(url, ["https:"]);
  const shown = whole ? h("a", { href: whole, target: "_blank", rel: "noopener noreferrer nofollow", title: words().open_image }, picture) : picture;
  const frame = h("figure", { class: "picture" }, shown);
  picture.addEventListener("error", () => frame.replaceChildren(file({ type: "image", url })));
  return frame;
}

/** @param {{type?: string, url: string, name?: string, size_bytes?: number, duration_ms?: number}} content */
function file({ type = "file", url, name, size_bytes, duration_ms }) {
  const href = safeUrl(url, ["https:", "http:"]);
  const title = name ?? words()[/** @type {"audio"} */ (type)];
  const details = [typeof duration_ms === "number" && duration(duration_ms), size(size_bytes)].filter(Boolean).join(" · ");
  const inside = [
    icon(type),
    h("span", { class: "file-text" }, h("span", { class: "file-name", title }, title), details && h("span", { class: "file-size" }, details)),
  ];
  return href ? h("a", { class: "file", href, target: "_blank", rel: "noopener noreferrer nofollow" }, ...inside) : h("span", { class: "file" }, ...inside);
}

/** @param {{latitude: number, longitude: number, name?: string, address?: string}} content */
function place({ latitude, longitude, name, address }) {
  const where = `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`;
  return h(
    "span",
    { class: "file" },
    icon("place"),
    h("span", { class: "file-text" }, h("span", { class: "file-name" }, name ?? words().location), h("span", { class: "file-size" }, address ?? where)),
  );
}

/** @param {{uid: string, name?: string}} content */
function card({ uid, name }) {
  return h(
    "span",
    { class: "file" },
    avatar(uid),
    h("span", { class: "file-text" }, h("span", { class: "file-name" }, name ?? nameOf(uid)), h("span", { class: "file-size" }, `${words().card} · ${uid}`)),
  );
}

/**
 * @param {string} url
 * @param {string[]} allowed protocols: a link is never a program
 */
function safeUrl(url, allowed) {
  return URL.canParse(url) && allowed.includes(new URL(url).protocol) ? url : null;
}
