/**
 * The shapes of the wire and of the local copy, for the type checker and for readers. Ids are strings, always.
 *
 * @typedef {{type: string, [field: string]: unknown}} Content
 *
 * @typedef {object} Message
 * @property {string} msg_id
 * @property {string} session_id
 * @property {string} sender
 * @property {number} seq_id
 * @property {number} ordinal
 * @property {number} version_id
 * @property {number} sort_key
 * @property {"normal" | "deleted" | "recalled"} status
 * @property {Content | null} content
 * @property {number} sent_at_ms
 * @property {number} changed_at_ms
 *
 * @typedef {object} Contact
 * @property {string} session_id
 * @property {string} owner
 * @property {string} peer
 * @property {number} version_id
 * @property {number} sort_key
 * @property {string} last_msg_id
 * @property {Message | null} last_message
 * @property {string} last_del_msg_id
 * @property {string} last_read_msg_id
 * @property {string} peer_read_msg_id
 * @property {number} unread
 * @property {boolean} pinned
 * @property {boolean} muted
 * @property {string[]} labels
 * @property {"normal" | "deleted"} status
 * @property {boolean} peer_ack
 * @property {number} message_version
 * @property {number} hidden_version
 *
 * @typedef {object} Held What a device holds of one session.
 * @property {string} session_id
 * @property {number} version_id the cursor: every change up to it has been taken in
 * @property {number} hidden_version the contact version up to which `hidden` is complete
 * @property {import("./ranges.js").Range[]} ranges
 * @property {string[]} hidden msg_ids its owner deleted for himself since the session is held
 *
 * @typedef {object} Pending A message on its way: shown at once, known by its `seq_id`.
 * @property {string} session_id
 * @property {number} seq_id
 * @property {Content} content
 * @property {number} created_at_ms
 * @property {"pending" | "sent" | "failed"} state `sent`: answered, and not yet in the copy
 * @property {string | null} error the code that refused it
 *
 * @typedef {object} Removal
 * @property {string} session_id
 * @property {string[]} [msg_ids] these
 * @property {string} [up_to_msg_id] and everything at or below this one
 *
 * @typedef {object} Changes What one step changes in the local copy. A store takes all of it or nothing.
 * @property {number} [contact_version]
 * @property {Contact[]} [contacts]
 * @property {Held[]} [sessions]
 * @property {Message[]} [messages] taken in where their version is not below the one held
 * @property {Removal[]} [removed]
 * @property {Pending[]} [outbox]
 * @property {{session_id: string, seq_id: number}[]} [sent] leave the outbox
 *
 * @typedef {object} Snapshot What a store gives at the start: everything but the messages.
 * @property {number} contact_version
 * @property {Contact[]} contacts
 * @property {Held[]} sessions
 * @property {Pending[]} outbox
 *
 * @typedef {object} Ask A request the machine wants made, and why.
 * @property {string} op
 * @property {Record<string, unknown>} body
 * @property {string} why a word: see `docs` of `Sync`
 *
 * @typedef {{do: "ask", ask: Ask} | {do: "save", changes: Changes}} Effect
 *
 * @typedef {object} Store
 * @property {() => Promise<Snapshot>} load
 * @property {(changes: Changes) => Promise<void>} save all of it or nothing
 * @property {(session_id: string, low: number, high: number, limit: number) => Promise<Message[]>} page the newest
 *   `limit` messages with `low <= sort_key <= high`, oldest first
 * @property {() => Promise<void>} clear forget everything
 * @property {() => void} close
 */
export {};
