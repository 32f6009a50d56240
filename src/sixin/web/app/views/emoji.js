/** Emoji: a small panel of the usual ones; the system's own panel has the rest. */

import { words } from "../words/index.js";
import { h } from "./dom.js";

/** Signs that are letters to some fonts, unless they are asked to be pictures. */
const LETTERS = new Set("✌❤☕");

const SIGNS = [..."😀😄😁😅😂🙂😉😊😍😘😋😎🤔🤗😴😌😔😢😭😡😱🥳🤝👍👎👏🙏💪👌✌👋🤞❤💔💯🎉🎂🎁🌹🌞🌙⭐🔥☕🍚🍜🍎🍺⚽🏀🚀🚗🏠💡📷📎✅❌❓❗🥰🤣🙄🎵"].map((sign) => (LETTERS.has(sign) ? `${sign}\ufe0f` : sign));
const COLUMNS = 8;

/**
 * @param {HTMLElement} anchor
 * @param {(sign: string) => void} choose
 */
export function openEmoji(anchor, choose) {
  const buttons = SIGNS.map((sign, nth) =>
    h("button", { type: "button", tabindex: nth ? "-1" : "0", onclick: () => (close(), choose(sign)) }, sign),
  );
  const panel = h("div", { class: "emoji-panel", role: "group", "aria-label": words().emoji_list, onkeydown: onKey }, ...buttons);
  document.body.append(panel);
  const box = anchor.getBoundingClientRect();
  const { width, height } = panel.getBoundingClientRect();
  panel.style.left = `${Math.max(8, Math.min(box.right - width, innerWidth - width - 8))}px`;
  panel.style.top = `${Math.max(8, box.top - height - 8)}px`;
  buttons[0].focus();
  document.addEventListener("pointerdown", onOutside, true);

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const now = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS };
    const step = steps[/** @type {"ArrowUp"} */ (event.key)];
    if (event.key === "Escape" || event.key === "Tab") {
      close();
      anchor.focus();
    } else if (step) {
      buttons[Math.max(0, Math.min(now + step, buttons.length - 1))].focus();
    } else {
      return;
    }
    event.preventDefault();
  }

  function close() {
    document.removeEventListener("pointerdown", onOutside, true);
    panel.remove();
  }

  /** @param {Event} event */
  function onOutside(event) {
    if (!panel.contains(/** @type {Node} */ (event.target))) close();
  }
}
