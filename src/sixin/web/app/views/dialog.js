/** Dialog: one question in front of everything. The browser keeps the focus inside and closes it on Escape. */

import { words } from "../words/index.js";
import { h } from "./dom.js";

/**
 * @param {string} title
 * @param {Node[]} fields
 * @param {string} action
 * @param {() => boolean | void} act false keeps it open
 * @param {{danger?: boolean}} [options]
 */
export function openDialog(title, fields, action, act, { danger = false } = {}) {
  const form = h(
    "form",
    { method: "dialog", class: "dialog-form" },
    h("h2", { id: "dialog-title" }, title),
    ...fields,
    h(
      "div",
      { class: "dialog-actions" },
      h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, words().cancel),
      h("button", { type: "submit", class: danger ? "danger" : "primary" }, action),
    ),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title", onclose: () => dialog.remove() }, form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (act() !== false) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * @param {string} label
 * @param {Record<string, any>} attributes of the input
 */
export function field(label, attributes) {
  const input = h("input", { autocomplete: "off", ...attributes });
  return { input, row: h("label", { class: "field" }, h("span", {}, label), input) };
}

/**
 * @param {string} text
 * @param {string} action
 * @param {() => void} act
 */
export const confirmFirst = (text, action, act) =>
  openDialog(action, [h("p", {}, text)], action, () => void act(), { danger: true });
