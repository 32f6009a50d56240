-- What readers ask for. Those who wait together are answered together: a function is given what each of them asks, and
-- gives rows with the place of the ask they answer, `nth`, in the order of the page. Whoever gets no row of a page gets
-- one with the head alone.
--
-- Each function is STABLE: all its statements see the one snapshot of the call, so that a page and the version it was
-- read at belong together. A contact and a message never meet in one statement, because they are distributed by
-- different columns; what one statement found, the next one is given.
--
-- Asks are gone through one by one. A statement that took them all at once, page by page with LATERAL, saves a quarter,
-- is planned anew for every few asks, which costs five times as much, and cannot be spread over a cluster.

CREATE TYPE sixin.messages_ask AS (
    owner bigint, slot smallint, session_id text, version_or_sort_key bigint, born_up_to bigint, page_max integer
);
CREATE TYPE sixin.contacts_ask AS (owner bigint, after_version bigint, page_max integer);

-- A page's message, in the order of the core, after whose it is and the version of the session.
CREATE TYPE sixin.message_found AS (
    nth integer, head bigint,
    msg_id bigint, session_id text, sender bigint, seq_id bigint, ordinal bigint, version_id bigint, sort_key bigint,
    status text, content bytea, digest bytea, sent_at_ms bigint, changed_at_ms bigint
);

-- Where a reader's sight of a session begins, and what he hid above it. `above_sort_key` is where the index is
-- entered; `above_msg_id`, the watermark itself, is what decides. Who never cleared and never hid anything, which is
-- nearly everybody, costs one look.
CREATE TYPE sixin.sight_row AS (above_msg_id bigint, above_sort_key bigint, unseen bigint[]);

CREATE FUNCTION sixin.sight(reader bigint, of_slot smallint, of_session text) RETURNS sixin.sight_row
LANGUAGE plpgsql STABLE AS $$
DECLARE
    above_msg_id bigint;
    above_sort_key bigint := 0;
    last_hidden bigint;
    unseen bigint[] := '{}';
BEGIN
    SELECT c.last_del_msg_id, c.hidden_version INTO above_msg_id, last_hidden
      FROM sixin.contacts AS c
     WHERE c.owner = reader
       AND c.session_id = of_session;
    above_msg_id := coalesce(above_msg_id, 0);
    IF above_msg_id > 0 THEN
        above_sort_key := coalesce(sixin.sort_key_of(of_slot, of_session, above_msg_id), 0);
    END IF;
    IF last_hidden > 0 THEN
        SELECT coalesce(array_agg(h.msg_id), '{}') INTO unseen
          FROM sixin.hidden AS h
         WHERE h.owner = reader
           AND h.session_id = of_session
           AND h.msg_id > above_msg_id;
    END IF;
    RETURN ROW(above_msg_id, above_sort_key, unseen)::sixin.sight_row;
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

-- What changed in sessions after a version, oldest change first. Messages that were not touched since they were born
-- come from messages_by_sort_key, the others from messages_by_version. The head is read first: a page may be newer
-- than the version it claims, never older, also where a cluster has no snapshot over its shards.
CREATE FUNCTION sixin.pull_new(asks sixin.messages_ask[]) RETURNS SETOF sixin.message_found
LANGUAGE plpgsql STABLE AS $$
DECLARE
    ask sixin.messages_ask;
    nth integer := 0;
    head bigint;
    sight sixin.sight_row;
