-- Whole tables, page by page, for moving a deployment. On Citus these are the statements that do cross shards.

-- hold --
-- Nobody writes until this transaction ends; everybody may read.
LOCK TABLE sixin.slots, sixin.sessions, sixin.messages, sixin.users, sixin.contacts, sixin.hidden, sixin.profiles
  IN SHARE MODE;

-- nodes --
-- Connections that nodes have to this database.
SELECT count(*)
  FROM pg_stat_activity
 WHERE application_name = 'sixin' AND datname = current_database();

-- messages --
-- Walks the primary key.
SELECT m.slot, m.msg_id, m.msg_id, m.session_id, m.sender, m.seq_id, m.ordinal, m.version_id, m.sort_key, m.status,
       m.content, m.digest, m.sent_at_ms, m.changed_at_ms
  FROM sixin.messages AS m
 WHERE (m.msg_id, m.slot) > ($3::bigint, $2::smallint)
 ORDER BY m.msg_id, m.slot
 LIMIT $1;

-- sessions --
-- Walks the primary key. Heads at version 0 were made only to be locked.
SELECT s.slot, s.session_id, s.session_id, s.version_id, s.last_ordinal, s.last_msg_id
  FROM sixin.sessions AS s
 WHERE (s.slot, s.session_id) > ($2::smallint, $3::text) AND s.version_id > 0
 ORDER BY s.slot, s.session_id
 LIMIT $1;

-- users --
-- Walks the primary key. Heads at version 0 were made only to be locked.
SELECT u.uid, u.uid, u.version_id, u.unread_total
  FROM sixin.users AS u
 WHERE u.uid > $2::bigint AND u.version_id > 0
 ORDER BY u.uid
 LIMIT $1;

-- contacts --
-- Walks the primary key.
SELECT c.owner, c.session_id, c.owner, c.session_id, c.peer, c.version_id, c.sort_key, c.last_msg_id,
       coalesce(c.preview_msg_id, 0), c.last_del_msg_id, c.last_read_msg_id, c.peer_read_msg_id, c.unread, c.pinned,
       c.muted, c.labels, c.status, c.peer_ack, c.message_version, c.hidden_version, c.last_seq_id
  FROM sixin.contacts AS c
 WHERE (c.session_id, c.owner) > ($3::text, $2::bigint)
 ORDER BY c.session_id, c.owner
 LIMIT $1;

-- hidden --
-- Walks the primary key.
SELECT h.owner, h.msg_id, h.owner, h.session_id, h.msg_id, h.version_id
  FROM sixin.hidden AS h
 WHERE (h.msg_id, h.owner) > ($3::bigint, $2::bigint)
 ORDER BY h.msg_id, h.owner
 LIMIT $1;

-- profiles --
-- Walks the primary key.
SELECT p.uid, p.uid, p.kind, p.name, p.avatar, p.registered, p.tokens_from_s
  FROM sixin.profiles AS p
 WHERE p.uid > $2::bigint
 ORDER BY p.uid
 LIMIT $1;

-- count_unread --
-- How many messages each contact has that count as unread, from the messages. Walks messages_by_sort_key.
SELECT (
        SELECT count(*)
          FROM sixin.messages AS m
         WHERE m.slot = k.slot
           AND m.session_id = k.session_id
           AND m.sender <> k.owner
           AND m.status = 'normal'
           AND m.msg_id > k.above
           AND NOT EXISTS (SELECT 1 FROM sixin.hidden AS h WHERE h.owner = k.owner AND h.msg_id = m.msg_id)
       )
  FROM unnest($1::bigint[], $2::smallint[], $3::text[], $4::bigint[])
       WITH ORDINALITY AS k (owner, slot, session_id, above, nth)
 ORDER BY k.nth;

-- wrong_totals --
-- Users whose total is not the sum over their contacts.
SELECT u.uid
  FROM sixin.users AS u
  LEFT JOIN (
        SELECT c.owner, sum(c.unread) AS total
          FROM sixin.contacts AS c
         WHERE c.status = 'normal' AND NOT c.muted
         GROUP BY c.owner
       ) AS summed ON summed.owner = u.uid
 WHERE u.unread_total <> coalesce(summed.total, 0)
 LIMIT 5;

-- is_empty --
SELECT NOT EXISTS (SELECT 1 FROM sixin.messages)
   AND NOT EXISTS (SELECT 1 FROM sixin.sessions WHERE version_id > 0)
   AND NOT EXISTS (SELECT 1 FROM sixin.users WHERE version_id > 0)
   AND NOT EXISTS (SELECT 1 FROM sixin.contacts)
   AND NOT EXISTS (SELECT 1 FROM sixin.profiles);

-- forget_locked_heads --
-- What a node made only to lock it.
DELETE FROM sixin.sessions WHERE version_id = 0;

-- forget_locked_users --
DELETE FROM sixin.users WHERE version_id = 0;

-- is_copying --
SELECT to_regclass('sixin.copying') IS NOT NULL;

-- make_progress --
-- How far the copy has come, one row for each table; its presence marks an unfinished copy, and no node starts on it.
CREATE TABLE sixin.copying (
    name text PRIMARY KEY,
    source text NOT NULL,
    after text NOT NULL
);

-- progress --
SELECT name, source, after FROM sixin.copying;

-- put_progress --
INSERT INTO sixin.copying (name, source, after) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET source = excluded.source, after = excluded.after;

-- drop_progress --
DROP TABLE sixin.copying;

-- put_slots --
-- The ids of a slot go on above its newest message.
UPDATE sixin.slots AS s
   SET last_tick = found.last_tick
  FROM (SELECT slot, max(last_msg_id) / 10000 AS last_tick FROM sixin.sessions GROUP BY slot) AS found
 WHERE found.slot = s.slot AND found.last_tick > s.last_tick;
