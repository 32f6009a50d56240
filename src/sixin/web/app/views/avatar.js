/** Avatar: a face for a user: the beginning of his name on his own hue. */

import { hueOf, initialOf } from "../models/names.js";
import { h } from "./dom.js";

/** @param {string} uid */
export const avatar = (uid) => h("span", { class: `avatar hue-${hueOf(uid)}`, "aria-hidden": "true" }, initialOf(uid));
