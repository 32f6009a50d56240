/**
 * Sixin for JavaScript: what an application imports.
 *
 * @typedef {import("./client.js").ClientOptions} ClientOptions
 * @typedef {import("./link.js").LinkState} LinkState
 * @typedef {import("./types.js").Contact} Contact
 * @typedef {import("./types.js").Content} Content
 * @typedef {import("./types.js").Entry} Entry
 * @typedef {import("./types.js").Message} Message
 * @typedef {import("./types.js").Writes} Writes
 */

export { Client, connect, uidOf } from "./client.js";
export { SixinError } from "./errors.js";
export { Heads } from "./heads.js";
export { compareIds, isUid, msgIdParts, pairSessionId, peerOf } from "./ids.js";
export { LABELS_MAX, LABEL_CHARS_MAX } from "./limits.js";
export { Outbox } from "./outbox.js";
export { Sync } from "./sync.js";
