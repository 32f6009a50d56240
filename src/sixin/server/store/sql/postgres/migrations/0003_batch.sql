-- What a writer does with a batch: lock and load, then write. Each statement of a VOLATILE function takes a snapshot
-- of its own, so what stands after the locks sees everything that whoever held them before has committed.

-- The locks of a batch: slots, then sessions, then users, each sorted. A contact is only ever changed together with
-- its owner's head, so the lock on the head is the lock on his contacts. No condition may stand on what is locked but
-- its key: the planner would be free to apply it before the lock.
CREATE FUNCTION sixin.lock_slots(keys smallint[]) RETURNS sixin.slot_row[]
LANGUAGE plpgsql AS $$
BEGIN
    RETURN (
        SELECT array_agg(ROW(l.slot, l.last_tick)::sixin.slot_row ORDER BY l.slot)
          FROM (
              SELECT s.slot, s.last_tick
                FROM sixin.slots AS s
               WHERE s.slot = ANY (keys)
               ORDER BY s.slot
                 FOR NO KEY UPDATE
          ) AS l
    );
END
$$;

CREATE FUNCTION sixin.lock_existing_sessions(keys sixin.session_key[]) RETURNS sixin.session_row[]
LANGUAGE plpgsql AS $$
BEGIN
    RETURN (
        SELECT array_agg(ROW(l.slot, l.session_id, l.version_id, l.last_ordinal, l.last_msg_id)::sixin.session_row
                         ORDER BY l.slot, l.session_id)
          FROM (
              SELECT s.slot, s.session_id, s.version_id, s.last_ordinal, s.last_msg_id
                FROM unnest(keys) AS k
                JOIN sixin.sessions AS s ON s.slot = k.slot AND s.session_id = k.session_id
               ORDER BY s.slot, s.session_id
                 FOR NO KEY UPDATE OF s
          ) AS l
    );
END
$$;

CREATE FUNCTION sixin.lock_existing_users(keys bigint[]) RETURNS sixin.user_row[]
LANGUAGE plpgsql AS $$
BEGIN
    RETURN (
        SELECT array_agg(ROW(l.uid, l.version_id, l.unread_total)::sixin.user_row ORDER BY l.uid)
          FROM (
              SELECT u.uid, u.version_id, u.unread_total
                FROM sixin.users AS u
               WHERE u.uid = ANY (keys)
               ORDER BY u.uid
                 FOR NO KEY UPDATE
          ) AS l
    );
END
$$;

-- Rows that are missing are made, so that there is something to lock: of two nodes that meet a new session or a new
-- user at once, one waits for the other at the key. They are made after the others are locked, so here, and nowhere
-- else, two nodes can deadlock; one of them then begins its batch again.
CREATE FUNCTION sixin.lock_sessions(keys sixin.session_key[]) RETURNS sixin.session_row[]
LANGUAGE plpgsql AS $$
DECLARE
    locked sixin.session_row[] := sixin.lock_existing_sessions(keys);
BEGIN
    IF coalesce(cardinality(locked), 0) = cardinality(keys) THEN
        RETURN locked;
    END IF;

    INSERT INTO sixin.sessions (slot, session_id, version_id, last_ordinal, last_msg_id)
    SELECT k.slot, k.session_id, 0, 0, 0
      FROM unnest(keys) AS k
     ORDER BY k.slot, k.session_id COLLATE "C"
        ON CONFLICT DO NOTHING;
    RETURN sixin.lock_existing_sessions(keys);
END
$$;

CREATE FUNCTION sixin.lock_users(keys bigint[]) RETURNS sixin.user_row[]
LANGUAGE plpgsql AS $$
DECLARE
    locked sixin.user_row[] := sixin.lock_existing_users(keys);
BEGIN
    IF coalesce(cardinality(locked), 0) = cardinality(keys) THEN
        RETURN locked;
    END IF;

    INSERT INTO sixin.users (uid, version_id, unread_total)
    SELECT k.uid, 0, 0
      FROM unnest(keys) AS k(uid)
     ORDER BY k.uid
        ON CONFLICT DO NOTHING;
    RETURN sixin.lock_existing_users(keys);
END
$$;

