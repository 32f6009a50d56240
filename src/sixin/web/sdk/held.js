/**
 * What a device holds of one session, and what each thing it learns lets it claim. Pure.
 *
 * Two claims are kept:
 *
 * 1. Each range speaks the truth (`ranges.js`).
 * 2. *The open end*: every visible message born above the top range, whose newest version is at or below the top
 *    range's, is held too. While pages of `pull_new` are still coming, such messages are kept but not yet shown: one
 *    that was born among them and changed later comes with a later page.
 */

import { covers, joined, overlay } from "./ranges.js";

/** @import {Held} from "./types.js" */
/** @import {Range} from "./ranges.js" */

/**
 * The newest range: its version is how far the device has come with new messages.
 * @param {Held} held
 */
export const topOf = (held) => /** @type {Range} */ (held.ranges.at(-1));

/**
 * Whether nothing can be missing between the top range and its version.
 * @param {Held} held
 */
export const isComplete = (held) => topOf(held).high >= topOf(held).version;

/**
 * Whether a message of this sort_key is to be kept: one in a hole is not, for nobody would tell its changes.
 * @param {Held} held
 * @param {number} sort_key
 */
export const keeps = (held, sort_key) => sort_key > topOf(held).high || covers(held.ranges, sort_key);

/**
 * The ranges that have not come to a version.
 * @param {Held} held
 * @param {number} version_id
 */
export const lagging = (held, version_id) => held.ranges.filter(({ version }) => version < version_id);

/**
 * The one change with this version, the top's + 1, was taken in (or cannot be seen by the owner).
 * @param {Held} held
 * @param {number} version_id
 * @returns {Held}
 */
export function afterNotice(held, version_id) {
  const before = topOf(held);
  const ranges = held.ranges.map((one) => (one.version === before.version ? { ...one, version: version_id } : one));
  // Where nothing is missing below, the one message that could have been born at this version is the one that came.
  return { ...held, ranges: joined(isComplete(held) ? raised(ranges, version_id) : ranges) };
}

/**
 * A page of changes with versions in `after … version_id` was taken in. A range that had not come to `after` when the
 * page was read stays where it is: something between is missing.
 * @param {Held} held
 * @param {{after: number, born_up_to: number | null}} pull
 * @param {{version_id: number, more: boolean}} page
 * @returns {Held}
 */
export function afterPullNew(held, { after, born_up_to }, { version_id, more }) {
  const top_followed = topOf(held).version >= after;
  const ranges = held.ranges.map((one) =>
    one.version >= after && (born_up_to === null || one.high <= born_up_to)
      ? { ...one, version: Math.max(one.version, version_id) }
      : one,
  );
  // The last page was read at `version_id`: whatever was born by then has come, now or in a page before.
  const whole = born_up_to === null && !more && top_followed;
  return { ...held, ranges: joined(whole ? raised(ranges, version_id) : ranges) };
}

/**
 * The newest page of history was taken in: everything from `low` up, read at `version_id`.
 * @param {Held} held
 * @param {number} low
 * @param {number} version_id
 * @returns {Held}
 */
export function afterNewestPage(held, low, version_id) {
  if (version_id < topOf(held).version) return held; // an answer that was overtaken
  return { ...held, ranges: overlay(held.ranges, { low, high: version_id, version: version_id }) };
}

/**
 * A page below a sort_key was taken in: everything from `low` up to it, read at `version_id`. The claim never rises
 * above the top range, in place or in version, so that the open end stays true.
 * @param {Held} held
 * @param {number} low
 * @param {number} before_sort_key
 * @param {number} version_id
 * @returns {Held}
 */
export function afterOlderPage(held, low, before_sort_key, version_id) {
  const top = topOf(held);
  // Nor above what was born when the page was read: a page of what is to come is empty, and proves nothing.
  const high = Math.min(before_sort_key - 1, version_id, top.high);
  const claim = { low, high, version: Math.min(version_id, top.version) };
  return claim.high < claim.low ? held : { ...held, ranges: overlay(held.ranges, claim) };
}

/**
 * The owner cleared everything that was there at `message_version`: of that, nothing can be missing.
 * @param {Held} held
 * @param {number} message_version
 * @returns {Held}
 */
export function afterFullClear(held, message_version) {
  const version = Math.max(message_version, topOf(held).version);
  return { ...held, ranges: overlay(held.ranges, { low: 0, high: message_version, version }) };
}

/**
 * A message was born in a session of which nothing was held: that one is, and all after it will be. What the owner
 * hid there is asked for from the beginning, since the notice may be older than that.
 * @param {string} session_id
 * @param {number} version_id
 * @returns {Held}
 */
export function heldFromNotice(session_id, version_id) {
  // Before version 1 there was nothing, so with it the whole timeline is held.
  const low = version_id === 1 ? 0 : version_id;
  return { session_id, ranges: [{ low, high: version_id, version: version_id }], hidden_version: 0 };
}

/**
 * The newest page of a session of which nothing was held.
 * @param {string} session_id
 * @param {number} low
 * @param {number} version_id
 * @param {number} hidden_version the one known when it was asked for
 * @returns {Held}
 */
export function heldFromPage(session_id, low, version_id, hidden_version) {
  return { session_id, ranges: [{ low, high: version_id, version: version_id }], hidden_version };
}

/**
 * @param {Range[]} ranges
 * @param {number} version_id
 * @returns {Range[]}
 */
function raised(ranges, version_id) {
  const top = ranges[ranges.length - 1];
  return [...ranges.slice(0, -1), { ...top, high: Math.max(top.high, version_id) }];
}
