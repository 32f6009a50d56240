/** The web app: accounts side by side on one page, and the inspector beside them. */

import { demoUsers } from "./demo.js";
import { notify, showTotal } from "./badge.js";
import { Account } from "./models/account.js";
import { learnName } from "./models/names.js";
import { Settings, drafts, signedIn } from "./models/settings.js";
import { confirmFirst } from "./views/dialog.js";
import { PaneView } from "./views/pane.js";
import { transportOf } from "./transport.js";
import { TopView } from "./views/top.js";
import { demoDoor, signInDoor } from "./views/welcome.js";
import { speak, spoken, words } from "./words/index.js";

/** @import {SignIn} from "./views/welcome.js" */

const settings = new Settings();

class App {
  /** @type {Map<string, Account>} */
  accounts = new Map();
  /** @type {PaneView[]} */
  #panes = [];
  /** @type {SignIn[]} */
  #users = [];
  /** @type {SignIn[]} */
  #demo = [];
  /** Asked for while the stores are being read. */
  #lent = this.#learnDemo();
  #adding = false;
  /** @type {import("./inspector/inspector.js").Inspector | null} */
  #inspector = null;
  #main = /** @type {HTMLElement} */ (document.querySelector("main"));
  #header = /** @type {HTMLElement} */ (document.querySelector("header"));

