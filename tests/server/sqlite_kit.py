"""What the tests of the SQLite store share: open stores, sends, waiting for a condition."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import msgspec

from sixin.core import commands, errors
from sixin.core.commands import Command, Policy
from sixin.core.content import canonical
from sixin.core.decide import Decision
from sixin.core.ids import EPOCH_S, Uid, pair_session_id
from sixin.core.message import Message
from sixin.server.store.sqlite import SqliteStore
from sixin.server.store.writer import Writer

ANN, BEN = Uid(1001), Uid(1002)
ANN_BEN = pair_session_id(ANN, BEN)
WAIT_S = 20.0
"""Longer than anything here takes, however busy the machine."""


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something to become so."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - of another process, which sets no event of ours
            await asyncio.sleep(0.01)


def names_in(folder: Path) -> list[str]:
    """The files of a folder."""
    return sorted(path.name for path in folder.iterdir())


def alive(pid: int) -> bool:
    """Whether a process runs; one that was not buried yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def kill(pid: int | None, signal_number: int) -> None:
    assert pid is not None
    os.kill(pid, signal_number)


class Talk:
    """Ann and Ben over one open store."""

    def __init__(self, store: SqliteStore, writer: Writer) -> None:
        self.store = store
        self.writer = writer
        self._seq_id = time.monotonic_ns() % 2**50

    async def do(self, command: Command) -> Decision:
        async with asyncio.timeout(WAIT_S):
            return await self.writer.change(command)

    async def send(self, text: str = "hello") -> Message:
        self._seq_id += 1
        return await self.send_as(self._seq_id, text)

    async def send_as(self, seq_id: int, text: str = "hello") -> Message:
        content = canonical(msgspec.json.encode({"type": "text", "text": text}))
        decision = await self.do(commands.Send(ANN, ANN_BEN, seq_id, content.encoded, content.digest))
        assert isinstance(decision.answer, Message)
        return decision.answer

    async def send_until_it_works(self, seq_id: int, text: str = "hello") -> Message:
        """As a device does: the same number, until there is an answer."""
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    return await self.send_as(seq_id, text)
                except errors.Unavailable:
                    await asyncio.sleep(0.02)

    async def recall(self, message: Message) -> Message:
        answer = (await self.do(commands.Recall(ANN, ANN_BEN, message.msg_id))).answer
        assert isinstance(answer, Message)
        return answer

    async def stored(self) -> list[Message]:
        """Every message, oldest first; asked again while the reader is away."""
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    return (await self.store.messages(ANN_BEN, before_sort_key=None, limit=100_000))[::-1]
                except errors.Unavailable:
                    await asyncio.sleep(0.02)


class Clock:
    """A clock that never shows the same millisecond twice, so that nothing depends on how fast a test is."""

    def __init__(self) -> None:
        self._now_ms = (EPOCH_S + 1_000) * 1_000

    def __call__(self) -> int:
        self._now_ms += 1
        return self._now_ms


class Open:
    """A store that is closed at the end, whatever happened to its processes."""

    def __init__(self, data: Path) -> None:
        self.store = SqliteStore(data)

    async def __aenter__(self) -> Self:
        await self.store.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.store.close()


@asynccontextmanager
async def talking(data: Path, *, following_min: int = 1) -> AsyncIterator[Talk]:
    """Ann and Ben, with a real writer over a store in a folder, in which whatever may follow a commit does."""
    async with Open(data) as opened:
        writer = Writer(
            opened.store, now_ms=Clock(), policy=Policy(), committed=lambda _: None, following_min=following_min
        )
        running = asyncio.create_task(writer.run())
        try:
            yield Talk(opened.store, writer)
        finally:
            writer.stop()
            async with asyncio.timeout(WAIT_S):
                await running
