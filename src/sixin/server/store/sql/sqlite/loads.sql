-- What a transaction loads, set-wise: the keys come as one JSON array, which is walked once.

-- last_msg_id --
-- The largest id in the file; 0 in an empty one. The end of messages(msg_id).
SELECT coalesce(max(msg_id), 0)
  FROM messages;

-- load_sessions --
-- By the primary key.
SELECT row.session_id, row.version_id, row.last_ordinal, row.last_msg_id
  FROM json_each(:keys) AS key
 CROSS JOIN sessions AS row ON row.session_id = key.value;

-- load_users --
-- By the primary key.
SELECT row.uid, row.version_id, row.unread_total
  FROM json_each(:keys) AS key
 CROSS JOIN users AS row ON row.uid = key.value;

-- load_contacts --
-- Keys: [owner, session_id]. By the primary key, with the preview by messages(msg_id).
SELECT row.owner, row.session_id, row.peer, row.version_id, row.sort_key, row.last_msg_id, row.preview_msg_id,
       row.last_del_msg_id, row.last_read_msg_id, row.peer_read_msg_id, row.unread, row.pinned, row.muted, row.labels,
       row.status, row.peer_ack, row.message_version, row.hidden_version, row.last_seq_id,
       preview.msg_id, preview.session_id, preview.sender, preview.seq_id, preview.ordinal, preview.version_id,
       preview.sort_key, preview.status, preview.content, preview.digest, preview.sent_at_ms, preview.changed_at_ms
  FROM json_each(:keys) AS key
 CROSS JOIN contacts AS row
    ON row.owner = json_extract(key.value, '$[0]')
   AND row.session_id = json_extract(key.value, '$[1]')
  LEFT JOIN messages AS preview ON preview.msg_id = row.preview_msg_id;

-- load_messages --
-- By messages(msg_id).
SELECT row.msg_id, row.session_id, row.sender, row.seq_id, row.ordinal, row.version_id, row.sort_key, row.status,
       row.content, row.digest, row.sent_at_ms, row.changed_at_ms
  FROM json_each(:keys) AS key
 CROSS JOIN messages AS row ON row.msg_id = key.value;

-- load_messages_by_seq --
-- Keys: [session_id, sender, seq_id]. Walks messages_by_seq_id.
SELECT row.msg_id, row.session_id, row.sender, row.seq_id, row.ordinal, row.version_id, row.sort_key, row.status,
       row.content, row.digest, row.sent_at_ms, row.changed_at_ms
  FROM json_each(:keys) AS key
 CROSS JOIN messages AS row
    ON row.session_id = json_extract(key.value, '$[0]')
   AND row.sender = json_extract(key.value, '$[1]')
   AND row.seq_id = json_extract(key.value, '$[2]');

-- load_hidden --
-- Keys: [owner, msg_id]. By the primary key.
SELECT row.owner, row.session_id, row.msg_id, row.version_id
  FROM json_each(:keys) AS key
 CROSS JOIN hidden AS row
    ON row.owner = json_extract(key.value, '$[0]')
   AND row.msg_id = json_extract(key.value, '$[1]');

-- load_profiles --
-- By the primary key.
SELECT row.uid, row.kind, row.name, row.avatar, row.registered, row.tokens_from_s
  FROM json_each(:keys) AS key
 CROSS JOIN profiles AS row ON row.uid = key.value;

-- place_of_message --
-- Where a message stands in its session. By messages(msg_id).
SELECT sort_key
  FROM messages
 WHERE msg_id = :msg_id
   AND session_id = :session_id;

-- marks_of_contact --
-- What an owner's unread messages lie above, how many there are, and the newest message. By the primary key.
SELECT max(last_del_msg_id, last_read_msg_id), unread, last_msg_id, message_version
  FROM contacts
 WHERE owner = :owner
   AND session_id = :session_id;

-- count_unread --
-- Unread messages between two sort keys. Walks messages_by_sort_key between them, hidden by its primary key.
SELECT count(*)
  FROM messages
 WHERE session_id = :session_id
   AND sort_key > :above_sort_key
   AND sort_key <= :up_to_sort_key
   AND sender <> :owner
   AND status = 'normal'
   AND NOT EXISTS (SELECT 1 FROM hidden WHERE hidden.owner = :owner AND hidden.msg_id = messages.msg_id);

-- newest_seen_without --
-- The newest message an owner sees when those named are gone too. Walks messages_by_sort_key backwards until it is
-- found, hidden by its primary key.
SELECT msg_id, session_id, sender, seq_id, ordinal, version_id, sort_key, status, content, digest, sent_at_ms,
       changed_at_ms
  FROM messages
 WHERE session_id = :session_id
   AND sort_key > :cleared_sort_key
   AND msg_id > :last_del_msg_id
   AND msg_id NOT IN (SELECT value FROM json_each(:msg_ids))
   AND NOT EXISTS (SELECT 1 FROM hidden WHERE hidden.owner = :owner AND hidden.msg_id = messages.msg_id)
 ORDER BY sort_key DESC
 LIMIT 1;
