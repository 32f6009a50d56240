/** Sixin for JavaScript: what an application imports. */

export { Client, connect, uidOf } from "./client.js";
export { SixinError } from "./errors.js";
export { Heads } from "./heads.js";
export { compareIds, isUid, msgIdParts, pairSessionId, peerOf } from "./ids.js";
export { Outbox } from "./outbox.js";
export { Sync } from "./sync.js";
