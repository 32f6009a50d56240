/** Devices: what each holds, and the weather one can make for it. */

import { nameOf } from "../models/names.js";
import { weatherOf } from "../transport.js";
import { h } from "../views/dom.js";
import { told } from "./words.js";

/** @import {Account} from "../models/account.js" */

/**
 * @param {Account} account
 * @param {string} session_id
 * @param {number} kept messages in its store
 */
export function drawDevice(account, session_id, kept) {
  const { client, uid } = account;
  const weather = weatherOf(uid);
  const held = client.held(session_id);
  const ranges = held?.ranges.map(({ low, high, version }) => `${low}…${high} @${version}`).join("  ") ?? told().nothing;
  const state = weather.asleep ? "asleep" : client.link;
  const facts = [
    [told().ranges, ranges],
    [told().cursor, String(held?.ranges.at(-1)?.version ?? "–")],
    [told().holds, String(kept)],
    [told().contact_cursor, String(client.contact_version)],
    [told().hidden_up_to, String(held?.hidden_version ?? "–")],
  ];
  const armed = weather.next === "lose" ? told().armed_lose : weather.next === "double" ? told().armed_double : "";
  return h(
    "section",
    { class: "device", "aria-label": nameOf(uid) },
    h("h4", {}, nameOf(uid), h("span", { class: `link-state is-${state}` }, told().state[/** @type {"online"} */ (state)])),
    h("dl", {}, ...facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    armed && h("p", { class: "armed" }, armed),
    !client.leads && h("p", { class: "armed" }, told().other_tab),
    h(
      "div",
      { class: "device-buttons" },
      button(told().lose, () => weather.loseNext(), weather.next === "lose", weather.asleep),
      button(told().double, () => weather.doubleNext(), weather.next === "double", weather.asleep),
      button(told().cut, () => weather.cut(), false, weather.asleep),
      weather.asleep
        ? button(told().wake, () => wake(account), true)
        : button(told().sleep, () => weather.sleep(), false),
    ),
  );
}

/** @param {Account} account */
export function wake({ uid, client }) {
  weatherOf(uid).wake();
  client.hurry();
}

/**
 * @param {string} name
 * @param {() => void} onclick
 * @param {boolean} pressed
 * @param {boolean} [disabled]
 */
const button = (name, onclick, pressed, disabled = false) =>
  h("button", { type: "button", onclick, "aria-pressed": String(pressed), disabled }, name);
