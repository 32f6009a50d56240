/** Stories: the seed's two figures, played on the real thing. Each step does something, then says what it was. */

import { weatherOf } from "../transport.js";
import { h, iconButton } from "../views/dom.js";
import { wake } from "./devices.js";
import { briefly } from "./tables.js";
import { overHttp, storedSession } from "./truth.js";
import { told } from "./words.js";

/** @import {Account} from "../models/account.js" */
/** @typedef {{ann: Account, bob: Account, session_id: string, tokenOf: (uid: string) => string}} Stage */
/** @typedef {Record<string, any>} Seen what the narration speaks of */
/** @typedef {(stage: Stage, seen: Seen) => Promise<unknown>} Act */

const SETTLED_MS = 8_000;

/** @type {Record<"recall" | "clear", Act[]>} */
const ACTS = {
  recall: [
    async (stage, seen) => {
      await say(stage, "ann", "你好");
      await say(stage, "bob", "好啊");
      seen.place = (await say(stage, "ann", "吃饭了吗?")).sort_key;
      await say(stage, "bob", "没吃，你呢");
    },
    async (stage, seen) => {
      seen.v = await version(stage);
      await settled(stage.bob, stage.session_id, seen.v);
      weatherOf(stage.bob.uid).sleep();
    },
    async (stage, seen) => {
      await say(stage, "ann", "我吃了，哈哈");
      const stored = await storedSession(stage.session_id, stage.tokenOf(stage.ann.uid));
      const message = stored?.messages.find(({ sort_key }) => sort_key === seen.place);
      if (message) await stage.ann.client.recall(message);
    },
    async (stage, seen) => {
      wake(stage.bob);
      await settled(stage.bob, stage.session_id, seen.v + 2);
    },
  ],
  clear: [
    async (stage) => {
      await say(stage, "ann", "你好");
      await say(stage, "bob", "好啊");
    },
    async (stage, seen) => {
      const newest = (await stored(stage)).messages.at(-1);
      await stage.ann.client.clear(stage.session_id, newest?.msg_id);
      seen.mark = briefly(newest?.msg_id ?? "");
    },
    async (stage, seen) => {
      await say(stage, "ann", "吃饭了吗?");
      await say(stage, "bob", "没吃，你呢");
      seen.before = (await say(stage, "ann", "我吃了，哈哈")).sort_key;
      seen.v = await version(stage);
      await settled(stage.ann, stage.session_id, seen.v);
      weatherOf(stage.ann.uid).sleep();
    },
    async (stage) => {
      await say(stage, "bob", "在家吗?");
      await say(stage, "ann", "不在");
    },
    async (stage, seen) => {
      wake(stage.ann);
      await settled(stage.ann, stage.session_id, seen.v + 2);
      const body = { session_id: stage.session_id, before_sort_key: seen.before };
      seen.paged = (await overHttp("pull_old", body, stage.tokenOf(stage.ann.uid))).messages.length;
    },
  ],
};

export class Story {
  #stage;
  #name;
  #nth = 0;
  #left = false;
  /** @type {Seen} */
  #seen = {};
  element = h("div", { class: "story", role: "status" });

  /**
   * @param {"recall" | "clear"} name
   * @param {Stage} stage
   * @param {() => void} finished
   */
  constructor(name, stage, finished) {
    this.#name = name;
    this.#stage = stage;
    this.finished = finished;
    this.next();
  }

  async next() {
    const acts = ACTS[this.#name];
    const act = acts[this.#nth];
    if (!act) return this.finished();
    this.#show(h("p", { class: "is-busy" }, "…"));
    try {
      await act(this.#stage, this.#seen);
    } catch {
      return this.#show(h("p", {}, told().story_failed));
    }
    if (this.#left) return this.leave();
    const line = told()[this.#name][this.#nth];
    this.#nth += 1;
    const last = this.#nth === acts.length;
    this.#show(
      h("span", { class: "story-step" }, told().step(this.#nth, acts.length)),
      h("p", {}, typeof line === "string" ? line : line(this.#seen)),
      h("button", { type: "button", class: "primary", onclick: () => this.next() }, last ? told().done : told().next),
    );
  }

  /** Whoever goes through it by keyboard stays in it. @param {...HTMLElement} children */
  #show(...children) {
    const focused = this.element.contains(document.activeElement);
    this.element.replaceChildren(...children, iconButton("close", told().story_leave, () => this.finished()));
    if (focused) this.element.querySelector("button")?.focus();
  }

  /** Nobody stays asleep because a story was left. */
  leave() {
    this.#left = true;
    for (const account of [this.#stage.ann, this.#stage.bob]) if (weatherOf(account.uid).asleep) wake(account);
  }
}

/**
 * Say something as if from another device, so that it stands in the timeline when this returns.
 * @param {Stage} stage
 * @param {"ann" | "bob"} who
 * @param {string} text
 */
async function say(stage, who, text) {
  const seq_id = Date.now() * 1_000 + Math.floor(Math.random() * 1_000);
  const body = { session_id: stage.session_id, seq_id, content: { type: "text", text } };
  return (await overHttp("send", body, stage.tokenOf(stage[who].uid))).message;
}

/** @param {Stage} stage */
async function stored({ session_id, tokenOf, ann }) {
  const found = await storedSession(session_id, tokenOf(ann.uid));
  if (!found) throw new Error("The server does not show its rows to this token.");
  return found;
}

/** @param {Stage} stage */
const version = async (stage) => (await stored(stage)).session.version_id;

/**
 * Until a device has come to a version, or long enough.
 * @param {Account} account
 * @param {string} session_id
 * @param {number} version_id
 */
function settled({ client }, session_id, version_id) {
  const there = () => (client.held(session_id)?.ranges.at(-1)?.version ?? 0) >= version_id;
  return new Promise((resolve) => {
    const done = () => (client.removeEventListener("changed", look), clearTimeout(timer), resolve(undefined));
    const look = () => there() && done();
    const timer = setTimeout(done, SETTLED_MS);
    client.addEventListener("changed", look);
    look();
  });
}
