"""The reference store with hands on its commit: to hold it, and to lose its answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sixin.core import errors
from sixin.core.rows import Keys, Loaded
from sixin.server.store.base import Changes, Transaction
from sixin.server.store.memory import MemoryStore


class HeldStore(MemoryStore):
    """Commits wait while it is held; and one may be made to fail, before or after it was written."""

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()
        self.free.set()
        self.holding = asyncio.Event()
        """A commit has come and waits."""
        self.fail_before = False
        self.fail_after = False

    def hold(self) -> None:
        self.free.clear()
        self.holding.clear()

    def release(self) -> None:
        self.free.set()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with super().transaction() as transaction:
            yield _HeldTransaction(self, transaction)


class _HeldTransaction(Transaction):
    def __init__(self, store: HeldStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction

    async def load(self, keys: Keys) -> Loaded:
        return await self._transaction.load(keys)

    async def commit(self, changes: Changes) -> None:
        store = self._store
        store.holding.set()
        await store.free.wait()
        if store.fail_before:
            store.fail_before = False
            raise errors.Unavailable("lost before it was written")
        await self._transaction.commit(changes)
        if store.fail_after:
            store.fail_after = False
            raise errors.Unavailable("lost after it was written")
