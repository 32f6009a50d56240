/**
 * seq_ids: the sender's own numbers, unique across his devices and reinstalls without asking anyone. Forty bits of
 * milliseconds since 2026-01-01 and thirteen of chance, below 2^53.
 */

import { EPOCH_S } from "./ids.js";

/** 2^13: 53 bits less the 40 that hold the milliseconds until 2060, past the end of the message ids. */
const CHANCES = 8_192;

/**
 * The number after `last`: strictly larger, at the clock's millisecond if that is later. A clock that steps back, or
 * more than one message in a millisecond, ends in `last + 1`.
 * @param {number} last
 * @param {number} now_ms Unix time by the device's clock
 * @param {number} chance 0 ≤ chance < 1
 */
export function nextSeqId(last, now_ms, chance) {
  const since_epoch_ms = Math.max(0, now_ms - EPOCH_S * 1_000);
  const seq_id = Math.max(last + 1, since_epoch_ms * CHANCES + Math.floor(chance * CHANCES), 1);
  if (seq_id > Number.MAX_SAFE_INTEGER) throw new RangeError("The clock is past 2060, where the 53 bits of a seq_id end.");
  return seq_id;
}
