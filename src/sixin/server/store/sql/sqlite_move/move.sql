-- Whole tables, page by page, for moving a deployment. Where the file is written, nobody else has it open.

-- messages --
-- As they were appended. Walks the table.
SELECT row_no, msg_id, session_id, sender, seq_id, ordinal, version_id, sort_key, status, content, digest,
       sent_at_ms, changed_at_ms
  FROM messages
 WHERE row_no > :c0
 ORDER BY row_no
 LIMIT :page;

-- sessions --
-- Walks the primary key.
SELECT session_id, session_id, version_id, last_ordinal, last_msg_id
  FROM sessions
 WHERE session_id > :c0
 ORDER BY session_id
 LIMIT :page;

-- users --
-- Walks the table.
SELECT uid, uid, version_id, unread_total
  FROM users
 WHERE uid > :c0
 ORDER BY uid
 LIMIT :page;

-- contacts --
-- Walks the primary key.
SELECT owner, session_id, owner, session_id, peer, version_id, sort_key, last_msg_id, preview_msg_id, last_del_msg_id,
       last_read_msg_id, peer_read_msg_id, unread, pinned, muted, labels, status, peer_ack, message_version,
       hidden_version, last_seq_id
  FROM contacts
 WHERE (owner, session_id) > (:c0, :c1)
 ORDER BY owner, session_id
 LIMIT :page;

-- hidden --
-- Walks the primary key.
SELECT owner, msg_id, owner, session_id, msg_id, version_id
  FROM hidden
 WHERE (owner, msg_id) > (:c0, :c1)
 ORDER BY owner, msg_id
 LIMIT :page;

-- profiles --
-- Walks the table.
SELECT uid, uid, kind, name, avatar, registered, tokens_from_s
  FROM profiles
 WHERE uid > :c0
 ORDER BY uid
 LIMIT :page;

-- count_unread --
-- How many messages a contact has that count as unread, from the messages. Walks messages_by_sort_key.
SELECT count(*)
  FROM messages AS m
 WHERE m.session_id = :session_id
   AND m.sender <> :owner
   AND m.status = 'normal'
   AND m.msg_id > :above
   AND NOT EXISTS (SELECT 1 FROM hidden AS h WHERE h.owner = :owner AND h.msg_id = m.msg_id);

-- wrong_totals --
-- Users whose total is not the sum over their contacts.
SELECT u.uid
  FROM users AS u
  LEFT JOIN (
        SELECT c.owner, sum(c.unread) AS total
          FROM contacts AS c
         WHERE c.status = 'normal' AND NOT c.muted
         GROUP BY c.owner
       ) AS summed ON summed.owner = u.uid
 WHERE u.unread_total <> coalesce(summed.total, 0)
 LIMIT 5;

-- make_progress --
-- How far the copy has come, one row for each table; its presence marks an unfinished copy.
CREATE TABLE copying (
  name   TEXT NOT NULL PRIMARY KEY,
  source TEXT NOT NULL,
  after  TEXT NOT NULL
) STRICT;

-- progress --
SELECT name, source, after FROM copying;

-- put_progress --
INSERT OR REPLACE INTO copying (name, source, after) VALUES (?, ?, ?);

-- drop_progress --
DROP TABLE copying;

-- is_copying --
SELECT count(*) FROM sqlite_schema WHERE name = 'copying';

-- add_messages --
INSERT INTO messages (msg_id, session_id, sender, seq_id, ordinal, version_id, sort_key, status, content, digest,
                      sent_at_ms, changed_at_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- add_sessions --
INSERT INTO sessions (session_id, version_id, last_ordinal, last_msg_id) VALUES (?, ?, ?, ?);

-- add_users --
INSERT INTO users (uid, version_id, unread_total) VALUES (?, ?, ?);

-- add_contacts --
INSERT INTO contacts (owner, session_id, peer, version_id, sort_key, last_msg_id, preview_msg_id, last_del_msg_id,
                      last_read_msg_id, peer_read_msg_id, unread, pinned, muted, labels, status, peer_ack,
                      message_version, hidden_version, last_seq_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- add_hidden --
INSERT INTO hidden (owner, session_id, msg_id, version_id) VALUES (?, ?, ?, ?);

-- add_profiles --
INSERT INTO profiles (uid, kind, name, avatar, registered, tokens_from_s) VALUES (?, ?, ?, ?, ?, ?);
