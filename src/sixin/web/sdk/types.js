/**
 * The shapes of the wire and of the local copy, for the type checker and for readers. Ids are strings, always.
 *
 * @typedef {{type: string, reply_to?: string | null, [field: string]: unknown}} Content `reply_to` is the `msg_id` of
 *   the message that it answers
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
 * @typedef {object} Held The claims about one session. A session without one holds no message and needs no pull.
 * @property {string} session_id
 * @property {import("./ranges.js").Ranges} ranges never empty
 * @property {number} hidden_version up to which contact version this device knows what its owner deleted for himself
 *
 * @typedef {"send" | "read" | "pin" | "mute" | "label" | "clear" | "delete"} Kind The operations that may wait for a
 *   link: doing them twice, or late, is doing them once.
 *
 * @typedef {object} Entry One operation on its way to the server. Kept until the server has answered it.
 * @property {number} number its place in the outbox: those of one session leave in this order
 * @property {string} session_id
 * @property {Kind} kind
 * @property {Record<string, any>} body of the operation, without `session_id` and `seq_id`
 * @property {number} queued_at_ms
 * @property {number} seq_id of a send; 0 for the others
 * @property {string} refused the code that refused it for good; empty while it waits
 * @property {string} reason the server's sentence about that
 *
 * @typedef {object} Writes One change of the local store: all of it or nothing, in the order of these fields.
 * @property {boolean} [forget] empty the copy first; the outbox and the numbers of this device stay
 * @property {Message[]} [messages] put where they are newer than what is there, and not hidden
 * @property {{session_id: string, msg_ids: string[]}[]} [hidden] gone from the copy, and never put back
 * @property {{session_id: string, up_to: string}[]} [cleared] everything up to a message is gone
 * @property {{session_id: string, low: number, high: number}[]} [gaps] sort_keys of which nothing is to be kept
 * @property {Contact[]} [contacts]
 * @property {number} [contact_version]
 * @property {Held[]} [held]
 * @property {Entry[]} [entries] as they now are
 * @property {number[]} [settled] numbers of entries that leave the outbox
 *
 * @typedef {object} State What a store gives when it is opened: all but the messages.
 * @property {number} contact_version
 * @property {Contact[]} contacts
 * @property {Held[]} held
 * @property {Entry[]} entries by number
 *
 * @typedef {object} Store One user's copy on one device.
 * @property {() => Promise<State>} load
 * @property {(writes: Writes) => Promise<void>} apply all of it or nothing
 * @property {(session_id: string, low: number, high: number, limit: number) => Promise<Message[]>} page the newest
 *   `limit` messages with `low <= sort_key <= high`, oldest first
 * @property {(msg_id: string) => Promise<Message | null>} message one, if it is there
 * @property {() => Promise<void>} clear forget everything, the outbox too
 * @property {() => void} close
 */
export {};
