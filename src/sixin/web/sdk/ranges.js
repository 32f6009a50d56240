/**
 * What a device can prove it holds of a session: ranges of sort_keys, each with the version it is true at.
 *
 * A range says: every message visible to the owner with `low <= sort_key <= high` is held, and every change of them
 * with a version at or below `version` has been taken in. It speaks of each sort_key alone, so ranges can be cut and
 * joined freely, and where two speak of the same sort_key the higher version is as true as the lower.
 */

/** @typedef {{low: number, high: number, version: number}} Range `low` is 0 where it goes down to the beginning */
/** @typedef {readonly Range[]} Ranges ascending, disjoint, and no two that touch have the same version */

/**
 * All that was claimed before, and this: at each sort_key the highest version.
 * @param {Ranges} ranges
 * @param {Range} claim
 * @returns {Ranges}
 */
export function overlay(ranges, claim) {
  const claims = [...ranges, claim];
  const cuts = [...new Set(claims.flatMap(({ low, high }) => [low, high + 1]))].sort((one, other) => one - other);
  /** @type {Range[]} */
  const pieces = [];
  for (const [nth, after] of cuts.slice(1).entries()) {
    const low = cuts[nth];
    const versions = claims.filter((one) => one.low <= low && low <= one.high).map(({ version }) => version);
    if (versions.length) pieces.push({ low, high: after - 1, version: Math.max(...versions) });
  }
  return joined(pieces);
}

/**
 * The same claims in as few ranges as possible.
 * @param {readonly Range[]} pieces ascending and disjoint
 * @returns {Ranges}
 */
export function joined(pieces) {
  /** @type {Range[]} */
  const ranges = [];
  for (const piece of pieces) {
    const last = ranges.at(-1);
    if (last && last.high + 1 === piece.low && last.version === piece.version) {
      ranges[ranges.length - 1] = { ...last, high: piece.high };
    } else {
      ranges.push(piece);
    }
  }
  return ranges;
}

/**
 * Whether a message with this sort_key, if it is visible, is held.
 * @param {Ranges} ranges
 * @param {number} sort_key
 */
export function covers(ranges, sort_key) {
  return ranges.some(({ low, high }) => low <= sort_key && sort_key <= high);
}

/**
 * How far down from here nothing is missing: the lowest sort_key of the ranges that join without a hole; null where
 * already this sort_key is in a hole.
 * @param {Ranges} ranges
 * @param {number} sort_key
 */
export function floorBelow(ranges, sort_key) {
  let floor = null;
  for (const { low, high } of [...ranges].reverse()) {
    if (floor === null) {
      if (low <= sort_key && sort_key <= high) floor = low;
    } else if (high + 1 === floor) {
      floor = low;
    } else {
      break;
    }
  }
  return floor;
}

/**
 * The same upwards.
 * @param {Ranges} ranges
 * @param {number} sort_key
 */
export function ceilingAbove(ranges, sort_key) {
  let ceiling = null;
  for (const { low, high } of ranges) {
    if (ceiling === null) {
      if (low <= sort_key && sort_key <= high) ceiling = high;
    } else if (low === ceiling + 1) {
      ceiling = high;
    } else {
      break;
    }
  }
  return ceiling;
}
