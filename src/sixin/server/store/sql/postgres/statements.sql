-- What a node says to PostgreSQL. What the functions do stands in migrations/.

-- load_batch --
SELECT slots, sessions, users, contacts, replaced, shown, messages, hidden, profiles, unread, previews
  FROM sixin.load_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- held --
SELECT held_slots, held_sessions, held_users, missing_sessions, missing_users
  FROM sixin.held($1, $2, $3);

-- write_batch --
-- Heads come as text, which costs the node a quarter (postgres_rows.py).
SELECT sixin.write_batch(
    $1::text::sixin.slot_row[], $2::text::sixin.session_row[], $3::text::sixin.user_row[], $4, $5, $6, $7, $8
);

-- commit_batch --
SELECT sixin.commit_batch(
    $1::text::sixin.slot_row[], $2::text::sixin.session_row[], $3::text::sixin.user_row[],
    $4::text::sixin.slot_row[], $5::text::sixin.session_row[], $6::text::sixin.user_row[], $7, $8, $9, $10, $11
);

-- contact --
SELECT nth, head, unread_total, owner, session_id, peer, version_id, sort_key, last_msg_id, preview_msg_id,
       last_del_msg_id, last_read_msg_id, peer_read_msg_id, unread, pinned, muted, labels, status, peer_ack,
       message_version, hidden_version, last_seq_id, shown_sender, shown_seq_id, shown_ordinal, shown_version_id,
       shown_sort_key, shown_status, shown_content, shown_digest, shown_sent_at_ms, shown_changed_at_ms
  FROM sixin.contact($1);

-- user --
-- Heads of users, those that exist.
SELECT u.uid, u.version_id, u.unread_total
  FROM unnest(sixin.users_of($1)) AS u;

-- revocations --
-- Whose tokens were revoked, on every shard: asked at the start of a node and every few seconds. Walks profiles_revoked.
SELECT p.uid, p.tokens_from_s
  FROM sixin.profiles AS p
 WHERE p.tokens_from_s > 0;

-- session --
-- Walks the primary key.
SELECT s.slot, s.session_id, s.version_id, s.last_ordinal, s.last_msg_id
  FROM sixin.sessions AS s
 WHERE s.slot = $1
   AND s.session_id = $2;

-- pull_new --
SELECT nth, head, msg_id, session_id, sender, seq_id, ordinal, version_id, sort_key, status, content, digest, sent_at_ms,
       changed_at_ms
  FROM sixin.pull_new($1);

-- pull_old --
SELECT nth, head, msg_id, session_id, sender, seq_id, ordinal, version_id, sort_key, status, content, digest, sent_at_ms,
       changed_at_ms
  FROM sixin.pull_old($1);

-- pull_contacts --
SELECT nth, head, unread_total, owner, session_id, peer, version_id, sort_key, last_msg_id, preview_msg_id,
       last_del_msg_id, last_read_msg_id, peer_read_msg_id, unread, pinned, muted, labels, status, peer_ack,
       message_version, hidden_version, last_seq_id, shown_sender, shown_seq_id, shown_ordinal, shown_version_id,
       shown_sort_key, shown_status, shown_content, shown_digest, shown_sent_at_ms, shown_changed_at_ms
  FROM sixin.pull_contacts($1);

-- pull_hidden --
SELECT head, page FROM sixin.pull_hidden($1, $2, $3, $4);

-- messages --
-- A session's messages as they are stored, newest first. Walks messages_by_sort_key.
SELECT m.slot, m.msg_id, m.session_id, m.sender, m.seq_id, m.ordinal, m.version_id, m.sort_key, m.status, m.content,
       m.digest, m.sent_at_ms, m.changed_at_ms
  FROM sixin.messages AS m
 WHERE m.slot = $1
   AND m.session_id = $2
   AND m.sort_key < $3
 ORDER BY m.sort_key DESC
 LIMIT $4;