  async start() {
    this.#users = signedIn.all();
    const opening = Promise.all(this.#users.map((user) => this.#open(user)));
    await this.#lent;
    await opening;
    for (const account of this.accounts.values()) this.#openTalk(account);
    settings.addEventListener("changed", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#theme());
    this.draw();
    if (new URLSearchParams(location.search).has("inspect")) await this.toggleInspector();
  }

  async #learnDemo() {
    this.#demo = await demoUsers();
    for (const { uid, name } of this.#demo) learnName(uid, name);
  }

  /** @param {SignIn} user */
  enter = async (user) => {
    learnName(user.uid, user.name);
    this.#adding = false;
    this.#users = [...this.#users.filter(({ uid }) => uid !== user.uid), user].sort((one, other) => this.#place(one) - this.#place(other));
    signedIn.keep(this.#users);
    this.#openTalk(await this.#open(user));
    this.draw();
    this.#panes.find(({ account }) => account.uid === user.uid)?.element.querySelector("textarea")?.focus();
  };

  /** Nothing of him stays on this device: so he is asked first where that would lose words. @param {Account} account */
  #signOut(account) {
    const { length } = account.client.unsent;
    const leave = () => {
      this.#close(account);
      drafts.forget(account.uid);
      account.client.forget();
    };
    if (!length) return leave();
    confirmFirst(words().sign_out_sure(length), words().sign_out, leave);
  }

  /** His token has ended, and what he has is still his: it is there again when he comes with a new one. @param {Account} account */
  #signInAgain(account) {
    if (!account.client.lasting && account.client.unsent.length) return this.#signOut(account);
    account.client.close();
    this.#adding = !this.#demo.some(({ uid }) => uid === account.uid);
    this.#close(account);
    /** @type {HTMLInputElement | null} */ (this.#main.querySelector(".sign-in input"))?.focus();
  }

  /** @param {Account} account */
  #close({ uid }) {
    this.accounts.delete(uid);
    this.#users = this.#users.filter((user) => user.uid !== uid);
    signedIn.keep(this.#users);
    this.draw();
  }

  /** Demo users keep their sides. @param {SignIn} user */
  #place({ uid }) {
    const nth = this.#demo.findIndex((user) => user.uid === uid);
    return nth < 0 ? this.#demo.length : nth;
  }

  /** @param {SignIn} user */
  async #open({ uid, token }) {
    const known = this.accounts.get(uid);
    if (known) return known;
    const account = new Account({ url: location.origin, uid, token, refresh: () => this.#freshToken(uid, token), transport: transportOf(uid) });
    this.accounts.set(uid, account);
    account.client.addEventListener("changed", (event) => {
      showTotal(this.accounts.values());
      notify(account, /** @type {CustomEvent} */ (event).detail.contacts ?? []);
    });
    await account.client.start();
    return account;
  }

  /** In the demo the two are talking already. @param {Account} account */
  #openTalk(account) {
    if (!this.#demo.some(({ uid }) => uid === account.uid)) return;
    const other = this.#demo.find(({ uid }) => uid !== account.uid);
    const { client } = account;
    const open = () => {
      const talk = client.contacts.find(({ peer }) => peer === other?.uid);
      if (talk && !account.conversation && innerWidth > 760) account.select(talk.session_id);
      if (talk) client.removeEventListener("changed", open);
    };
    client.addEventListener("changed", open);
    open();
  }

  /** Demo tokens are made anew with each start of the server. @param {string} uid @param {string} token */
  async #freshToken(uid, token) {
    await this.#lent;
    if (!this.#place({ uid, name: "", token }) && !this.#demo.length) return token;
    return (await demoUsers()).find((user) => user.uid === uid)?.token ?? token;
  }

  async toggleInspector() {
    if (this.#inspector) {
      this.#inspector.close();
      this.#inspector = null;
    } else {
      const { Inspector, styled } = await import("./inspector/inspector.js");
      await styled();
      this.#inspector = new Inspector(this.accounts, (/** @type {string} */ uid) => this.#users.find((user) => user.uid === uid)?.token ?? "");
    }
    this.draw();
    // Where one thing is seen at a time, it is the one that was asked for.
    this.#main.querySelector(".inspector")?.scrollIntoView({ inline: "start" });
  }

  draw() {
    speak(settings.language);
    document.documentElement.lang = spoken();
    this.#theme();
    for (const pane of this.#panes) pane.close();
    this.#panes = [...this.accounts.values()]
      .sort((one, other) => this.#users.findIndex(({ uid }) => uid === one.uid) - this.#users.findIndex(({ uid }) => uid === other.uid))
      .map((account) => new PaneView(account, { signOut: () => this.#signOut(account), signInAgain: () => this.#signInAgain(account) }));
    /** @type {HTMLElement[]} */
    const places = this.#panes.map(({ element }) => element);
    const doors = this.#demo.filter(({ uid }) => !this.accounts.has(uid));
    if (this.accounts.size <= 1 || doors.length < this.#demo.length) {
      for (const user of doors) places.splice(this.#place(user), 0, demoDoor(user, this.enter));
    }
    if (this.#adding || (!this.#demo.length && !this.accounts.size)) places.push(signInDoor(this.enter));
    this.#drawTop(places);
    if (this.#inspector) places.splice(Math.min(1, places.length), 0, this.#inspector.draw());
    document.body.classList.toggle("is-inspecting", this.#inspector !== null);
    this.#main.replaceChildren(...places);
    showTotal(this.accounts.values());
  }

  /** The door for one more account comes, and goes again if it was not meant. */
  #toggleAdding() {
    this.#adding = !this.#adding;
    this.draw();
    /** @type {HTMLInputElement | null} */ (this.#main.querySelector(".sign-in input"))?.focus();
  }

  /** @param {HTMLElement[]} panes */
  #drawTop(panes) {
    const top = new TopView(settings, {
      inspecting: this.#inspector !== null,
      toggleInspector: () => this.toggleInspector(),
      addAccount: this.accounts.size ? () => this.#toggleAdding() : null,
      places: panes
        .filter(({ dataset }) => panes.length > 1 && dataset.uid)
        .map((pane) => ({ uid: pane.dataset.uid ?? "", show: () => pane.scrollIntoView({ inline: "start" }) })),
    });
    this.#header.replaceChildren(top.element);
    this.#inSight.disconnect();
    for (const pane of panes) this.#inSight.observe(pane);
  }

  /** Which of the panes is seen, where one is seen at a time. */
  #inSight = new IntersectionObserver(
    (seen) => {
      for (const { target, isIntersecting } of seen) {
        const uid = /** @type {HTMLElement} */ (target).dataset.uid;
        this.#header.querySelector(`.places [data-uid="${uid}"]`)?.setAttribute("aria-current", String(isIntersecting));
      }
    },
    { threshold: 0.6 },
  );

  #theme() {
    const dark = settings.theme === "dark" || (settings.theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  }
}

await new App().start();
