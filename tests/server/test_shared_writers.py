"""A batch that another node was in the way of is begun again, from what is stored then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sixin.core import errors
from sixin.core.commands import Policy
from sixin.core.limits import STORE_ATTEMPTS_MAX
from sixin.core.rows import Changes
from sixin.server.store.base import Collided, Transaction
from sixin.server.store.memory import MemoryStore
from sixin.server.store.writer import Writer
from tests.conformance.scene import ANN, ANN_BEN, BEN, START_MS, send_of


class SharedStore(MemoryStore):
    """Memory that another node writes too: it comes first whenever it wants to."""

    owned = False

    def __init__(self, collisions: int) -> None:
        super().__init__()
        self.collisions = collisions
        self.begun = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        self.begun += 1
        async with super().transaction() as transaction:
            yield transaction

    def write(self, changes: Changes) -> None:
        if self.collisions:
            self.collisions -= 1
            raise Collided("deadlock detected")
        super().write(changes)


@asynccontextmanager
async def writing(store: MemoryStore) -> AsyncIterator[Writer]:
    writer = Writer(store, now_ms=lambda: START_MS, policy=Policy(), committed=lambda _: None)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        yield writer
        writer.stop()


async def test_a_batch_that_collided_is_written_by_a_later_attempt() -> None:
    store = SharedStore(collisions=STORE_ATTEMPTS_MAX - 1)
    async with writing(store) as writer:
        answers = await asyncio.gather(*(writer.change(send_of(ANN, BEN, nth, f"number {nth}")) for nth in range(1, 4)))

    assert store.begun == STORE_ATTEMPTS_MAX
    stored = await store.messages(ANN_BEN, before_sort_key=None, limit=10)
    assert stored[::-1] == [decision.answer for decision in answers]


async def test_a_batch_that_keeps_colliding_is_refused_and_the_next_one_is_written() -> None:
    store = SharedStore(collisions=STORE_ATTEMPTS_MAX)
    async with writing(store) as writer:
        with pytest.raises(errors.Unavailable):
            await writer.change(send_of(ANN, BEN, 1, "in vain"))
        assert await store.messages(ANN_BEN, before_sort_key=None, limit=10) == []

        await writer.change(send_of(ANN, BEN, 1, "at last"))
        assert len(await store.messages(ANN_BEN, before_sort_key=None, limit=10)) == 1
