/** Menu: a few things to do, at a button or a pointer. Arrow keys move, Escape leaves, focus goes back. */

import { h } from "./dom.js";

/** @typedef {{name: string, act: () => unknown, danger?: boolean}} Choice */

/** @type {(() => void) | null} */
let closeOpen = null;

/**
 * @param {Element} anchor what it belongs to, and where focus returns
 * @param {Choice[]} choices
 * @param {{x: number, y: number}} [at] the pointer, for a context menu
 */
export function openMenu(anchor, choices, at) {
  closeOpen?.();
  const items = choices.map(({ name, act, danger }) =>
    h("button", { type: "button", role: "menuitem", tabindex: "-1", class: danger ? "danger" : "", onclick: () => (close(), act()) }, name),
  );
  const menu = h("div", { class: "menu", role: "menu", onkeydown: onKey }, ...items);
  document.body.append(menu);
  anchor.setAttribute("aria-expanded", "true");
  put(menu, anchor, at);
  items[0]?.focus();

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const now = items.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const steps = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: items.length - 1 };
    const next = steps[/** @type {"Home"} */ (event.key)];
    if (event.key === "Escape" || event.key === "Tab") close();
    else if (next !== undefined) items[(next + items.length) % items.length].focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function close() {
    closeOpen = null;
    document.removeEventListener("pointerdown", onOutside, true);
    anchor.removeAttribute("aria-expanded");
    menu.remove();
    if (anchor instanceof HTMLElement) anchor.focus();
  }

  /** @param {Event} event */
  function onOutside(event) {
    if (!menu.contains(/** @type {Node} */ (event.target))) close();
  }

  document.addEventListener("pointerdown", onOutside, true);
  closeOpen = close;
}

/**
 * Beside the anchor or pointer, inside the window.
 * @param {HTMLElement} menu
 * @param {Element} anchor
 * @param {{x: number, y: number}} [at]
 */
function put(menu, anchor, at) {
  const box = anchor.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  const x = at?.x ?? box.right - width;
  const y = at?.y ?? box.bottom + 4;
  menu.style.left = `${Math.max(8, Math.min(x, innerWidth - width - 8))}px`;
  menu.style.top = `${Math.max(8, y + height > innerHeight - 8 ? (at?.y ?? box.top - 4) - height : y)}px`;
}
