-- The tables. Messages, sessions and slots are distributed by slot; users, contacts and hidden by their owner's uid;
-- profiles by uid (docs/storage.md).
--
-- Of the indexes of a table no two begin with the same column. A planner that knows only averages takes two that do
-- for equally good, and may read a whole conversation where it should look up one row.

CREATE SCHEMA IF NOT EXISTS sixin;

-- The steps that this database has taken.
CREATE TABLE sixin.levels (
    level integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- All 10,000 slots exist from the start, so that there is always a row to lock.
CREATE TABLE sixin.slots (
    slot smallint PRIMARY KEY,
    last_tick bigint NOT NULL
) WITH (fillfactor = 20);

INSERT INTO sixin.slots (slot, last_tick)
SELECT of_slot, 0 FROM generate_series(0, 9999) AS of_slot;

CREATE TABLE sixin.sessions (
    slot smallint NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    version_id bigint NOT NULL,
    last_ordinal bigint NOT NULL,
    last_msg_id bigint NOT NULL,
    PRIMARY KEY (slot, session_id)
) WITH (fillfactor = 70);

CREATE TABLE sixin.messages (
    slot smallint NOT NULL,
    msg_id bigint NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    sender bigint NOT NULL,
    seq_id bigint NOT NULL,
    ordinal bigint NOT NULL,
    version_id bigint NOT NULL,
    sort_key bigint NOT NULL,
    sent_at_ms bigint NOT NULL,
    changed_at_ms bigint NOT NULL,
    status text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    content bytea NOT NULL,
    -- The id first: new rows stand at the index's end, which is in memory, whatever their slots.
    PRIMARY KEY (msg_id, slot)
);

-- The idempotency key, for the life of the message. What devices count with grows with time, so with it first new rows
-- stand near the index's end: by sender, a send would touch another page of the whole index, and write all of it to the
-- log after each checkpoint (docs/decisions/postgres-locking.md).
CREATE UNIQUE INDEX messages_by_seq ON sixin.messages (seq_id, sender, session_id, slot);

-- History. It also serves what changed and was not touched since it was born: there the version is the sort key.
CREATE UNIQUE INDEX messages_by_sort_key ON sixin.messages (session_id, sort_key, slot);

-- What changed after it was born: few rows, so a send does not pay for them.
CREATE UNIQUE INDEX messages_by_version ON sixin.messages (slot, session_id, version_id) WHERE version_id <> sort_key;

CREATE TABLE sixin.users (
    uid bigint PRIMARY KEY,
    version_id bigint NOT NULL,
    unread_total bigint NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE sixin.contacts (
    owner bigint NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    peer bigint NOT NULL,
    version_id bigint NOT NULL,
    sort_key bigint NOT NULL,
    last_msg_id bigint NOT NULL,
    preview_msg_id bigint,
    last_del_msg_id bigint NOT NULL,
    last_read_msg_id bigint NOT NULL,
    peer_read_msg_id bigint NOT NULL,
    unread bigint NOT NULL,
    message_version bigint NOT NULL,
    hidden_version bigint NOT NULL,
    last_seq_id bigint NOT NULL,
    pinned boolean NOT NULL,
    muted boolean NOT NULL,
    peer_ack boolean NOT NULL,
    status text COLLATE "C" NOT NULL,
    labels text[] NOT NULL,
    version_band bigint NOT NULL GENERATED ALWAYS AS (version_id >> 12) STORED,
    PRIMARY KEY (session_id, owner)
) WITH (fillfactor = 70);

-- The list by version, in bands of 4,096 versions. Every change of a contact gives it a new version; in an index of
-- versions, every change would be a new entry in each index of the table, and nearly half of what a send costs
-- (docs/decisions/postgres-locking.md). Its band rarely changes, so the row stays where it is.
CREATE INDEX contacts_by_band ON sixin.contacts (owner, version_band);

CREATE TABLE sixin.hidden (
    owner bigint NOT NULL,
    msg_id bigint NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    version_id bigint NOT NULL,
    PRIMARY KEY (msg_id, owner)
);

CREATE INDEX hidden_by_version ON sixin.hidden (owner, session_id, version_id);

CREATE TABLE sixin.profiles (
    uid bigint PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    name text NOT NULL,
    avatar text NOT NULL,
    registered boolean NOT NULL,
    tokens_from_s bigint NOT NULL
);

CREATE INDEX profiles_revoked ON sixin.profiles (uid, tokens_from_s) WHERE tokens_from_s > 0;

-- Rows as they travel between a node and the functions. They are types of their own, so that a column more in a
-- table does not break a node that does not know it yet.
CREATE TYPE sixin.slot_row AS (slot smallint, last_tick bigint);
CREATE TYPE sixin.session_row AS (
    slot smallint, session_id text, version_id bigint, last_ordinal bigint, last_msg_id bigint
);
CREATE TYPE sixin.message_row AS (
    slot smallint, msg_id bigint, session_id text, sender bigint, seq_id bigint, ordinal bigint,
    version_id bigint, sort_key bigint, status text, content bytea, digest bytea, sent_at_ms bigint,
    changed_at_ms bigint
);
CREATE TYPE sixin.user_row AS (uid bigint, version_id bigint, unread_total bigint);
CREATE TYPE sixin.contact_row AS (
    owner bigint, session_id text, peer bigint, version_id bigint, sort_key bigint, last_msg_id bigint,
    preview_msg_id bigint, last_del_msg_id bigint, last_read_msg_id bigint, peer_read_msg_id bigint, unread bigint,
    pinned boolean, muted boolean, labels text[], status text, peer_ack boolean, message_version bigint,
    hidden_version bigint, last_seq_id bigint
);
CREATE TYPE sixin.hidden_row AS (owner bigint, session_id text, msg_id bigint, version_id bigint);
CREATE TYPE sixin.profile_row AS (
    uid bigint, kind text, name text, avatar text, registered boolean, tokens_from_s bigint
);

-- What a batch names.
CREATE TYPE sixin.session_key AS (slot smallint, session_id text);
CREATE TYPE sixin.contact_key AS (owner bigint, session_id text);
CREATE TYPE sixin.seq_key AS (slot smallint, session_id text, sender bigint, seq_id bigint);
CREATE TYPE sixin.hidden_key AS (owner bigint, msg_id bigint);
CREATE TYPE sixin.unread_key AS (owner bigint, slot smallint, session_id text, up_to bigint);
CREATE TYPE sixin.preview_key AS (owner bigint, slot smallint, session_id text, msg_ids bigint[]);
