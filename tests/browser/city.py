"""A person who knows everybody: 10,000 conversations and 100,000 messages, one of the chats a very long one.

Written through the real write path, in large batches, into the folder of a server that does not run yet.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from sixin.core.commands import Policy, Send
from sixin.core.content import canonical
from sixin.core.ids import Uid, pair_session_id
from sixin.server.demo import TALK, USERS
from sixin.server.store.sqlite import SqliteStore
from sixin.server.store.writer import Writer

ANN, BOB = map(Uid, USERS)
PEERS = range(2_000, 2_000 + 9_999)
"""With Bob they are 10,000."""

MESSAGES = 100_000 - len(TALK)
"""Those of the demo come with the server's start."""

EACH = 7
"""Lines of every other chat."""

LONG = MESSAGES - EACH * len(PEERS)
"""Lines of the chat with Bob: some 30,000."""

BATCH = 5_000
SPACING_MS = 60_000
"""Between two messages: they reach back over two months, so that there are day lines."""


def lines() -> Iterator[Send]:
    """What is said, oldest first. The long chat's lines come between the others', and last."""
    said = dict.fromkeys([*PEERS, BOB], 0)
    others = [peer for _ in range(EACH) for peer in PEERS]
    long = [BOB] * LONG
    for peer in [*others[: len(PEERS)], *long[: LONG - 1], *others[len(PEERS) :], *long[LONG - 1 :]]:
        said[peer] += 1
        sender = ANN if said[peer] % 3 == 0 else Uid(peer)
        text = f"line {said[peer]}."
        if said[peer] % 50 == 0:
            text += " And a few more words, so that not every line is as high as the one before. 也有中文。" * 3
        content = canonical(b'{"type":"text","text":"%b"}' % text.encode())
        yield Send(sender, pair_session_id(ANN, Uid(peer)), 1_000 + said[peer], content.encoded, content.digest)


async def _fill(data: Path) -> int:
    store = SqliteStore(data)
    await store.open()
    clock = [time.time_ns() // 1_000_000 - MESSAGES * SPACING_MS]

    def now_ms() -> int:
        clock[0] += SPACING_MS
        return clock[0]

    writer = Writer(store, now_ms=now_ms, policy=Policy(), committed=lambda _: None, batch_max=BATCH)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        unread = sum(sender != ANN for sender, _ in TALK)
        waiting: list[Send] = []
        for command in lines():
            unread += command.actor != ANN
            waiting.append(command)
            if len(waiting) == BATCH:
                await _write(writer, waiting)
                waiting = []
        await _write(writer, waiting)
        writer.stop()
    await store.close()
    return unread


async def _write(writer: Writer, commands: list[Send]) -> None:
    done = [asyncio.get_running_loop().create_future() for _ in commands]
    for command, future in zip(commands, done, strict=True):
        writer.submit(command, future.set_result)
    for outcome in await asyncio.gather(*done):
        if isinstance(outcome, Exception):
            raise outcome


def fill(data: Path) -> int:
    """Make the folder of a server with all of it. Gives what Ann has not read: all that others said to her."""
    # In a process of its own: the browser's driver keeps a loop running in this one.
    command = [sys.executable, "-m", "tests.browser.city", str(data)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    return int(done.stdout)


if __name__ == "__main__":
    sys.stdout.write(str(asyncio.run(_fill(Path(sys.argv[1])))))
