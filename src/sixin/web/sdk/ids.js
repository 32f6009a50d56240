/** Ids: decimal strings, because they pass 2^53, which a number cannot hold. */

/** 2026-01-01T00:00:00Z in Unix seconds: the base of a `msg_id`'s relative seconds. */
export const EPOCH_S = 1_767_225_600;

/**
 * Compare two ids by number.
 * @param {string} one canonical decimal, "0" for none
 * @param {string} other
 * @returns {number} below, equal to or above 0
 */
export function compareIds(one, other) {
  if (one.length !== other.length) return one.length - other.length;
  return one < other ? -1 : Number(one > other);
}

/**
 * The session of two users, the same from both sides: the smaller uid first, by number.
 * @param {string} one
 * @param {string} other
 */
export function pairSessionId(one, other) {
  return compareIds(one, other) <= 0 ? `${one}:${other}` : `${other}:${one}`;
}

/**
 * Who is on the other side of a pair; oneself in a session with oneself.
 * @param {string} session_id
 * @param {string} me
 */
export function peerOf(session_id, me) {
  const [smaller, larger] = session_id.split(":");
  return smaller === me ? (larger ?? "") : smaller;
}

/**
 * Whether a text is a uid: 1 to 2^63-1 in canonical decimal.
 * @param {string} text
 */
export function isUid(text) {
  return /^[1-9][0-9]{0,18}$/.test(text) && compareIds(text, "9223372036854775807") <= 0;
}

/**
 * Take a message's id apart.
 * @param {string} msg_id
 * @returns {{seconds: number, counter: number, slot: number, at_ms: number}} relative seconds, the counter within
 *   them, the slot, and the second in Unix milliseconds
 */
export function msgIdParts(msg_id) {
  const seconds = Number(msg_id.slice(0, -10) || "0");
  return {
    seconds,
    counter: Number(msg_id.slice(-10, -4) || "0"),
    slot: Number(msg_id.slice(-4)),
    at_ms: (EPOCH_S + seconds) * 1000,
  };
}

/** A name that nobody else has. Not `crypto.randomUUID`, which a browser lends to https and localhost alone. */
export const randomId = () => [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(16).padStart(8, "0")).join("");