-- How many unread messages a contact has at or below a message.
CREATE FUNCTION sixin.unread_up_to(reader bigint, of_slot smallint, of_session text, up_to bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    above_msg_id bigint;
    above_sort_key bigint;
    up_to_sort_key bigint;
    unseen bigint[];
BEGIN
    SELECT greatest(c.last_read_msg_id, c.last_del_msg_id) INTO above_msg_id
      FROM sixin.contacts AS c
     WHERE c.owner = reader
       AND c.session_id = of_session;
    IF above_msg_id IS NULL OR above_msg_id >= up_to THEN
        RETURN 0;
    END IF;
    -- The ids decide; the sort keys are where the index is entered and left.
    above_sort_key := coalesce(sixin.sort_key_of(of_slot, of_session, above_msg_id), 0);
    up_to_sort_key := coalesce(sixin.sort_key_of(of_slot, of_session, up_to), 9223372036854775807);

    SELECT coalesce(array_agg(h.msg_id), '{}') INTO unseen
      FROM sixin.hidden AS h
     WHERE h.owner = reader
       AND h.session_id = of_session
       AND h.msg_id > above_msg_id;

    RETURN (
        SELECT count(*)
          FROM sixin.messages AS m
         WHERE m.slot = of_slot
           AND m.session_id = of_session
           AND m.sort_key > above_sort_key
           AND m.sort_key <= up_to_sort_key
           AND m.msg_id > above_msg_id
           AND m.msg_id <= up_to
           AND m.sender <> reader
           AND m.status = 'normal'
           AND m.msg_id <> ALL (unseen)
    );
END
$$;

-- The newest message a reader would see if these were hidden too; null if there is none.
CREATE FUNCTION sixin.preview_without(reader bigint, of_slot smallint, of_session text, msg_ids bigint[]) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    sight record;
BEGIN
    SELECT * INTO sight FROM sixin.sight(reader, of_slot, of_session);
    RETURN (
        SELECT m.msg_id
          FROM sixin.messages AS m
         WHERE m.slot = of_slot
           AND m.session_id = of_session
           AND m.sort_key > sight.above_sort_key
           AND m.msg_id > sight.above_msg_id
           AND m.msg_id <> ALL (sight.unseen)
           AND m.msg_id <> ALL (msg_ids)
         ORDER BY m.sort_key DESC
         LIMIT 1
    );
END
$$;

-- The same rows without a lock.
CREATE FUNCTION sixin.slots_of(keys smallint[]) RETURNS sixin.slot_row[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT array_agg(ROW(s.slot, s.last_tick)::sixin.slot_row)
          FROM sixin.slots AS s
         WHERE s.slot = ANY (keys)
    );
END
$$;

CREATE FUNCTION sixin.sessions_of(keys sixin.session_key[]) RETURNS sixin.session_row[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT array_agg(ROW(s.slot, s.session_id, s.version_id, s.last_ordinal, s.last_msg_id)::sixin.session_row)
          FROM unnest(keys) AS k
          JOIN sixin.sessions AS s ON s.slot = k.slot AND s.session_id = k.session_id
    );
END
$$;

CREATE FUNCTION sixin.users_of(keys bigint[]) RETURNS sixin.user_row[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT array_agg(ROW(u.uid, u.version_id, u.unread_total)::sixin.user_row)
          FROM sixin.users AS u
         WHERE u.uid = ANY (keys)
    );
END
$$;

-- Load what a batch names, in one round trip, with its heads locked or not. Not locked, it is read statement by
-- statement, heads first: whatever comes later is at least as new, and `commit_batch` compares the heads.
-- `shown` are the messages that contacts and previews show; what the replaced contacts show is not needed, because the
-- batch replaces it.
CREATE FUNCTION sixin.load_batch(
    locking boolean,
    slot_keys smallint[], session_keys sixin.session_key[], user_keys bigint[], contact_keys sixin.contact_key[],
    replaced_keys sixin.contact_key[], message_keys bigint[], seq_keys sixin.seq_key[], hidden_keys sixin.hidden_key[], profile_keys bigint[],
    unread_keys sixin.unread_key[], preview_keys sixin.preview_key[],
    OUT slots sixin.slot_row[], OUT sessions sixin.session_row[], OUT users sixin.user_row[],
    OUT contacts sixin.contact_row[], OUT replaced sixin.contact_row[], OUT shown sixin.message_row[], OUT messages sixin.message_row[],
    OUT hidden sixin.hidden_row[], OUT profiles sixin.profile_row[], OUT unread bigint[], OUT previews bigint[]
) LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(slot_keys) > 0 THEN
        slots := CASE WHEN locking THEN sixin.lock_slots(slot_keys) ELSE sixin.slots_of(slot_keys) END;
    END IF;
    IF cardinality(session_keys) > 0 THEN
        sessions := CASE WHEN locking THEN sixin.lock_sessions(session_keys) ELSE sixin.sessions_of(session_keys) END;
    END IF;
    IF cardinality(user_keys) > 0 THEN
        users := CASE WHEN locking THEN sixin.lock_users(user_keys) ELSE sixin.users_of(user_keys) END;
    END IF;

    IF cardinality(contact_keys) > 0 THEN
        contacts := sixin.contacts_of(contact_keys);
    END IF;
    IF cardinality(replaced_keys) > 0 THEN
        replaced := sixin.contacts_of(replaced_keys);
    END IF;
    IF cardinality(seq_keys) > 0 THEN
        message_keys := message_keys || ARRAY(
            SELECT m.msg_id
              FROM unnest(seq_keys) AS k
              JOIN sixin.messages AS m
                ON m.slot = k.slot AND m.session_id = k.session_id AND m.sender = k.sender AND m.seq_id = k.seq_id
        );
    END IF;
    IF cardinality(message_keys) > 0 THEN
        messages := sixin.messages_of(message_keys);
    END IF;
    IF cardinality(hidden_keys) > 0 THEN
        SELECT array_agg(ROW(h.owner, h.session_id, h.msg_id, h.version_id)::sixin.hidden_row) INTO hidden
          FROM unnest(hidden_keys) AS k
          JOIN sixin.hidden AS h ON h.owner = k.owner AND h.msg_id = k.msg_id;
    END IF;
    IF cardinality(profile_keys) > 0 THEN
        SELECT array_agg(ROW(p.uid, p.kind, p.name, p.avatar, p.registered, p.tokens_from_s)::sixin.profile_row)
          INTO profiles
          FROM sixin.profiles AS p
         WHERE p.uid = ANY (profile_keys);
    END IF;
    unread := ARRAY(
        SELECT sixin.unread_up_to(k.owner, k.slot, k.session_id, k.up_to)
          FROM unnest(unread_keys) WITH ORDINALITY AS k
         ORDER BY k.ordinality
    );
    previews := ARRAY(
        SELECT sixin.preview_without(k.owner, k.slot, k.session_id, k.msg_ids)
          FROM unnest(preview_keys) WITH ORDINALITY AS k
         ORDER BY k.ordinality
    );
    IF cardinality(contacts) > 0 OR cardinality(previews) > 0 THEN
        shown := sixin.messages_of(ARRAY(SELECT c.preview_msg_id FROM unnest(contacts) AS c) || previews);
    END IF;
END
$$;

-- Which heads of a batch somebody else holds at this moment, without waiting for anybody; and which are not there, so
-- that it cannot be seen whether somebody is making them. All slots exist.
CREATE FUNCTION sixin.held(
    slot_keys smallint[], session_keys sixin.session_key[], user_keys bigint[],
    OUT held_slots smallint[], OUT held_sessions text[], OUT held_users bigint[],
    OUT missing_sessions text[], OUT missing_users bigint[]
) LANGUAGE plpgsql AS $$
DECLARE
    free_slots smallint[];
    there_sessions text[];
    free_sessions text[];
    there_users bigint[];
    free_users bigint[];
BEGIN
    free_slots := ARRAY(
        SELECT l.slot
          FROM (SELECT s.slot FROM sixin.slots AS s WHERE s.slot = ANY (slot_keys) FOR NO KEY UPDATE SKIP LOCKED) AS l
    );
    there_sessions := ARRAY(
        SELECT s.session_id
          FROM unnest(session_keys) AS k
          JOIN sixin.sessions AS s ON s.slot = k.slot AND s.session_id = k.session_id
    );
    free_sessions := ARRAY(
        SELECT l.session_id
          FROM (
              SELECT s.session_id
                FROM unnest(session_keys) AS k
                JOIN sixin.sessions AS s ON s.slot = k.slot AND s.session_id = k.session_id
                 FOR NO KEY UPDATE OF s SKIP LOCKED
          ) AS l
    );
    there_users := ARRAY(SELECT u.uid FROM sixin.users AS u WHERE u.uid = ANY (user_keys));
    free_users := ARRAY(
        SELECT l.uid
          FROM (SELECT u.uid FROM sixin.users AS u WHERE u.uid = ANY (user_keys) FOR NO KEY UPDATE SKIP LOCKED) AS l
    );

    held_slots := ARRAY(SELECT unnest(slot_keys) EXCEPT SELECT unnest(free_slots));
    held_sessions := ARRAY(SELECT unnest(there_sessions) EXCEPT SELECT unnest(free_sessions));
    held_users := ARRAY(SELECT unnest(there_users) EXCEPT SELECT unnest(free_users));
    missing_sessions := ARRAY(SELECT k.session_id FROM unnest(session_keys) AS k EXCEPT SELECT unnest(there_sessions));
    missing_users := ARRAY(SELECT unnest(user_keys) EXCEPT SELECT unnest(there_users));
END
$$;

-- Write the rows of a batch as they now are. Heads and contacts are nearly always there already, so they are updated
-- first; what was not there is inserted after.
CREATE FUNCTION sixin.write_batch(
    slot_rows sixin.slot_row[], session_rows sixin.session_row[], user_rows sixin.user_row[],
    contact_rows sixin.contact_row[], born sixin.message_row[], emptied sixin.message_row[],
    hidden_rows sixin.hidden_row[], profile_rows sixin.profile_row[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    updated integer;
BEGIN
    IF cardinality(slot_rows) > 0 THEN
        UPDATE sixin.slots AS s
           SET last_tick = r.last_tick
          FROM unnest(slot_rows) AS r
         WHERE s.slot = r.slot;
    END IF;

    IF cardinality(session_rows) > 0 THEN
        UPDATE sixin.sessions AS s
           SET version_id = r.version_id,
               last_ordinal = r.last_ordinal,
               last_msg_id = r.last_msg_id
          FROM unnest(session_rows) AS r
         WHERE s.slot = r.slot
           AND s.session_id = r.session_id;
        GET DIAGNOSTICS updated = ROW_COUNT;
        IF updated < cardinality(session_rows) THEN
            INSERT INTO sixin.sessions (slot, session_id, version_id, last_ordinal, last_msg_id)
            SELECT r.slot, r.session_id, r.version_id, r.last_ordinal, r.last_msg_id
              FROM unnest(session_rows) AS r
                ON CONFLICT DO NOTHING;
        END IF;
    END IF;

    IF cardinality(user_rows) > 0 THEN
        UPDATE sixin.users AS u
           SET version_id = r.version_id,
               unread_total = r.unread_total
          FROM unnest(user_rows) AS r
         WHERE u.uid = r.uid;
        GET DIAGNOSTICS updated = ROW_COUNT;
        IF updated < cardinality(user_rows) THEN
            INSERT INTO sixin.users (uid, version_id, unread_total)
            SELECT r.uid, r.version_id, r.unread_total
              FROM unnest(user_rows) AS r
                ON CONFLICT DO NOTHING;
        END IF;
    END IF;

    IF cardinality(contact_rows) > 0 THEN
        UPDATE sixin.contacts AS c
           SET version_id = r.version_id,
               sort_key = r.sort_key,
               last_msg_id = r.last_msg_id,
               preview_msg_id = r.preview_msg_id,
               last_del_msg_id = r.last_del_msg_id,
               last_read_msg_id = r.last_read_msg_id,
               peer_read_msg_id = r.peer_read_msg_id,
               unread = r.unread,
               pinned = r.pinned,
               muted = r.muted,
               labels = r.labels,
               status = r.status,
               peer_ack = r.peer_ack,
               message_version = r.message_version,
               hidden_version = r.hidden_version,
               last_seq_id = r.last_seq_id
          FROM unnest(contact_rows) AS r
         WHERE c.owner = r.owner
           AND c.session_id = r.session_id;
        GET DIAGNOSTICS updated = ROW_COUNT;
        IF updated < cardinality(contact_rows) THEN
            INSERT INTO sixin.contacts (
                       owner, session_id, peer, version_id, sort_key, last_msg_id, preview_msg_id, last_del_msg_id,
                       last_read_msg_id, peer_read_msg_id, unread, pinned, muted, labels, status, peer_ack,
                       message_version, hidden_version, last_seq_id
                   )
            SELECT r.owner, r.session_id, r.peer, r.version_id, r.sort_key, r.last_msg_id, r.preview_msg_id,
                   r.last_del_msg_id, r.last_read_msg_id, r.peer_read_msg_id, r.unread, r.pinned, r.muted, r.labels,
                   r.status, r.peer_ack, r.message_version, r.hidden_version, r.last_seq_id
              FROM unnest(contact_rows) AS r
                ON CONFLICT DO NOTHING;
        END IF;
    END IF;

    IF cardinality(born) > 0 THEN
        INSERT INTO sixin.messages (
                   slot, msg_id, session_id, sender, seq_id, ordinal, version_id, sort_key, status, content, digest,
                   sent_at_ms, changed_at_ms
               )
        SELECT r.slot, r.msg_id, r.session_id, r.sender, r.seq_id, r.ordinal, r.version_id, r.sort_key, r.status,
               r.content, r.digest, r.sent_at_ms, r.changed_at_ms
          FROM unnest(born) AS r;
    END IF;

    IF cardinality(emptied) > 0 THEN
        UPDATE sixin.messages AS m
           SET status = r.status,
               content = r.content,
               version_id = r.version_id,
               changed_at_ms = r.changed_at_ms
          FROM unnest(emptied) AS r
         WHERE m.slot = r.slot
           AND m.msg_id = r.msg_id;
    END IF;

    IF cardinality(hidden_rows) > 0 THEN
        INSERT INTO sixin.hidden (owner, session_id, msg_id, version_id)
        SELECT r.owner, r.session_id, r.msg_id, r.version_id
          FROM unnest(hidden_rows) AS r;
    END IF;

    IF cardinality(profile_rows) > 0 THEN
        INSERT INTO sixin.profiles AS p (uid, kind, name, avatar, registered, tokens_from_s)
        SELECT r.uid, r.kind, r.name, r.avatar, r.registered, r.tokens_from_s
          FROM unnest(profile_rows) AS r
         ORDER BY r.uid
            ON CONFLICT (uid) DO UPDATE
           SET kind = excluded.kind,
               name = excluded.name,
               avatar = excluded.avatar,
               registered = excluded.registered,
               tokens_from_s = excluded.tokens_from_s;
    END IF;
END
$$;

-- Write a batch that was decided on rows nobody locked, in one round trip and one transaction: lock the heads it relied
-- on now, and write only if they are what they were. Whoever changes a message, a contact or what is hidden changes the
-- session's or the owner's head, so the heads stand for everything that was read. Given in the order they are locked.
CREATE FUNCTION sixin.commit_batch(
    relied_slots sixin.slot_row[], relied_sessions sixin.session_row[], relied_users sixin.user_row[],
    slot_rows sixin.slot_row[], session_rows sixin.session_row[], user_rows sixin.user_row[],
    contact_rows sixin.contact_row[], born sixin.message_row[], emptied sixin.message_row[],
    hidden_rows sixin.hidden_row[], profile_rows sixin.profile_row[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    changed text;
BEGIN
    IF cardinality(relied_slots) > 0
       AND sixin.lock_slots(ARRAY(SELECT r.slot FROM unnest(relied_slots) AS r)) IS DISTINCT FROM relied_slots THEN
        changed := 'slot';
    ELSIF cardinality(relied_sessions) > 0
       AND sixin.lock_sessions(
               ARRAY(SELECT ROW(r.slot, r.session_id)::sixin.session_key FROM unnest(relied_sessions) AS r)
           ) IS DISTINCT FROM relied_sessions THEN
        changed := 'session';
    ELSIF cardinality(relied_users) > 0
       AND sixin.lock_users(ARRAY(SELECT r.uid FROM unnest(relied_users) AS r)) IS DISTINCT FROM relied_users THEN
        changed := 'user';
    END IF;
    IF changed IS NOT NULL THEN
        RAISE EXCEPTION 'another node changed a %', changed USING ERRCODE = 'serialization_failure';
    END IF;

    PERFORM sixin.write_batch(
        slot_rows, session_rows, user_rows, contact_rows, born, emptied, hidden_rows, profile_rows
    );
END
$$;

-- Whoever does not let go of a row within this time is stopped in the middle of a batch, or no node: the batch goes on
-- without the commands that need the row (POSTGRES_HELD_AFTER_S in core/limits.py).
ALTER FUNCTION sixin.load_batch SET lock_timeout = '300ms';
ALTER FUNCTION sixin.commit_batch SET lock_timeout = '300ms';
