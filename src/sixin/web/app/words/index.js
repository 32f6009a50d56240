/** Words: the app speaks Chinese and English. Both lists have the same keys; the type checker sees to it. */

import en from "./en.js";
import zh from "./zh.js";

/** @typedef {typeof en} Words */

/** @type {Record<string, Words>} */
const LISTS = { en, zh };
let language = "en";

/** @param {string} wanted */
export function speak(wanted) {
  language = wanted;
}

/** @returns {Words} the list of the language spoken now */
export const words = () => LISTS[language];

export const spoken = () => (language === "zh" ? "zh-CN" : "en");

/**
 * Why something was refused, for people.
 * @param {string} code
 */
export const whyNot = (code) => String(words()[/** @type {keyof Words} */ (`why_${code}`)] ?? words().why_internal);
