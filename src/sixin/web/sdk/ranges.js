/**
 * Ranges: which stretches of a timeline a device holds, as closed intervals `[low, high]` of sort keys, ascending,
 * never touching. Inside one, every message its owner may see is held; between two there is a hole.
 */

/** @typedef {[number, number]} Range `high` is `low - 1` where it is empty: nothing there, and that is known */

/**
 * The ranges together with one more.
 * @param {readonly Range[]} ranges
 * @param {number} low
 * @param {number} high
 * @returns {Range[]}
 */
export function withRange(ranges, low, high) {
  /** @type {Range[]} */
  const apart = [];
  for (const [from, to] of ranges) {
    if (to + 1 < low || from - 1 > high) {
      apart.push([from, to]);
      continue;
    }
    low = Math.min(low, from);
    high = Math.max(high, to);
  }
  apart.push([low, high]);
  return apart.sort((one, other) => one[0] - other[0]);
}

/**
 * The highest sort key that is held; 0 for none.
 * @param {readonly Range[]} ranges
 */
export function topOf(ranges) {
  return ranges.at(-1)?.[1] ?? 0;
}

/**
 * The range a sort key lies in, or ends right below it.
 * @param {readonly Range[]} ranges
 * @param {number} sort_key
 */
export function rangeAt(ranges, sort_key) {
  return ranges.find(([low, high]) => low <= sort_key && sort_key <= Math.max(low, high));
}
