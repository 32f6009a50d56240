/** Truth: the timelines as the server stores them, for a token that may ask. */

/** @import {Contact, Message} from "../../sdk/types.js" */

/** @typedef {{session: {version_id: number, last_ordinal: number}, messages: Message[], contacts: Contact[]}} Stored */

/**
 * @param {string} session_id
 * @param {string} token
 * @returns {Promise<Stored | null>} null where the token may not ask, or nobody answers
 */
export async function storedSession(session_id, token) {
  try {
    const headers = { Authorization: `Bearer ${token}` };
    const response = await fetch(`/v1/admin/inspect/session/${session_id}`, { headers, cache: "no-store" });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/**
 * An operation through the other door: another device of the same user. Rejects where it was refused.
 * @param {string} op
 * @param {Record<string, unknown>} body
 * @param {string} token
 */
export async function overHttp(op, body, token) {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const response = await fetch(`/v1/${op}`, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${op} was refused: ${response.status}`);
  return response.json();
}
