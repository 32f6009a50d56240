-- What readers ask for. Each function is STABLE: all its statements see the one snapshot of the call, so that a page
-- and the version it was read at belong together. A contact and a message never meet in one statement, because they
-- are distributed by different columns; what one statement found, the next one is given.

-- Where a reader's sight of a session begins, and what he hid above it. `above_sort_key` is where the index is
-- entered; `above_msg_id`, the watermark itself, is what decides.
CREATE FUNCTION sixin.sight(
    reader bigint, of_slot smallint, of_session text,
    OUT above_msg_id bigint, OUT above_sort_key bigint, OUT unseen bigint[]
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT c.last_del_msg_id INTO above_msg_id
      FROM sixin.contacts AS c
     WHERE c.owner = reader
       AND c.session_id = of_session;
    above_msg_id := coalesce(above_msg_id, 0);
    above_sort_key := coalesce(sixin.sort_key_of(of_slot, of_session, above_msg_id), 0);

    SELECT coalesce(array_agg(h.msg_id), '{}') INTO unseen
      FROM sixin.hidden AS h
     WHERE h.owner = reader
       AND h.session_id = of_session
       AND h.msg_id > above_msg_id;
END
$$;

-- Where a message stands in its session; null where it does not exist. Walks the primary key.
CREATE FUNCTION sixin.sort_key_of(of_slot smallint, of_session text, of_msg_id bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT m.sort_key
          FROM sixin.messages AS m
         WHERE m.slot = of_slot
           AND m.msg_id = of_msg_id
           AND m.session_id = of_session
    );
END
$$;

-- Messages by id, each once, wherever they are. Walks the primary key.
CREATE FUNCTION sixin.messages_of(msg_ids bigint[]) RETURNS sixin.message_row[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT array_agg(ROW(
                   m.slot, m.msg_id, m.session_id, m.sender, m.seq_id, m.ordinal, m.version_id, m.sort_key, m.status,
                   m.content, m.digest, m.sent_at_ms, m.changed_at_ms
               )::sixin.message_row)
          FROM (SELECT DISTINCT id.msg_id FROM unnest(msg_ids) AS id(msg_id)) AS k
          JOIN sixin.messages AS m ON m.slot = (k.msg_id % 10000)::smallint AND m.msg_id = k.msg_id
    );
END
$$;

-- What changed in a session after a version, oldest change first. Messages that were not touched since they were born
-- come from messages_by_sort_key, the others from messages_by_version. The head is read first: a page may be newer
-- than the version it claims, never older, also where a cluster has no snapshot over its shards.
CREATE FUNCTION sixin.pull_new(
    reader bigint, of_slot smallint, of_session text, after_version bigint, born_up_to bigint, page_max integer,
    OUT head bigint, OUT page sixin.message_row[]
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    sight record;
BEGIN
    SELECT s.version_id INTO head
      FROM sixin.sessions AS s
     WHERE s.slot = of_slot
       AND s.session_id = of_session;
    SELECT * INTO sight FROM sixin.sight(reader, of_slot, of_session);

    SELECT array_agg(ROW(
               p.slot, p.msg_id, p.session_id, p.sender, p.seq_id, p.ordinal, p.version_id, p.sort_key, p.status,
               p.content, p.digest, p.sent_at_ms, p.changed_at_ms
           )::sixin.message_row ORDER BY p.version_id)
      INTO page
      FROM (
          (
              SELECT m.slot, m.msg_id, m.session_id, m.sender, m.seq_id, m.ordinal, m.version_id, m.sort_key, m.status,
                     m.content, m.digest, m.sent_at_ms, m.changed_at_ms
                FROM sixin.messages AS m
               WHERE m.slot = of_slot
                 AND m.session_id = of_session
                 AND m.sort_key > greatest(after_version, sight.above_sort_key)
                 AND m.sort_key <= born_up_to
                 AND m.version_id = m.sort_key
                 AND m.msg_id > sight.above_msg_id
                 AND m.msg_id <> ALL (sight.unseen)
               ORDER BY m.sort_key
               LIMIT page_max
          )
          UNION ALL
          (
              SELECT m.slot, m.msg_id, m.session_id, m.sender, m.seq_id, m.ordinal, m.version_id, m.sort_key, m.status,
                     m.content, m.digest, m.sent_at_ms, m.changed_at_ms
                FROM sixin.messages AS m
               WHERE m.slot = of_slot
                 AND m.session_id = of_session
                 AND m.version_id > after_version
                 AND m.version_id <> m.sort_key
                 AND m.sort_key <= born_up_to
                 AND m.msg_id > sight.above_msg_id
                 AND m.msg_id <> ALL (sight.unseen)
               ORDER BY m.version_id
               LIMIT page_max
          )
          ORDER BY version_id
          LIMIT page_max
      ) AS p;
END
$$;

-- The newest visible messages below a sort key, newest first. Walks messages_by_sort_key backwards.
CREATE FUNCTION sixin.pull_old(
    reader bigint, of_slot smallint, of_session text, before_sort_key bigint, page_max integer,
    OUT head bigint, OUT page sixin.message_row[]
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    sight record;
BEGIN
    SELECT s.version_id INTO head
      FROM sixin.sessions AS s
     WHERE s.slot = of_slot
       AND s.session_id = of_session;
    SELECT * INTO sight FROM sixin.sight(reader, of_slot, of_session);

    SELECT array_agg(ROW(
               p.slot, p.msg_id, p.session_id, p.sender, p.seq_id, p.ordinal, p.version_id, p.sort_key, p.status,
               p.content, p.digest, p.sent_at_ms, p.changed_at_ms
           )::sixin.message_row ORDER BY p.sort_key DESC)
      INTO page
      FROM (
          SELECT m.slot, m.msg_id, m.session_id, m.sender, m.seq_id, m.ordinal, m.version_id, m.sort_key, m.status,
                 m.content, m.digest, m.sent_at_ms, m.changed_at_ms
            FROM sixin.messages AS m
           WHERE m.slot = of_slot
             AND m.session_id = of_session
             AND m.sort_key < before_sort_key
             AND m.sort_key > sight.above_sort_key
             AND m.msg_id > sight.above_msg_id
             AND m.msg_id <> ALL (sight.unseen)
           ORDER BY m.sort_key DESC
           LIMIT page_max
      ) AS p;
END
$$;

-- Contacts of one owner that changed after a version, oldest change first, with the messages they show.
-- Walks contacts_by_band, and sorts one band at a time: a planner that takes every owner for an average one would
-- read the whole list for each page, and who has a million contacts would wait for a million rows a thousand times.
CREATE FUNCTION sixin.pull_contacts(
    reader bigint, after_version bigint, page_max integer,
    OUT head bigint, OUT unread_total bigint, OUT page sixin.contact_row[], OUT shown sixin.message_row[]
) LANGUAGE plpgsql STABLE SET enable_sort = off SET enable_bitmapscan = off AS $$
BEGIN
    SELECT u.version_id, u.unread_total INTO head, unread_total
      FROM sixin.users AS u
     WHERE u.uid = reader;

    SELECT array_agg(ROW(
               p.owner, p.session_id, p.peer, p.version_id, p.sort_key, p.last_msg_id, p.preview_msg_id,
               p.last_del_msg_id, p.last_read_msg_id, p.peer_read_msg_id, p.unread, p.pinned, p.muted, p.labels,
               p.status, p.peer_ack, p.message_version, p.hidden_version, p.last_seq_id
           )::sixin.contact_row ORDER BY p.version_id)
      INTO page
      FROM (
          SELECT c.owner, c.session_id, c.peer, c.version_id, c.sort_key, c.last_msg_id, c.preview_msg_id,
                 c.last_del_msg_id, c.last_read_msg_id, c.peer_read_msg_id, c.unread, c.pinned, c.muted, c.labels,
                 c.status, c.peer_ack, c.message_version, c.hidden_version, c.last_seq_id
            FROM sixin.contacts AS c
           WHERE c.owner = reader
             AND c.version_band >= after_version >> 12
             AND c.version_id > after_version
           ORDER BY c.version_band, c.version_id
           LIMIT page_max
      ) AS p;

    shown := sixin.messages_of(ARRAY(SELECT f.preview_msg_id FROM unnest(page) AS f));
END
$$;

-- Contacts named by owner and session. Walks the primary key.
CREATE FUNCTION sixin.contacts_of(keys sixin.contact_key[]) RETURNS sixin.contact_row[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT array_agg(ROW(
                   c.owner, c.session_id, c.peer, c.version_id, c.sort_key, c.last_msg_id, c.preview_msg_id,
                   c.last_del_msg_id, c.last_read_msg_id, c.peer_read_msg_id, c.unread, c.pinned, c.muted, c.labels,
                   c.status, c.peer_ack, c.message_version, c.hidden_version, c.last_seq_id
               )::sixin.contact_row)
          FROM unnest(keys) AS k
          JOIN sixin.contacts AS c ON c.owner = k.owner AND c.session_id = k.session_id
    );
END
$$;

-- One contact with the message it shows.
CREATE FUNCTION sixin.contact(
    reader bigint, of_session text, OUT page sixin.contact_row[], OUT shown sixin.message_row[]
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    page := sixin.contacts_of(ARRAY[ROW(reader, of_session)::sixin.contact_key]);
    shown := sixin.messages_of(ARRAY(SELECT f.preview_msg_id FROM unnest(page) AS f));
END
$$;

-- What an owner hid in a session after a contact version, oldest first. Walks hidden_by_version.
CREATE FUNCTION sixin.pull_hidden(
    reader bigint, of_session text, after_version bigint, page_max integer,
    OUT head bigint, OUT page sixin.hidden_row[]
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT u.version_id INTO head
      FROM sixin.users AS u
     WHERE u.uid = reader;

    SELECT array_agg(ROW(p.owner, p.session_id, p.msg_id, p.version_id)::sixin.hidden_row
                     ORDER BY p.version_id, p.msg_id)
      INTO page
      FROM (
          SELECT h.owner, h.session_id, h.msg_id, h.version_id
            FROM sixin.hidden AS h
           WHERE h.owner = reader
             AND h.session_id = of_session
             AND h.version_id > after_version
           ORDER BY h.version_id, h.msg_id
           LIMIT page_max
      ) AS p;
END
$$;
