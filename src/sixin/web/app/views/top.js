/** Top: the name of the place, and what concerns the whole page. */

import { THEMES } from "../models/settings.js";
import { nameOf } from "../models/names.js";
import { words } from "../words/index.js";
import { avatar } from "./avatar.js";
import { h, iconButton } from "./dom.js";

/** @import {Settings} from "../models/settings.js" */

/**
 * @typedef {object} Page
 * @property {boolean} inspecting
 * @property {() => void} toggleInspector
 * @property {(() => void) | null} addAccount
 * @property {{uid: string, show: () => void}[]} places what stands side by side, for those who see one at a time
 */

export class TopView {
  /**
   * @param {Settings} settings
   * @param {Page} page
   */
  constructor(settings, { inspecting, toggleInspector, addAccount, places }) {
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
    }, { class: "icon-button only-wide" });
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
      h(
        "nav",
        { class: "places", "aria-label": words().panes },
        ...places.map(({ uid, show }) => h("button", { type: "button", "aria-label": words().pane(nameOf(uid)), "data-uid": uid, onclick: show }, avatar(uid))),
      ),
      inspect,
      addAccount && iconButton("add", words().add_account, addAccount, { class: "icon-button only-wide" }),
      notify,
      language,
      iconButton("theme", theme_name, () => (settings.theme = next_theme)),
    );
  }
}
