-- owner --
-- Whose this is, and its numbers.
SELECT uid, device_id, contact_version, last_seq_id, to_wipe FROM owner;

-- adopt --
UPDATE owner SET uid = :uid, device_id = :device_id;

-- set_contact_version --
UPDATE owner SET contact_version = :contact_version;

-- set_last_seq_id --
UPDATE owner SET last_seq_id = :last_seq_id;

-- set_to_wipe --
UPDATE owner SET to_wipe = :to_wipe;

-- contacts --
SELECT row FROM contacts ORDER BY session_id;

-- put_contact --
INSERT INTO contacts (session_id, row) VALUES (:session_id, :row)
    ON CONFLICT (session_id) DO UPDATE SET row = excluded.row;

-- held --
SELECT row FROM held ORDER BY session_id;

-- put_held --
INSERT INTO held (session_id, row) VALUES (:session_id, :row)
    ON CONFLICT (session_id) DO UPDATE SET row = excluded.row;

-- version_of --
-- The version of a message that is held.
SELECT version_id FROM messages WHERE msg_id = :msg_id;

-- is_hidden --
SELECT 1 FROM hidden WHERE msg_id = :msg_id;

-- put_message --
INSERT INTO messages (msg_id, session_id, sender, seq_id, ordinal, version_id, sort_key, status, content,
                      sent_at_ms, changed_at_ms)
VALUES (:msg_id, :session_id, :sender, :seq_id, :ordinal, :version_id, :sort_key, :status, :content,
        :sent_at_ms, :changed_at_ms)
    ON CONFLICT (msg_id) DO UPDATE
   SET version_id = excluded.version_id,
       status = excluded.status,
       content = excluded.content,
       changed_at_ms = excluded.changed_at_ms;

-- message --
SELECT msg_id, session_id, sender, seq_id, ordinal, version_id, sort_key, status, content, sent_at_ms, changed_at_ms
  FROM messages
 WHERE msg_id = :msg_id
   AND session_id = :session_id;

-- page --
-- A piece of history, newest first. Walks messages_by_place.
SELECT msg_id, session_id, sender, seq_id, ordinal, version_id, sort_key, status, content, sent_at_ms, changed_at_ms
  FROM messages
 WHERE session_id = :session_id
   AND sort_key BETWEEN :low AND :high
 ORDER BY sort_key DESC
 LIMIT :page_max;

-- hide --
INSERT INTO hidden (msg_id, session_id) VALUES (:msg_id, :session_id) ON CONFLICT (msg_id) DO NOTHING;

-- drop_message --
DELETE FROM messages WHERE msg_id = :msg_id;

-- drop_cleared --
DELETE FROM messages WHERE session_id = :session_id AND msg_id <= :up_to;

-- drop_gap --
DELETE FROM messages WHERE session_id = :session_id AND sort_key BETWEEN :low AND :high;

-- entries --
SELECT row FROM outbox ORDER BY number;

-- put_entry --
INSERT INTO outbox (number, row) VALUES (:number, :row)
    ON CONFLICT (number) DO UPDATE SET row = excluded.row;

-- drop_entry --
DELETE FROM outbox WHERE number = :number;

-- forget --
DELETE FROM messages;
DELETE FROM hidden;
DELETE FROM contacts;
DELETE FROM held;
UPDATE owner SET contact_version = 0;
