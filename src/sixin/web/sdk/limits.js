/** The limits of a device, as in `core/limits.py`; the vectors hold the two together. */

/** Versions after which a session starts again from its newest page. */
export const FAR_BEHIND_VERSIONS = 1_000;

/** Sessions pulled at the same time. */
export const PULLS_IN_FLIGHT_MAX = 8;

/** Outbox entries under way at the same time: one of each session. */
export const ENTRIES_IN_FLIGHT_MAX = 32;

/** Entries that may wait; past it nothing is queued. */
export const ENTRIES_MAX = 10_000;

/** Rows in one transaction of the store: a longer one would keep waiting whoever looks something up. */
export const ROWS_IN_WRITE_MAX = 2_000;

/** A server that makes a mistake over one entry so often makes it again. */
export const INTERNAL_RETRIES_MAX = 5;

export const PAGE_MESSAGES_DEFAULT = 50;
export const PAGE_MESSAGES_MAX = 500;
export const PAGE_CONTACTS_MAX = 1_000;

/** Of one contact. */
export const LABELS_MAX = 20;
export const LABEL_CHARS_MAX = 32;

export const RECONNECT_FIRST_MS = 500;
export const RECONNECT_MAX_MS = 30_000;