BEGIN
    FOREACH ask IN ARRAY asks LOOP
        nth := nth + 1;
        SELECT s.version_id INTO head
          FROM sixin.sessions AS s
         WHERE s.slot = ask.slot
           AND s.session_id = ask.session_id;
        sight := sixin.sight(ask.owner, ask.slot, ask.session_id);

        RETURN QUERY
        SELECT nth, head, p.msg_id, p.session_id, p.sender, p.seq_id, p.ordinal, p.version_id, p.sort_key, p.status,
               p.content, p.digest, p.sent_at_ms, p.changed_at_ms
          FROM (
              (
                  SELECT m.msg_id, m.session_id, m.sender, m.seq_id, m.ordinal, m.version_id, m.sort_key, m.status,
                         m.content, m.digest, m.sent_at_ms, m.changed_at_ms
                    FROM sixin.messages AS m
                   WHERE m.slot = ask.slot
                     AND m.session_id = ask.session_id
                     AND m.sort_key > greatest(ask.version_or_sort_key, sight.above_sort_key)
                     AND m.sort_key <= ask.born_up_to
                     AND m.version_id = m.sort_key
                     AND m.msg_id > sight.above_msg_id
                     AND m.msg_id <> ALL (sight.unseen)
                   ORDER BY m.sort_key
                   LIMIT ask.page_max
              )
              UNION ALL
              (
                  SELECT m.msg_id, m.session_id, m.sender, m.seq_id, m.ordinal, m.version_id, m.sort_key, m.status,
                         m.content, m.digest, m.sent_at_ms, m.changed_at_ms
                    FROM sixin.messages AS m
                   WHERE m.slot = ask.slot
                     AND m.session_id = ask.session_id
                     AND m.version_id > ask.version_or_sort_key
                     AND m.version_id <> m.sort_key
                     AND m.sort_key <= ask.born_up_to
                     AND m.msg_id > sight.above_msg_id
                     AND m.msg_id <> ALL (sight.unseen)
                   ORDER BY m.version_id
                   LIMIT ask.page_max
              )
              ORDER BY version_id
              LIMIT ask.page_max
          ) AS p;
        IF NOT FOUND THEN
            RETURN NEXT ROW(
                nth, head, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
            )::sixin.message_found;
        END IF;
    END LOOP;
END
$$;

-- The newest visible messages below a sort key, newest first. Walks messages_by_sort_key backwards.
CREATE FUNCTION sixin.pull_old(asks sixin.messages_ask[]) RETURNS SETOF sixin.message_found
LANGUAGE plpgsql STABLE AS $$
DECLARE
    ask sixin.messages_ask;
    nth integer := 0;
    head bigint;
    sight sixin.sight_row;
BEGIN
    FOREACH ask IN ARRAY asks LOOP
        nth := nth + 1;
        SELECT s.version_id INTO head
          FROM sixin.sessions AS s
         WHERE s.slot = ask.slot
           AND s.session_id = ask.session_id;
        sight := sixin.sight(ask.owner, ask.slot, ask.session_id);

        RETURN QUERY
        SELECT nth, head, m.msg_id, m.session_id, m.sender, m.seq_id, m.ordinal, m.version_id, m.sort_key, m.status,
               m.content, m.digest, m.sent_at_ms, m.changed_at_ms
          FROM sixin.messages AS m
         WHERE m.slot = ask.slot
           AND m.session_id = ask.session_id
           AND m.sort_key < ask.version_or_sort_key
           AND m.sort_key > sight.above_sort_key
           AND m.msg_id > sight.above_msg_id
           AND m.msg_id <> ALL (sight.unseen)
         ORDER BY m.sort_key DESC
         LIMIT ask.page_max;
        IF NOT FOUND THEN
            RETURN NEXT ROW(
                nth, head, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
            )::sixin.message_found;
        END IF;
    END LOOP;
END
$$;

-- Contacts that changed after a version, oldest change first. Each has, after whose it is and the head of its owner, the
-- columns of the core in their order, and those of the message it shows, but for its id and its session.
-- Walks contacts_by_band, and sorts one band at a time: a planner that takes every owner for an average one would
-- read the whole list for each page, and who has a million contacts would wait for a million rows a thousand times.
CREATE FUNCTION sixin.pull_contacts(asks sixin.contacts_ask[]) RETURNS TABLE (
    nth integer, head bigint, unread_total bigint,
    owner bigint, session_id text, peer bigint, version_id bigint, sort_key bigint, last_msg_id bigint,
    preview_msg_id bigint, last_del_msg_id bigint, last_read_msg_id bigint, peer_read_msg_id bigint, unread bigint,
    pinned boolean, muted boolean, labels text[], status text, peer_ack boolean, message_version bigint,
    hidden_version bigint, last_seq_id bigint,
    shown_sender bigint, shown_seq_id bigint, shown_ordinal bigint, shown_version_id bigint, shown_sort_key bigint,
    shown_status text, shown_content bytea, shown_digest bytea, shown_sent_at_ms bigint, shown_changed_at_ms bigint
) LANGUAGE plpgsql STABLE SET enable_sort = off SET enable_bitmapscan = off AS $$
DECLARE
    ask sixin.contacts_ask;
