-- What people ask for. Each read is one snapshot: it stands in a transaction of its own.

-- contact --
-- One contact. By the primary key, with the preview by messages(msg_id).
SELECT row.owner, row.session_id, row.peer, row.version_id, row.sort_key, row.last_msg_id, row.preview_msg_id,
       row.last_del_msg_id, row.last_read_msg_id, row.peer_read_msg_id, row.unread, row.pinned, row.muted, row.labels,
       row.status, row.peer_ack, row.message_version, row.hidden_version, row.last_seq_id,
       preview.msg_id, preview.session_id, preview.sender, preview.seq_id, preview.ordinal, preview.version_id,
       preview.sort_key, preview.status, preview.content, preview.digest, preview.sent_at_ms, preview.changed_at_ms
  FROM contacts AS row
  LEFT JOIN messages AS preview ON preview.msg_id = row.preview_msg_id
 WHERE row.owner = :owner
   AND row.session_id = :session_id;

-- user --
-- A user's head. By the primary key.
SELECT uid, version_id, unread_total
  FROM users
 WHERE uid = :uid;

-- revocations --
-- Whose tokens were revoked, and from when they are believed again. By profiles_revoked alone.
SELECT uid, tokens_from_s
  FROM profiles
 WHERE tokens_from_s > 0;

-- session --
-- A session's head. By the primary key.
SELECT session_id, version_id, last_ordinal, last_msg_id
  FROM sessions
 WHERE session_id = :session_id;

-- sight --
-- What an owner has cleared of a session: the watermark, and its place in the timeline, which bounds every walk below.
-- Contacts by the primary key, the message of the watermark by messages(msg_id).
SELECT contacts.last_del_msg_id, coalesce(cleared.sort_key, 0)
  FROM contacts
  LEFT JOIN messages AS cleared ON cleared.msg_id = contacts.last_del_msg_id
 WHERE contacts.owner = :owner
   AND contacts.session_id = :session_id;

-- pull_new --
-- What changed in a session after a version, by version. Two walks merged: what was born after it and has not changed
-- since (messages_by_sort_key; its version is its sort_key), and what changed after its birth (messages_changed).
SELECT msg_id, session_id, sender, seq_id, ordinal, sort_key AS version_id, sort_key, status, content, digest,
       sent_at_ms, changed_at_ms
  FROM messages INDEXED BY messages_by_sort_key
 WHERE session_id = :session_id
   AND sort_key > max(:after_version, :cleared_sort_key)
   AND sort_key <= :born_up_to
   AND version_id = sort_key
   AND msg_id > :last_del_msg_id
   AND NOT EXISTS (SELECT 1 FROM hidden WHERE hidden.owner = :owner AND hidden.msg_id = messages.msg_id)
 UNION ALL
SELECT msg_id, session_id, sender, seq_id, ordinal, version_id, sort_key, status, content, digest, sent_at_ms,
       changed_at_ms
  FROM messages INDEXED BY messages_changed
 WHERE session_id = :session_id
   AND version_id > :after_version
   AND version_id <> sort_key
   AND sort_key > :cleared_sort_key
   AND sort_key <= :born_up_to
   AND msg_id > :last_del_msg_id
   AND NOT EXISTS (SELECT 1 FROM hidden WHERE hidden.owner = :owner AND hidden.msg_id = messages.msg_id)
 ORDER BY version_id
 LIMIT :page_max;

-- pull_old --
-- The newest visible messages below a sort key, newest first. Walks messages_by_sort_key backwards.
SELECT msg_id, session_id, sender, seq_id, ordinal, version_id, sort_key, status, content, digest, sent_at_ms,
       changed_at_ms
  FROM messages
 WHERE session_id = :session_id
   AND sort_key < :before_sort_key
   AND sort_key > :cleared_sort_key
   AND msg_id > :last_del_msg_id
   AND NOT EXISTS (SELECT 1 FROM hidden WHERE hidden.owner = :owner AND hidden.msg_id = messages.msg_id)
 ORDER BY sort_key DESC
 LIMIT :page_max;

-- pull_contacts --
-- An owner's contacts after a version, by version. Walks contacts_by_version, with previews by messages(msg_id).
SELECT row.owner, row.session_id, row.peer, row.version_id, row.sort_key, row.last_msg_id, row.preview_msg_id,
       row.last_del_msg_id, row.last_read_msg_id, row.peer_read_msg_id, row.unread, row.pinned, row.muted, row.labels,
       row.status, row.peer_ack, row.message_version, row.hidden_version, row.last_seq_id,
       preview.msg_id, preview.session_id, preview.sender, preview.seq_id, preview.ordinal, preview.version_id,
       preview.sort_key, preview.status, preview.content, preview.digest, preview.sent_at_ms, preview.changed_at_ms
  FROM contacts AS row INDEXED BY contacts_by_version
  LEFT JOIN messages AS preview ON preview.msg_id = row.preview_msg_id
 WHERE row.owner = :owner
   AND row.version_id > :after_version
 ORDER BY row.version_id
 LIMIT :page_max;

-- pull_hidden --
-- What an owner hid in a session after a contact version. Walks hidden_by_version, which holds all of it.
SELECT version_id, msg_id
  FROM hidden
 WHERE owner = :owner
   AND session_id = :session_id
   AND version_id > :after_version
 ORDER BY version_id, msg_id
 LIMIT :page_max;

-- tails_born --
-- The ends of several sessions' timelines, whoever may see them: what was born within the last versions of each. Keys
-- walked once; sessions by the primary key, then messages_by_sort_key, oldest first.
SELECT row.msg_id, row.session_id, row.sender, row.seq_id, row.ordinal, row.version_id, row.sort_key, row.status,
       row.content, row.digest, row.sent_at_ms, row.changed_at_ms, head.version_id
  FROM json_each(:keys) AS key
 CROSS JOIN sessions AS head ON head.session_id = key.value
 CROSS JOIN messages AS row INDEXED BY messages_by_sort_key
    ON row.session_id = head.session_id
   AND row.sort_key > head.version_id - :versions_max;

-- tails_changed --
-- The same for what was born before those versions and changed within them. Walks messages_changed.
SELECT row.msg_id, row.session_id, row.sender, row.seq_id, row.ordinal, row.version_id, row.sort_key, row.status,
       row.content, row.digest, row.sent_at_ms, row.changed_at_ms, head.version_id
  FROM json_each(:keys) AS key
 CROSS JOIN sessions AS head ON head.session_id = key.value
 CROSS JOIN messages AS row INDEXED BY messages_changed
    ON row.session_id = head.session_id
   AND row.version_id > head.version_id - :versions_max
   AND row.version_id <> row.sort_key
   AND row.sort_key <= head.version_id - :versions_max;

-- stored_messages --
-- Messages as they are stored, newest first. Walks messages_by_sort_key backwards.
SELECT msg_id, session_id, sender, seq_id, ordinal, version_id, sort_key, status, content, digest, sent_at_ms,
       changed_at_ms
  FROM messages
 WHERE session_id = :session_id
   AND sort_key < :before_sort_key
 ORDER BY sort_key DESC
 LIMIT :page_max;
