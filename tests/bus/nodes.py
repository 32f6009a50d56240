"""Nodes on a bus, as far as these tests need them: what they were told, and how often they missed something."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Self

from sixin.core.contact import Contact
from sixin.core.ids import MsgId, Uid, pair_session_id
from sixin.core.message import Message
from sixin.core.notices import ContactChanged, MessageChanged
from sixin.server.bus.base import Told
from sixin.server.bus.nats import NatsBus

DEADLINE_S = 30.0
"""After this long, what a test waits for does not come."""

ANN, BEN, CID = Uid(1001), Uid(1002), Uid(1003)


class Ear:
    """A bus and what it was told. A context manager."""

    def __init__(self, url: str, prefix: str) -> None:
        self.bus = NatsBus(url, prefix=prefix)
        self.told: list[Told] = []
        self.missed = 0

    async def __aenter__(self) -> Self:
        await self.bus.open(self._receive, self._miss)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await self.bus.close()

    def _receive(self, told: Sequence[Told]) -> None:
        self.told += told

    def _miss(self) -> None:
        self.missed += 1

    def knows(self, *uids: Uid) -> Callable[[], bool]:
        """Whether it knows these users to be somewhere."""
        return lambda: all(self.bus.is_connected(uid) for uid in uids)


@asynccontextmanager
async def ears(url: str, prefix: str, count: int) -> AsyncIterator[list[Ear]]:
    """Several nodes that know of each other."""
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(Ear(url, prefix)) for _ in range(count)]
        await until(lambda: all(ear.bus.nodes == count - 1 and ear.bus.healthy for ear in opened))
        yield opened


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what other tasks, and other programs, bring about."""
    async with asyncio.timeout(DEADLINE_S):
        while not holds():  # noqa: ASYNC110 - it is not in this program's hands
            await asyncio.sleep(0.005)


def said(nth: int, *, by: Uid = ANN, to: Uid = BEN, content: bytes = b'{"text":"hello","type":"text"}') -> list[Told]:
    """What a send has to tell: to both users, and to each of his own line."""
    session_id = pair_session_id(by, to)
    message = Message(MsgId(nth * 10_000), session_id, by, nth, nth, nth, nth, "normal", content, bytes(16), 1, 1)
    lines = [
        Contact(owner, session_id, peer, nth, nth, message.msg_id, message) for owner, peer in ((by, to), (to, by))
    ]
    return [MessageChanged(message, (by, to)), *(ContactChanged(line) for line in lines)]
