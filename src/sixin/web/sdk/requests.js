/** The pulls that sync asks for, and how each stands on the wire. */

/**
 * @typedef {{pull: "pull_contacts", after: number, limit: number}} PullContacts what changed in the contacts
 * @typedef {{pull: "pull_new", session_id: string, after: number, limit: number, born_up_to: number | null}} PullNew what
 *   changed in a session
 * @typedef {{pull: "pull_old", session_id: string, before: number | null, limit: number, hidden_version: number}}
 *   PullOld a page of history, the newest where `before` is null; `hidden_version` is the contact's when it was asked:
 *   a page read later leaves out what was hidden up to then
 * @typedef {{pull: "pull_hidden", session_id: string, after: number}} PullHidden what the owner deleted for himself
 * @typedef {PullNew | PullOld | PullHidden} OfSession
 * @typedef {PullContacts | OfSession} Pull
 */

/**
 * The operation's body.
 * @param {Pull} pull
 * @returns {Record<string, unknown>}
 */
export function bodyOf(pull) {
  switch (pull.pull) {
    case "pull_contacts":
      return { after_version: pull.after, limit: pull.limit };
    case "pull_new": {
      const body = { session_id: pull.session_id, after_version: pull.after, limit: pull.limit };
      return pull.born_up_to === null ? body : { ...body, born_up_to: pull.born_up_to };
    }
    case "pull_old": {
      const body = { session_id: pull.session_id, limit: pull.limit };
      return pull.before === null ? body : { ...body, before_sort_key: pull.before };
    }
    case "pull_hidden":
      return { session_id: pull.session_id, after_version: pull.after };
  }
}
