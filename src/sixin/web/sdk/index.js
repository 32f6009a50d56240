/** Sixin for JavaScript: what an application imports. */

export { Client, connect, uidOf } from "./client.js";
export { SixinError } from "./errors.js";
export { Heads } from "./heads.js";
export { compareIds, isUid, msgIdParts, pairSessionId, peerOf } from "./ids.js";
export { LABELS_MAX, LABEL_CHARS_MAX } from "./limits.js";
export { Outbox } from "./outbox.js";
export { Sync } from "./sync.js";
