/** Toast: a sentence that comes, is read out, and goes: what was refused, and why. */

import { h } from "./dom.js";

const SHOWN_MS = 5_000;
const place = h("div", { class: "toasts", role: "status", "aria-live": "polite" });

/** @param {string} text */
export function toast(text) {
  if (!place.isConnected) document.body.append(place);
  if ([...place.children].some((line) => line.textContent === text)) return; // it is being said
  const line = h("div", { class: "toast" }, text);
  place.append(line);
  setTimeout(() => line.remove(), SHOWN_MS);
}