BEGIN
    nth := 0;
    FOREACH ask IN ARRAY asks LOOP
        nth := nth + 1;
        SELECT u.version_id, u.unread_total INTO head, unread_total
          FROM sixin.users AS u
         WHERE u.uid = ask.owner;

        FOR
            owner, session_id, peer, version_id, sort_key, last_msg_id, preview_msg_id, last_del_msg_id,
            last_read_msg_id, peer_read_msg_id, unread, pinned, muted, labels, status, peer_ack, message_version,
            hidden_version, last_seq_id
        IN
            SELECT c.owner, c.session_id, c.peer, c.version_id, c.sort_key, c.last_msg_id, c.preview_msg_id,
                   c.last_del_msg_id, c.last_read_msg_id, c.peer_read_msg_id, c.unread, c.pinned, c.muted, c.labels,
                   c.status, c.peer_ack, c.message_version, c.hidden_version, c.last_seq_id
              FROM sixin.contacts AS c
             WHERE c.owner = ask.owner
               AND c.version_band >= ask.after_version >> 12
               AND c.version_id > ask.after_version
             ORDER BY c.version_band, c.version_id
             LIMIT ask.page_max
        LOOP
            SELECT m.sender, m.seq_id, m.ordinal, m.version_id, m.sort_key, m.status, m.content, m.digest, m.sent_at_ms,
                   m.changed_at_ms
              INTO shown_sender, shown_seq_id, shown_ordinal, shown_version_id, shown_sort_key, shown_status, shown_content,
                   shown_digest, shown_sent_at_ms, shown_changed_at_ms
              FROM sixin.messages AS m
             WHERE m.slot = (preview_msg_id % 10000)::smallint
               AND m.msg_id = preview_msg_id;
            RETURN NEXT;
        END LOOP;
        IF NOT FOUND THEN
            owner := NULL;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

-- Single contacts in the same columns; no row where there is none. Walks the primary key.
CREATE FUNCTION sixin.contact(asks sixin.contact_key[]) RETURNS TABLE (
    nth integer, head bigint, unread_total bigint,
    owner bigint, session_id text, peer bigint, version_id bigint, sort_key bigint, last_msg_id bigint,
    preview_msg_id bigint, last_del_msg_id bigint, last_read_msg_id bigint, peer_read_msg_id bigint, unread bigint,
    pinned boolean, muted boolean, labels text[], status text, peer_ack boolean, message_version bigint,
    hidden_version bigint, last_seq_id bigint,
    shown_sender bigint, shown_seq_id bigint, shown_ordinal bigint, shown_version_id bigint, shown_sort_key bigint,
    shown_status text, shown_content bytea, shown_digest bytea, shown_sent_at_ms bigint, shown_changed_at_ms bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    ask sixin.contact_key;
BEGIN
    nth := 0;
    FOREACH ask IN ARRAY asks LOOP
        nth := nth + 1;
        SELECT c.owner, c.session_id, c.peer, c.version_id, c.sort_key, c.last_msg_id, c.preview_msg_id,
               c.last_del_msg_id, c.last_read_msg_id, c.peer_read_msg_id, c.unread, c.pinned, c.muted, c.labels,
               c.status, c.peer_ack, c.message_version, c.hidden_version, c.last_seq_id
          INTO owner, session_id, peer, version_id, sort_key, last_msg_id, preview_msg_id, last_del_msg_id,
               last_read_msg_id, peer_read_msg_id, unread, pinned, muted, labels, status, peer_ack, message_version,
               hidden_version, last_seq_id
          FROM sixin.contacts AS c
         WHERE c.owner = ask.owner
           AND c.session_id = ask.session_id;
        IF FOUND THEN
            SELECT m.sender, m.seq_id, m.ordinal, m.version_id, m.sort_key, m.status, m.content, m.digest, m.sent_at_ms,
                   m.changed_at_ms
              INTO shown_sender, shown_seq_id, shown_ordinal, shown_version_id, shown_sort_key, shown_status, shown_content,
                   shown_digest, shown_sent_at_ms, shown_changed_at_ms
              FROM sixin.messages AS m
             WHERE m.slot = (preview_msg_id % 10000)::smallint
               AND m.msg_id = preview_msg_id;
            RETURN NEXT;
        END IF;
    END LOOP;
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
