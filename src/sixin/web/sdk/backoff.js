/** How long to wait before the next try, by chance, so that a crowd that lost one server does not come back at once. */

import { RECONNECT_FIRST_MS, RECONNECT_MAX_MS } from "./limits.js";

/**
 * A random part of 0.5 s, doubled each time, up to 30 s.
 * @param {number} tries failed so far, from 0
 * @param {number} chance 0 ≤ chance < 1
 * @returns {number} milliseconds
 */
export function backoffMs(tries, chance) {
  return chance * Math.min(RECONNECT_MAX_MS, RECONNECT_FIRST_MS * 2 ** Math.min(tries, 16));
}
