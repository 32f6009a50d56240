/** Banner: the truth about the link, when it is not good. */

import { words } from "../words/index.js";
import { h } from "./dom.js";

/** @import {Account} from "../models/account.js" */

export class BannerView {
  #account;
  /** @type {any} */
  #timer = null;
  #since_ms = Date.now();
  #stop = new AbortController();

  /**
   * @param {Account} account
   * @param {() => void} signInAgain
   */
  constructor(account, signInAgain) {
    this.#account = account;
    this.text = h("span", {});
    this.again = h("button", { type: "button", onclick: () => account.client.hurry() }, words().try_now);
    this.leave = h("button", { type: "button", onclick: signInAgain }, words().sign_in);
    this.element = h("div", { class: "banner", role: "status", hidden: true }, this.text, this.again, this.leave);
    account.addEventListener("link", () => this.#changed(), { signal: this.#stop.signal });
    this.#changed();
  }

  close() {
    this.#stop.abort();
    clearInterval(this.#timer);
  }

  #changed() {
    clearInterval(this.#timer);
    this.#since_ms = Date.now();
    if (this.#account.client.link !== "online") this.#timer = setInterval(() => this.#render(), 500);
    this.#render();
  }

  #render() {
    const { link, retry_at_ms } = this.#account.client;
    const seconds = Math.ceil((retry_at_ms - Date.now()) / 1000);
    // A blink is no news: connecting is only worth a word when it takes a while.
    this.element.hidden = link === "online" || (link === "connecting" && Date.now() - this.#since_ms < 1_000);
    this.element.classList.toggle("is-bad", link === "offline" || link === "signed_out");
    this.text.textContent =
      link === "signed_out" ? words().signed_out : link === "connecting" ? words().connecting : seconds > 0 ? words().offline_retry(seconds) : words().offline;
    this.again.hidden = link !== "offline";
    this.leave.hidden = link !== "signed_out";
  }
}
