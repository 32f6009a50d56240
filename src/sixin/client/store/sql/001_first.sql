-- What one device keeps. msg_ids are 64-bit integers; contacts, ranges and entries are read whole and stand as msgpack.

CREATE TABLE owner (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  uid INTEGER NOT NULL,
  device_id TEXT NOT NULL,
  contact_version INTEGER NOT NULL,
  last_seq_id INTEGER NOT NULL,
  -- Whether words were taken back since the file was last written anew.
  to_wipe INTEGER NOT NULL
) STRICT;

INSERT INTO owner (one, uid, device_id, contact_version, last_seq_id, to_wipe) VALUES (1, 0, '', 0, 0, 0);

CREATE TABLE contacts (
  session_id TEXT PRIMARY KEY,
  row BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE held (
  session_id TEXT PRIMARY KEY,
  row BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
  msg_id INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL,
  sender INTEGER NOT NULL,
  seq_id INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  version_id INTEGER NOT NULL,
  sort_key INTEGER NOT NULL,
  status TEXT NOT NULL,
  content BLOB NOT NULL,
  sent_at_ms INTEGER NOT NULL,
  changed_at_ms INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX messages_by_place ON messages (session_id, sort_key);

CREATE TABLE hidden (
  msg_id INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL
) STRICT;

CREATE TABLE outbox (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  row BLOB NOT NULL
) STRICT;
