/** Welcome: the door of one pane: a demo user in one click, or a uid and a token. */

import { isUid, uidOf } from "../../sdk/index.js";
import { nameOf } from "../models/names.js";
import { words } from "../words/index.js";
import { avatar } from "./avatar.js";
import { field } from "./dialog.js";
import { h } from "./dom.js";

/** @typedef {{uid: string, name: string, token: string}} SignIn */

/**
 * @param {SignIn} user
 * @param {(user: SignIn) => void} enter
 */
export function demoDoor(user, enter) {
  return h(
    "section",
    { class: "pane door", "aria-label": nameOf(user.uid), "data-uid": user.uid },
    avatar(user.uid),
    h("h1", {}, nameOf(user.uid)),
    h("p", {}, words().demo_text),
    h("button", { type: "button", class: "primary", onclick: () => enter(user) }, words().enter_as(nameOf(user.uid))),
  );
}

/** @param {(user: SignIn) => void} enter */
export function signInDoor(enter) {
  const uid = field(words().uid, { inputmode: "numeric", required: true, pattern: "[1-9][0-9]{0,18}", name: "uid" });
  const token = field(words().token, { required: true, name: "token", spellcheck: "false" });
  token.input.addEventListener("input", () => {
    try {
      const owner = uidOf(token.input.value.trim());
      if (isUid(owner)) uid.input.value = owner; // also of the second one, where the first was a mistake
    } catch {
      // not a whole token yet
    }
  });
  const form = h(
    "form",
    { class: "sign-in" },
    token.row,
    uid.row,
    h("p", { class: "hint" }, `${words().token_hint} `, h("code", {}, "sixin token UID")),
    h("button", { type: "submit", class: "primary" }, words().sign_in),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const user = { uid: uid.input.value.trim(), name: "", token: token.input.value.trim() };
    if (isUid(user.uid)) enter(user);
  });
  return h("section", { class: "pane door", "aria-label": words().sign_in }, h("h1", {}, words().sign_in), h("p", {}, words().tagline), form);
}
