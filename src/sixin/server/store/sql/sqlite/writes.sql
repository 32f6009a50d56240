-- What a commit writes. The one row of each VALUES is repeated for as many rows as are written together.

-- add_messages --
-- Messages that were not there before, appended. Touches every index of messages but messages_changed.
INSERT INTO messages (
  msg_id, session_id, sender, seq_id, ordinal, version_id, sort_key, status, content, digest, sent_at_ms, changed_at_ms
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- empty_message --
-- A message loses its content and stands at a new version. Finds it by messages(msg_id).
UPDATE messages
   SET status = ?1, content = ?2, version_id = ?3, changed_at_ms = ?4
 WHERE msg_id = ?5;

-- put_sessions --
-- By the primary key.
INSERT INTO sessions (session_id, version_id, last_ordinal, last_msg_id)
VALUES (?, ?, ?, ?)
    ON CONFLICT (session_id) DO UPDATE
   SET version_id = excluded.version_id, last_ordinal = excluded.last_ordinal, last_msg_id = excluded.last_msg_id;

-- put_users --
-- By the primary key.
INSERT INTO users (uid, version_id, unread_total)
VALUES (?, ?, ?)
    ON CONFLICT (uid) DO UPDATE
   SET version_id = excluded.version_id, unread_total = excluded.unread_total;

-- put_contacts --
-- By the primary key; moves the row in contacts_by_version.
INSERT INTO contacts (
  owner, session_id, peer, version_id, sort_key, last_msg_id, preview_msg_id, last_del_msg_id, last_read_msg_id,
  peer_read_msg_id, unread, pinned, muted, labels, status, peer_ack, message_version, hidden_version, last_seq_id
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (owner, session_id) DO UPDATE
   SET version_id = excluded.version_id,
       sort_key = excluded.sort_key,
       last_msg_id = excluded.last_msg_id,
       preview_msg_id = excluded.preview_msg_id,
       last_del_msg_id = excluded.last_del_msg_id,
       last_read_msg_id = excluded.last_read_msg_id,
       peer_read_msg_id = excluded.peer_read_msg_id,
       unread = excluded.unread,
       pinned = excluded.pinned,
       muted = excluded.muted,
       labels = excluded.labels,
       status = excluded.status,
       peer_ack = excluded.peer_ack,
       message_version = excluded.message_version,
       hidden_version = excluded.hidden_version,
       last_seq_id = excluded.last_seq_id;

-- add_hidden --
-- By the primary key.
INSERT INTO hidden (owner, msg_id, session_id, version_id)
VALUES (?, ?, ?, ?);

-- put_profiles --
-- By the primary key.
INSERT INTO profiles (uid, kind, name, avatar, registered, tokens_from_s)
VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (uid) DO UPDATE
   SET kind = excluded.kind, name = excluded.name, avatar = excluded.avatar, registered = excluded.registered,
       tokens_from_s = excluded.tokens_from_s;
