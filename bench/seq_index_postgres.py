"""What the idempotency key costs a send on PostgreSQL where the table is large, by the order of its index's columns.

    python -m bench.seq_index_postgres [--messages 1000000]

The rows are made by PostgreSQL itself, 512 a statement, so that nothing is measured but the table and its indexes. A
restart stands before each measure, as a checkpoint does: the first change of a page after it goes to the log whole.
"""

import argparse
import asyncio

import asyncpg

from bench.store_write_postgres import cluster, server_cpu_s
from sixin.server.store.postgres import PostgresStore
from tests.services.postgres import PostgresServer

BATCH = 512
BATCHES = 80

INDEXES = {
    "no such index": "",
    "sender first": "(sender, session_id, seq_id, slot)",
    "seq_id first": "(seq_id, sender, session_id, slot)",
}

# 100,000 sessions in no order, 12,000 sends a second; a device counts by its clock, and clocks differ by 0.2 s.
INSERT = """
INSERT INTO sixin.messages (
           slot, msg_id, session_id, sender, seq_id, ordinal, version_id, sort_key, sent_at_ms, changed_at_ms, status,
           digest, content
       )
SELECT s % 10000, (n / 12000 * 1000000 + n % 12000) * 10000 + s % 10000, s || ':' || (s * 7 + 100000), s * 7,
       1700000000000000 + n * 80 + floor(random() * 200000)::bigint, n, n, n, 1, 1, 'normal',
       '\\x00112233445566778899aabbccddeeff', repeat('x', 110)::bytea
  FROM (SELECT n, floor(random() * 100000)::bigint AS s FROM generate_series($1::bigint, $2::bigint) AS n) AS g
"""


async def fill(server: PostgresServer, messages: int) -> None:
    """The schema of a node, and messages in it."""
    store = PostgresStore(server.url)
    await store.open()
    await store.close()
    connection = await asyncpg.connect(server.url)
    await connection.execute("DROP INDEX sixin.messages_by_seq")
    for first in range(1, messages + 1, 50_000):
        await connection.execute(INSERT, first, min(messages, first + 49_999))
    await connection.close()


async def measure(server: PostgresServer, name: str, first: int) -> None:
    """So many batches with one of the indexes."""
    connection = await asyncpg.connect(server.url)
    if INDEXES[name]:
        await connection.execute(f"CREATE UNIQUE INDEX tried ON sixin.messages {INDEXES[name]}")
    await connection.close()
    server.restart()
    connection = await asyncpg.connect(server.url)
    log_begins = await connection.fetchval("SELECT pg_current_wal_lsn()")
    cpu_s = server_cpu_s(server)
    for nth in range(BATCHES):
        await connection.execute(INSERT, first + nth * BATCH, first + (nth + 1) * BATCH - 1)
    cpu_s = server_cpu_s(server) - cpu_s
    log_bytes = await connection.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), $1)", log_begins)
    rows = BATCH * BATCHES
    print(f"{name:13}: {cpu_s / rows * 1e6:5.1f} µs and {log_bytes / rows:5.0f} bytes of log a row", flush=True)
    await connection.execute("DROP INDEX IF EXISTS sixin.tried")
    await connection.close()


def main() -> None:
    """Read what is asked for, and measure each order in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000)
    options = parser.parse_args()
    with cluster() as server:
        asyncio.run(fill(server, options.messages))
        for nth, name in enumerate(INDEXES):
            asyncio.run(measure(server, name, options.messages + 1 + nth * BATCH * BATCHES))


if __name__ == "__main__":
    main()
