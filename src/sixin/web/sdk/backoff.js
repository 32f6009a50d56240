/** How long to wait before the next try: 0.5 s doubled up to 30 s, and a part of it by chance, so that a thousand
 * devices that lost one server do not come back in one moment. */

export const FIRST_MS = 500;
export const LONGEST_MS = 30_000;

/**
 * @param {number} tries failed so far, from 0
 * @param {number} chance 0 ≤ chance < 1
 * @returns {number} milliseconds, between half and all of the step
 */
export function waitMs(tries, chance) {
  const step = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(tries, 10));
  return step / 2 + (step / 2) * chance;
}
