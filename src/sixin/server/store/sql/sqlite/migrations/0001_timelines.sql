-- The two timelines: the messages of a session, the contacts of a user. See docs/storage.md.

-- Rows are only ever appended: a row that is put between others makes SQLite move its neighbours to other pages, and a
-- moved row leaves a copy behind that secure_delete does not wipe when the row is emptied later. `msg_id` cannot be the
-- row's place, because the ids of different slots made in one second do not come in order. Nor may a row ever grow.
CREATE TABLE messages (
  row_no        INTEGER PRIMARY KEY,
  msg_id        INTEGER NOT NULL UNIQUE CHECK (msg_id > 0),
  session_id    TEXT    NOT NULL,
  sender        INTEGER NOT NULL,
  seq_id        INTEGER NOT NULL,
  ordinal       INTEGER NOT NULL,
  version_id    INTEGER NOT NULL,
  sort_key      INTEGER NOT NULL,
  status        TEXT    NOT NULL CHECK (status IN ('normal', 'deleted', 'recalled')),
  content       BLOB    NOT NULL,
  digest        BLOB    NOT NULL,
  sent_at_ms    INTEGER NOT NULL,
  changed_at_ms INTEGER NOT NULL,
  CHECK (version_id >= sort_key),
  CHECK ((status = 'normal') = (length(content) > 0))
) STRICT;

-- History is paged by sort_key. Also pull_new: what was born after a version.
CREATE UNIQUE INDEX messages_by_sort_key ON messages (session_id, sort_key);

-- The idempotency key. The number first: those of an SDK grow with time, so that what a batch adds stands side by side
-- at the end. With the session first, every send would change a page of its own, and 40 % more would be written.
CREATE UNIQUE INDEX messages_by_seq_id ON messages (seq_id, session_id, sender);

-- pull_new: what changed after its birth. A send does not touch it.
CREATE INDEX messages_changed ON messages (session_id, version_id) WHERE version_id <> sort_key;

CREATE TABLE sessions (
  session_id   TEXT    NOT NULL PRIMARY KEY,
  version_id   INTEGER NOT NULL,
  last_ordinal INTEGER NOT NULL,
  last_msg_id  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  uid          INTEGER PRIMARY KEY,
  version_id   INTEGER NOT NULL,
  unread_total INTEGER NOT NULL CHECK (unread_total >= 0)
) STRICT;

CREATE TABLE contacts (
  owner            INTEGER NOT NULL,
  session_id       TEXT    NOT NULL,
  peer             INTEGER NOT NULL,
  version_id       INTEGER NOT NULL,
  sort_key         INTEGER NOT NULL,
  last_msg_id      INTEGER NOT NULL,
  -- The message of the preview, 0 for none. Its content is stored once, in messages.
  preview_msg_id   INTEGER NOT NULL,
  last_del_msg_id  INTEGER NOT NULL,
  last_read_msg_id INTEGER NOT NULL,
  peer_read_msg_id INTEGER NOT NULL,
  unread           INTEGER NOT NULL CHECK (unread >= 0),
  pinned           INTEGER NOT NULL,
  muted            INTEGER NOT NULL,
  -- A JSON array of strings.
  labels           TEXT    NOT NULL,
  status           TEXT    NOT NULL CHECK (status IN ('normal', 'deleted')),
  peer_ack         INTEGER NOT NULL,
  message_version  INTEGER NOT NULL,
  hidden_version   INTEGER NOT NULL,
  last_seq_id      INTEGER NOT NULL,
  PRIMARY KEY (owner, session_id)
) STRICT, WITHOUT ROWID;

-- pull_contacts. A version of an owner stands on one row.
CREATE UNIQUE INDEX contacts_by_version ON contacts (owner, version_id);

CREATE TABLE hidden (
  owner      INTEGER NOT NULL,
  msg_id     INTEGER NOT NULL,
  session_id TEXT    NOT NULL,
  version_id INTEGER NOT NULL,
  PRIMARY KEY (owner, msg_id)
) STRICT, WITHOUT ROWID;

-- pull_hidden. Ends in msg_id, like every index of this table.
CREATE INDEX hidden_by_version ON hidden (owner, session_id, version_id);

CREATE TABLE profiles (
  uid           INTEGER PRIMARY KEY,
  kind          TEXT NOT NULL CHECK (kind IN ('person', 'bot', 'system')),
  name          TEXT NOT NULL,
  avatar        TEXT NOT NULL,
  registered    INTEGER NOT NULL CHECK (registered IN (0, 1)),
  tokens_from_s INTEGER NOT NULL
) STRICT;

-- revocations: few among many.
CREATE INDEX profiles_revoked ON profiles (uid, tokens_from_s) WHERE tokens_from_s > 0;
