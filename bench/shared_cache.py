"""What a cache in front of a shared database could save: python -m bench.shared_cache postgresql://…

It would first have to ask for the versions (a contact's and a session's) and could then answer from memory. So its best
case costs one such question; beside it stand the pulls it would answer. One connection at a time, nothing else running.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from statistics import median

import msgspec

from sixin.core import commands
from sixin.core.commands import Policy
from sixin.core.content import canonical
from sixin.core.ids import Uid, pair_session_id, slot_of
from sixin.server.store.postgres import PostgresStore
from sixin.server.store.writer import Writer

ANN, BEN = Uid(1), Uid(2)
SESSION = pair_session_id(ANN, BEN)
MESSAGES = 200
REPEATS = 3_000

VERSIONS = """
SELECT (SELECT s.version_id FROM sixin.sessions AS s WHERE s.slot = $1 AND s.session_id = $2),
       (SELECT u.version_id FROM sixin.users AS u WHERE u.uid = $3)
"""


async def main(url: str) -> None:
    """Fill a small session, and ask."""
    store = PostgresStore(url)
    await store.open()
    writer = Writer(store, now_ms=lambda: time.time_ns() // 1_000_000, policy=Policy(), committed=lambda _: None)
    running = asyncio.create_task(writer.run())
    for seq_id in range(1, MESSAGES + 1):
        content = canonical(msgspec.json.encode({"type": "text", "text": f"message number {seq_id}, of a usual size"}))
        await writer.change(commands.Send(ANN, SESSION, seq_id, content.encoded, content.digest))

    async def versions() -> None:
        async with store._link.reading() as connection:
            await connection.fetchrow(VERSIONS, slot_of(SESSION), SESSION, BEN)

    def pull(after: int) -> Callable[[], Awaitable[object]]:
        return lambda: store.pull_new(BEN, SESSION, after_version=after, born_up_to=None, limit=50)

    print("| question | µs, median | p99 |\n| --- | ---: | ---: |")
    for name, ask in {
        "both versions": versions,
        "pull_new, nothing new": pull(MESSAGES),
        "pull_new, 1 message": pull(MESSAGES - 1),
        "pull_new, 50 messages": pull(MESSAGES - 50),
        "pull_contacts, nothing new": lambda: store.pull_contacts(BEN, after_version=MESSAGES, limit=50),
    }.items():
        print(f"| {name} | {await _measured(ask)} |")
    writer.stop()
    await running
    await store.close()


async def _measured(ask: Callable[[], Awaitable[object]]) -> str:
    took = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - begun) * 1e6)
    return f"{median(took):.0f} | {sorted(took)[int(0.99 * len(took))]:.0f}"


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
