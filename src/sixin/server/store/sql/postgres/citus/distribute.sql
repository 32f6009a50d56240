-- Spread the tables over a Citus cluster: once, after a node has made the schema, while no node runs
-- (docs/storage.md). Rows that are there already move with their tables.

SELECT create_distributed_table('sixin.slots', 'slot');
SELECT create_distributed_table('sixin.sessions', 'slot', colocate_with => 'sixin.slots');
SELECT create_distributed_table('sixin.messages', 'slot', colocate_with => 'sixin.slots');

SELECT create_distributed_table('sixin.users', 'uid');
SELECT create_distributed_table('sixin.contacts', 'owner', colocate_with => 'sixin.users');
SELECT create_distributed_table('sixin.hidden', 'owner', colocate_with => 'sixin.users');
SELECT create_distributed_table('sixin.profiles', 'uid', colocate_with => 'sixin.users');

-- Citus does not take FOR UPDATE of rows on several shards, and takes an upsert that changes nothing, which locks a
-- row as well and makes the missing one. On one server it would cost a second copy of every head.
CREATE OR REPLACE FUNCTION sixin.lock_slots(keys smallint[]) RETURNS sixin.slot_row[]
LANGUAGE plpgsql AS $$
DECLARE
    locked sixin.slot_row[];
BEGIN
    WITH l AS (
        INSERT INTO sixin.slots AS s (slot, last_tick)
        SELECT k.slot, 0
          FROM unnest(keys) AS k(slot)
         ORDER BY k.slot
            ON CONFLICT (slot) DO UPDATE SET last_tick = s.last_tick
        RETURNING slot, last_tick
    )
    SELECT array_agg(ROW(l.slot, l.last_tick)::sixin.slot_row ORDER BY l.slot) INTO locked FROM l;
    RETURN locked;
END
$$;

CREATE OR REPLACE FUNCTION sixin.lock_sessions(keys sixin.session_key[]) RETURNS sixin.session_row[]
LANGUAGE plpgsql AS $$
DECLARE
    locked sixin.session_row[];
BEGIN
    WITH l AS (
        INSERT INTO sixin.sessions AS s (slot, session_id, version_id, last_ordinal, last_msg_id)
        SELECT k.slot, k.session_id, 0, 0, 0
          FROM unnest(keys) AS k
         ORDER BY k.slot, k.session_id COLLATE "C"
            ON CONFLICT (slot, session_id) DO UPDATE SET version_id = s.version_id
        RETURNING slot, session_id, version_id, last_ordinal, last_msg_id
    )
    SELECT array_agg(ROW(l.slot, l.session_id, l.version_id, l.last_ordinal, l.last_msg_id)::sixin.session_row
                     ORDER BY l.slot, l.session_id COLLATE "C")
      INTO locked FROM l;
    RETURN locked;
END
$$;

CREATE OR REPLACE FUNCTION sixin.lock_users(keys bigint[]) RETURNS sixin.user_row[]
LANGUAGE plpgsql AS $$
DECLARE
    locked sixin.user_row[];
BEGIN
    WITH l AS (
        INSERT INTO sixin.users AS u (uid, version_id, unread_total)
        SELECT k.uid, 0, 0
          FROM unnest(keys) AS k(uid)
         ORDER BY k.uid
            ON CONFLICT (uid) DO UPDATE SET version_id = u.version_id
        RETURNING uid, version_id, unread_total
    )
    SELECT array_agg(ROW(l.uid, l.version_id, l.unread_total)::sixin.user_row ORDER BY l.uid) INTO locked FROM l;
    RETURN locked;
END
$$;

-- Neither does it take SKIP LOCKED: nobody looks who holds what, and a batch is begun again as a whole.
CREATE OR REPLACE FUNCTION sixin.held(
    slot_keys smallint[], session_keys sixin.session_key[], user_keys bigint[],
    OUT held_slots smallint[], OUT held_sessions text[], OUT held_users bigint[],
    OUT missing_sessions text[], OUT missing_users bigint[]
) LANGUAGE plpgsql AS $$
BEGIN
    held_slots := '{}';
    held_sessions := '{}';
    held_users := '{}';
    missing_sessions := '{}';
    missing_users := '{}';
END
$$;

-- Rows are locked in one order, so shards are visited one after the other; at once, two nodes would come to them in
-- different orders. And no lock is wanted on whole shards: whoever writes a row holds its lock or its owner's.
ALTER FUNCTION sixin.load_batch SET citus.multi_shard_modify_mode = 'sequential';
ALTER FUNCTION sixin.load_batch SET citus.all_modifications_commutative = on;
ALTER FUNCTION sixin.commit_batch SET citus.multi_shard_modify_mode = 'sequential';
ALTER FUNCTION sixin.commit_batch SET citus.all_modifications_commutative = on;
ALTER FUNCTION sixin.write_batch SET citus.all_modifications_commutative = on;
