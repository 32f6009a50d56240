/** Top: the name of the place, and what concerns the whole page. */

import { THEMES } from "../models/settings.js";
import { words } from "../words/index.js";
import { h, iconButton } from "./dom.js";

/** @import {Settings} from "../models/settings.js" */

export class TopView {
  /**
   * @param {Settings} settings
   * @param {{inspecting: boolean, toggleInspector: () => void, addAccount: (() => void) | null}} page
   */
  constructor(settings, { inspecting, toggleInspector, addAccount }) {
    const theme_name = words()[/** @type {"theme_dark"} */ (`theme_${settings.theme}`)];
    const next_theme = THEMES[(THEMES.indexOf(settings.theme) + 1) % THEMES.length];
    const inspect = h(
      "button",
      { type: "button", class: "top-button", "aria-pressed": String(inspecting), onclick: toggleInspector },
      words().inspector,
    );
    const notify = iconButton("bell", words().notify, async () => {
      await Notification.requestPermission();
      notify.hidden = true;
    });
    notify.hidden = typeof Notification === "undefined" || Notification.permission !== "default";
    const language = h(
      "button",
      { type: "button", class: "top-button", lang: settings.language === "zh" ? "en" : "zh-CN", onclick: () => (settings.language = settings.language === "zh" ? "en" : "zh") },
      words().language,
    );
    this.element = h(
      "div",
      { class: "top" },
      h("span", { class: "brand" }, h("span", { class: "seal", "aria-hidden": "true" }, "信"), h("span", {}, "私信 Sixin")),
      h("span", { class: "tagline" }, words().tagline),
      inspect,
      addAccount && iconButton("add", words().add_account, addAccount),
      notify,
      language,
      iconButton("theme", theme_name, () => (settings.theme = next_theme)),
    );
  }
}
