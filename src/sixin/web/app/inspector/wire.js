/** Wire: each frame that went by, newest first, with why it was asked for. */

import { h } from "../views/dom.js";
import { briefly } from "./tables.js";
import { told } from "./words.js";

/** @typedef {{uid: string, at_ms: number, direction: "in" | "out" | "lose" | "double", text: string, why?: string}} Line */

const LINES_MAX = 120;
const clock = new Intl.DateTimeFormat("en-GB", { minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
const ARROWS = { in: "←", out: "→", lose: "✕", double: "⇇" };

export class Wire {
  /** @type {Map<string, string>} why the next request of this account is made */
  #whys = new Map();
  list = h("ol", { class: "wire", tabindex: "0", "aria-label": told().wire, "data-empty": told().wire_empty });

  /**
   * The next frame out has this reason.
   * @param {string} uid
   * @param {{why: string}} asked
   */
  asked(uid, { why }) {
    this.#whys.set(uid, why);
  }

  /** @param {Line} line */
  add(line) {
    const why = line.direction === "out" ? this.#whys.get(line.uid) : undefined;
    if (line.direction === "out") this.#whys.delete(line.uid);
    this.list.prepend(draw({ ...line, why }));
    while (this.list.childElementCount > LINES_MAX) this.list.lastElementChild?.remove();
  }
}

/** @param {Line} line */
function draw({ uid, at_ms, direction, text, why }) {
  const reason = told().why[/** @type {"gap"} */ (why)];
  const fate = direction === "lose" ? told().lost : direction === "double" ? told().doubled : "";
  return h(
    "li",
    { class: `frame is-${direction} from-${uid}`, title: text },
    h("time", {}, clock.format(at_ms)),
    h("span", { class: "frame-uid" }, uid),
    h("span", { class: "frame-arrow", "aria-hidden": "true" }, ARROWS[direction]),
    h("span", { class: "frame-text" }, summary(text)),
    (reason || fate) && h("span", { class: "frame-why" }, fate || reason),
  );
}

/** A frame without what everybody knows, and never with a token. @param {string} text */
function summary(text) {
  const { id, op, body, ok, error, notice, ...rest } = JSON.parse(text);
  if (op === "hello") return `#${id} hello {device_id: ${String(body.device_id).slice(0, 8)}…}`;
  if (op) return `#${id} ${op} ${brief(body)}`;
  if (notice) return `${notice} ${brief(rest)}`;
  return error ? `#${id} refused ${brief(error)}` : `#${id} ok ${brief(ok)}`;
}

/**
 * @param {any} value
 * @param {string} [name] of the field
 * @returns {string}
 */
function brief(value, name = "") {
  if (Array.isArray(value)) return `[${value.length}]`;
  if (value === null || typeof value !== "object") return name.endsWith("msg_id") && value !== "0" ? `…${briefly(value)}` : String(value);
  if (value.type === "text") return `「${[...String(value.text)].slice(0, 18).join("")}」`;
  if (value.msg_id && value.ordinal) return `{v${value.version_id} k${value.sort_key} ${value.status} ${value.content ? brief(value.content) : "∅"}}`;
  if (value.owner && value.peer) return `{v${value.version_id} k${value.sort_key} unread ${value.unread}}`;
  return `{${Object.entries(value).filter(([name]) => name !== "session_id").map(([name, inner]) => `${name}: ${brief(inner, name)}`).join(", ")}}`;
}
