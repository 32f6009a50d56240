"""Nodes for these tests: each a real store and a real writer, several on one database."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Self

import asyncpg

from sixin.core import errors
from sixin.core.commands import Command, Policy
from sixin.core.contact import Contact
from sixin.core.decide import Decision
from sixin.core.ids import SessionId, Uid
from sixin.core.message import Message
from sixin.server.store.base import Store
from sixin.server.store.postgres import PostgresStore
from sixin.server.store.writer import Writer

DEADLINE_S = 40.0
"""After this long, what a test waits for does not come. Two cores are shared by many."""


class Node:
    """One store and one writer. A context manager."""

    def __init__(self, url: str) -> None:
        self.store = PostgresStore(url)
        self.clock_ms: Callable[[], int] = now_ms
        self.writer = Writer(self.store, now_ms=lambda: self.clock_ms(), policy=Policy(), committed=lambda _: None)

    async def __aenter__(self) -> Self:
        await self.store.open()
        self._running = asyncio.create_task(self.writer.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.stop()
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(self._running, return_exceptions=self._running.cancelled())
        await self.store.close()

    async def cancel(self) -> None:
        """End the writer as a drain does that takes too long."""
        self._running.cancel()
        await asyncio.wait([self._running])

    async def do(self, command: Command) -> Decision:
        """Change something; what refuses it is raised."""
        async with asyncio.timeout(DEADLINE_S):
            return await self.writer.change(command)

    async def insist(self, command: Command) -> Decision:
        """Change something as a client does: again and again, the same, until it is answered."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                try:
                    return await self.writer.change(command)
                except errors.Unavailable:
                    await asyncio.sleep(0.02)


@asynccontextmanager
async def nodes_on(url: str, count: int) -> AsyncIterator[list[Node]]:
    """Several nodes on one database."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Node(url)) for _ in range(count)]


@asynccontextmanager
async def session_of(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A plain session, as an operator's, or as that of a node which does something odd."""
    connection = await asyncpg.connect(url, timeout=5)
    try:
        yield connection
    finally:
        connection.terminate()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def all_messages(store: Store, session_id: SessionId) -> list[Message]:
    """A session's messages as they are stored, oldest first."""
    found: list[Message] = []
    while True:
        page = await store.messages(session_id, before_sort_key=found[-1].sort_key if found else None, limit=200)
        found += page
        if len(page) < 200:
            return found[::-1]


async def all_contacts(store: Store, owner: Uid) -> list[Contact]:
    """An owner's contacts by version."""
    found: list[Contact] = []
    while True:
        page = await store.pull_contacts(owner, after_version=found[-1].version_id if found else 0, limit=200)
        found += page.contacts
        if not page.more:
            return found
