"""How many reads a second PostgreSQL gives one node, and what each costs in PostgreSQL and in Python.

    python -m bench.store_read_postgres [--outstanding 1 100] [--seconds 2]

A real store over a throw-away cluster: pages as a device asks for them, of users and sessions drawn uniformly. What the
server adds, frames and JSON, is not in it: `sixin bench --scenario pulls` has all of it.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import uvloop

from bench.store_write_postgres import CONTENT, DIGEST, cluster, now_ms, server_cpu_s
from sixin.core.commands import Policy, Send
from sixin.core.ids import SessionId, Uid, pair_session_id
from sixin.server.store.postgres import PostgresStore
from sixin.server.store.writer import Writer
from tests.services.postgres import PostgresServer

USERS = 100
CONTACTS = 10
MESSAGES_EACH = 20

Read = Callable[[Uid, SessionId], Awaitable[Any]]


def pairs() -> list[tuple[Uid, SessionId]]:
    """Every user with each of his sessions: the users stand in a ring, and each talks with those next to him."""
    found = []
    for nth in range(USERS):
        for step in range(1, CONTACTS // 2 + 1):
            one, other = Uid(1 + nth), Uid(1 + (nth + step) % USERS)
            session_id = pair_session_id(one, other)
            found += [(one, session_id), (other, session_id)]
    return found


def reads(store: PostgresStore) -> dict[str, Read]:
    """Each kind of read, as large as `sixin bench --scenario pulls` asks for it."""
    return {
        "pull_new": lambda owner, session_id: store.pull_new(
            owner, session_id, after_version=MESSAGES_EACH * 2 - 10, born_up_to=None, limit=100
        ),
        "pull_old": lambda owner, session_id: store.pull_old(owner, session_id, before_sort_key=None, limit=20),
        "pull_contacts": lambda owner, _: store.pull_contacts(owner, after_version=10, limit=5),
        "contact": lambda owner, session_id: store.contact(owner, session_id),
        "unread": lambda owner, _: store.user(owner),
    }


async def fill(store: PostgresStore) -> None:
    """Every user sends to each of his contacts."""
    writer = Writer(store, now_ms=now_ms, policy=Policy(), committed=lambda _: None, queue_max=10**6)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        for nth in range(MESSAGES_EACH):
            await asyncio.gather(
                *(writer.change(Send(owner, session_id, nth + 1, CONTENT, DIGEST)) for owner, session_id in pairs())
            )
        writer.stop()


async def measure(server: PostgresServer, kind: str, read: Read, outstanding: int, seconds: float) -> None:
    """As many readers as are to wait at once, each asking again when it is answered."""
    asked, random = pairs(), Random(1)  # noqa: S311 - a script, not a secret
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def reader() -> None:
        while time.perf_counter() < end:
            begun = time.perf_counter()
            await read(*random.choice(asked))
            latencies.append(time.perf_counter() - begun)

    postgres_s, python_s = server_cpu_s(server), time.process_time()
    async with asyncio.TaskGroup() as readers:
        for _ in range(outstanding):
            readers.create_task(reader())
    postgres_s, python_s = server_cpu_s(server) - postgres_s, time.process_time() - python_s
    latencies.sort()
    count = len(latencies)
    print(
        f"{kind:13} {outstanding:4} outstanding: {count / seconds:7.0f}/s, p50 {latencies[count // 2] * 1e3:6.1f} ms, "
        f"p99 {latencies[count * 99 // 100] * 1e3:6.1f} ms, PostgreSQL {postgres_s / count * 1e6:6.1f} µs, "
        f"Python {python_s / count * 1e6:6.1f} µs",
        flush=True,
    )


async def run(server: PostgresServer, outstandings: list[int], seconds: float) -> None:
    """All of it."""
    store = PostgresStore(server.url)
    await store.open()
    await fill(store)
    for outstanding in outstandings:
        for kind, read in reads(store).items():
            await measure(server, kind, read, outstanding, seconds)
    await store.close()


def main() -> None:
    """Read what is asked for, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outstanding", type=int, nargs="+", default=[1, 100])
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    with cluster() as server:
        uvloop.run(run(server, options.outstanding, options.seconds))


if __name__ == "__main__":
    main()
