"""Memory that several writers share, as nodes share a database: with locks, and with turns in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sixin.core.rows import Changes, Keys, Loaded
from sixin.server.store.base import Collided, Heads, SharedStore, Transaction
from sixin.server.store.memory import MemoryStore


class SharedMemoryStore(MemoryStore, SharedStore):
    """The reference of a shared store. `refusals`: how many writes end in a collision whatever they are."""

    owned = False

    def __init__(self, refusals: int = 0) -> None:
        super().__init__()
        self.refusals = refusals
        self.begun = 0
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        self.begun += 1
        async with self._lock, super().transaction() as transaction:
            await asyncio.sleep(0)
            yield transaction

    async def peek(self, keys: Keys) -> Loaded:
        loaded = self.load(keys)
        await asyncio.sleep(0)
        return loaded

    async def commit_if(self, relied_on: Heads, changes: Changes) -> None:
        self.begun += 1
        async with self._lock:
            await asyncio.sleep(0)
            if not hold_in(self, relied_on):
                raise Collided("a head has changed")
            self.write(changes)

    def write(self, changes: Changes) -> None:
        if changes and self.refusals:
            self.refusals -= 1
            raise Collided("somebody else was in the way")
        super().write(changes)


def hold_in(store: MemoryStore, relied_on: Heads) -> bool:
    """Whether heads are still what they were. One that is at 0 is the same as one that is not there."""
    held = store.load(
        Keys(
            slots={head.slot for head in relied_on.slots},
            sessions={head.session_id for head in relied_on.sessions},
            users={head.uid for head in relied_on.users},
        )
    )
    return (
        set(held.slots) == {head for head in relied_on.slots if head.last_tick}
        and set(held.sessions) == {head for head in relied_on.sessions if head.version_id}
        and set(held.users) == {head for head in relied_on.users if head.version_id}
    )
