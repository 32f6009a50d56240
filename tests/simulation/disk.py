"""A disk under a store: what was written is not yet what survives.

    commit = write ── fsync ── return        a crash may come at every arrow, and an fsync may fail

One transaction is all or nothing, as with a write-ahead log. Until its fsync has returned, a crash decides whether it
is there; a failed fsync leaves its owner in the dark, and the disk knows.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from sixin.core import errors
from sixin.core.contact import Contact, UserHead
from sixin.core.ids import SessionId, Uid
from sixin.core.message import Message
from sixin.core.rows import Keys, Loaded
from sixin.core.session import Session
from sixin.core.timeline import ContactPage, HiddenPage, MessagePage, TailRead
from sixin.server.store.base import (
    Changes,
    Collided,
    FollowedStore,
    Heads,
    SharedStore,
    Store,
    StoreRefused,
    Transaction,
)
from sixin.server.store.memory import MemoryStore
from tests.server.shared_memory import hold_in
from tests.simulation.loop import PROCESS, Process, sleep_at_most
from tests.simulation.rows import SqliteRows


@dataclass
class DiskFaults:
    """How bad a disk is: chances per call, and seconds."""

    slow_s: float = 0.01
    stall: float = 0.0
    """Chance of a wait longer than the store's time limit."""
    fails_before: float = 0.0
    fails_in_doubt: float = 0.0
    collides: float = 0.0
    """Where several nodes write: the batch has to be tried again."""
    read_fails: float = 0.0


class Disk:
    """The rows that survive, and the locks on them."""

    def __init__(self, chance: Random, faults: DiskFaults, rows: MemoryStore) -> None:
        self.chance = chance
        self.faults = faults
        self.rows = rows
        self.lock = Lock()
        self.owner: Process | None = None
        self.failed_syncs = 0
        self._refusing: list[float] = []

    def write(self, changes: Changes) -> None:
        """Make it durable and visible."""
        self.rows.write(changes)

    def reopen(self) -> None:
        """Another process takes it: whatever the one before remembered beside the rows is gone."""
        if isinstance(self.rows, SqliteRows):
            self.rows.reopen()

    async def refuse_for(self, seconds: float, share: float) -> None:
        """Refuse a share of what is asked for a while: all of it, as a database does that is being moved, or some."""
        self._refusing.append(share)
        await asyncio.sleep(seconds)
        self._refusing.remove(share)

    def maybe(self, probability: float) -> bool:
        """Whether a fault happens now."""
        return self.chance.random() < probability

    def fails(self, probability: float) -> bool:
        """Whether it does not do what it is asked now."""
        return self.maybe(probability) or any(self.maybe(share) for share in self._refusing)


class SimulatedStore(Store):
    """One node's store on a disk that it has for itself."""

    def __init__(self, disk: Disk, slow_s: Callable[[], float] = lambda: 0.0) -> None:
        """`slow_s`: how long each step takes at most beside the disk's own time: the way to it may be this node's
        alone."""
        self._disk = disk
        self._open = False
        self._slow_s = slow_s

    async def open(self) -> None:
        """Take the disk. Raises `StoreRefused` where another living process has it for itself."""
        await sleep_at_most(self._disk.chance, self._disk.faults.slow_s)
        owner = self._disk.owner
        if self.owned and owner is not None and owner.alive and owner is not PROCESS.get():
            raise StoreRefused("Another process has this file.")
        self._disk.owner = PROCESS.get() if self.owned else None
        self._disk.reopen()
        self._open = True

    async def close(self) -> None:
        """Let go of it."""
        self._open = False
        if self._disk.owner is PROCESS.get():
            self._disk.owner = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One transaction, alone on the disk."""
        me = PROCESS.get()
        await self._disk.lock.take(me)
        try:
            await self._wait(self._disk.faults.fails_before / 3)
            yield SimulatedTransaction(self._disk, me, shared=not self.owned, slowed=self._slowed)
        finally:
            self._disk.lock.free(me)

    async def _wait(self, fails: float) -> None:
        disk = self._disk
        if not self._open:
            raise errors.Unavailable("The store is closed.")
        await sleep_at_most(disk.chance, disk.faults.slow_s)
        await self._slowed()
        if disk.maybe(disk.faults.stall):
            await asyncio.sleep(45)
        if disk.fails(fails):
            raise errors.Unavailable("The disk does not answer.")

    async def _slowed(self) -> None:
        slow_s = self._slow_s()
        if slow_s:
            await asyncio.sleep(self._disk.chance.random() * slow_s)

    async def _read(self) -> MemoryStore:
        """Reads see what is durable, at some moment between the question and the answer."""
        await self._wait(self._disk.faults.read_fails)
        return self._disk.rows

    async def contact(self, owner: Uid, session_id: SessionId) -> Contact | None:
        """One contact."""
        found = await (await self._read()).contact(owner, session_id)
        await self._late()
        return found

    async def user(self, uid: Uid) -> UserHead:
        """A user's head."""
        found = await (await self._read()).user(uid)
        await self._late()
        return found

    async def revocations(self) -> list[tuple[Uid, int]]:
        """Whose tokens were revoked."""
        return await (await self._read()).revocations()

    async def session(self, session_id: SessionId) -> Session:
        """A session's head."""
        return await (await self._read()).session(session_id)

    async def pull_new(
        self, owner: Uid, session_id: SessionId, *, after_version: int, born_up_to: int | None, limit: int
    ) -> MessagePage:
        """Visible messages by version."""
        rows = await self._read()
        page = await rows.pull_new(owner, session_id, after_version=after_version, born_up_to=born_up_to, limit=limit)
        await self._late()
        return page

    async def pull_old(
        self, owner: Uid, session_id: SessionId, *, before_sort_key: int | None, limit: int
    ) -> MessagePage:
        """Visible messages by sort_key."""
        rows = await self._read()
        page = await rows.pull_old(owner, session_id, before_sort_key=before_sort_key, limit=limit)
        await self._late()
        return page

    async def pull_contacts(self, owner: Uid, *, after_version: int, limit: int) -> ContactPage:
        """Contacts by version."""
        page = await (await self._read()).pull_contacts(owner, after_version=after_version, limit=limit)
        await self._late()
        return page

    async def pull_hidden(self, owner: Uid, session_id: SessionId, *, after_version: int, limit: int) -> HiddenPage:
        """Hidden messages by version."""
        rows = await self._read()
        page = await rows.pull_hidden(owner, session_id, after_version=after_version, limit=limit)
        await self._late()
        return page

    async def read_tails(self, session_ids: Sequence[SessionId], *, versions_max: int) -> list[TailRead]:
        """The ends of timelines."""
        found = await (await self._read()).read_tails(session_ids, versions_max=versions_max)
        await self._late()
        return found

    async def messages(self, session_id: SessionId, *, before_sort_key: int | None, limit: int) -> list[Message]:
        """Messages as they are stored."""
        return await (await self._read()).messages(session_id, before_sort_key=before_sort_key, limit=limit)

    async def _late(self) -> None:
        await sleep_at_most(self._disk.chance, self._disk.faults.slow_s / 2)
        await self._slowed()


class SimulatedOwnStore(SimulatedStore, FollowedStore):
    """One node's store on a disk that it has for itself, which takes a batch while it writes the one before."""

    def __init__(self, disk: Disk, slow_s: Callable[[], float] = lambda: 0.0) -> None:
        super().__init__(disk, slow_s)
        self._newest: SimulatedTransaction | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One transaction, which may be followed; behind everything that was handed over before."""
        if self._newest is not None:
            await self._newest.ended.wait()
        async with super().transaction() as transaction:
            assert isinstance(transaction, SimulatedTransaction)
            self._newest = transaction
            try:
                yield transaction
            finally:
                transaction.ended.set()

    def follow(self, changes: Changes) -> asyncio.Future[Any]:
        """Begun when the one before has been synced, which is before anybody here knows of that.

        It goes on whatever becomes of who waits: it was handed over.
        """
        before, self._newest = self._newest, self._alone()
        assert before is not None
        return asyncio.shield(self._commit_after(before, self._newest, changes))

    def _alone(self) -> "SimulatedTransaction":
        return SimulatedTransaction(self._disk, PROCESS.get(), shared=False, slowed=self._slowed)

    async def _commit_after(
        self, before: "SimulatedTransaction", following: "SimulatedTransaction", changes: Changes
    ) -> None:
        try:
            if not await before.is_synced():
                raise errors.Unavailable("What came before it was not written.")
            await following.commit(changes)
        finally:
            following.ended.set()


class SimulatedSharedStore(SimulatedStore, SharedStore):
    """One node's store on a disk that others write too."""

    owned = False

    async def peek(self, keys: Keys) -> Loaded:
        """The rows as they are at some moment."""
        await self._wait(self._disk.faults.read_fails)
        reading = SimulatedTransaction(self._disk, PROCESS.get(), shared=True, slowed=self._slowed)
        loaded = await reading.load(keys)
        await self._late()
        return loaded

    async def commit_if(self, relied_on: Heads, changes: Changes) -> None:
        """One transaction, as another one would see it."""
        async with self.transaction() as transaction:
            if not self._still_so(relied_on):
                raise Collided("A head has changed.")
            if changes:
                await transaction.commit(changes)

    def _still_so(self, relied_on: Heads) -> bool:
        return hold_in(self._disk.rows, relied_on)


class Lock:
    """One transaction at a time. A process that dies leaves the lock, and its place in the queue, to the others."""

    def __init__(self) -> None:
        self._held = False
        self._waiting: deque[tuple[Process | None, asyncio.Future[None]]] = deque()

    async def take(self, process: Process | None) -> None:
        """Wait for it."""
        if not self._held:
            self._give(process)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((process, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.free(process)
            raise

    def free(self, process: Process | None) -> None:
        """Give it to the next."""
        if process is not None:
            process.deaths.remove(self._pass_on)
        self._pass_on()

    def _give(self, process: Process | None) -> None:
        self._held = True
        if process is not None:
            process.deaths.append(self._pass_on)

    def _pass_on(self) -> None:
        self._held = False
        while self._waiting:
            process, turn = self._waiting.popleft()
            if not turn.done() and (process is None or process.alive):
                self._give(process)
                turn.set_result(None)
                return


class SimulatedTransaction(Transaction):
    """One batch on its way to the disk."""

    def __init__(
        self, disk: Disk, process: Process | None, *, shared: bool, slowed: Callable[[], Awaitable[None]]
    ) -> None:
        self._disk = disk
        self._process = process
        self._shared = shared
        self._slowed = slowed
        self._synced = False
        self.ended = asyncio.Event()
        """It is synced, or never will be."""

    async def is_synced(self) -> bool:
        """Wait until that is known."""
        await self.ended.wait()
        return self._synced

    async def load(self, keys: Keys) -> Loaded:
        """The rows that exist."""
        await sleep_at_most(self._disk.chance, self._disk.faults.slow_s)
        await self._slowed()
        if self._disk.fails(self._disk.faults.read_fails):
            raise errors.Unavailable("The disk does not answer.")
        return self._disk.rows.load(keys)

    async def commit(self, changes: Changes) -> None:
        """Write, then sync."""
        try:
            await self._commit(changes)
        finally:
            self.ended.set()

    async def _commit(self, changes: Changes) -> None:
        disk = self._disk
        if disk.fails(disk.faults.fails_before):
            raise errors.Unavailable("The disk is full.")
        if self._shared and disk.maybe(disk.faults.collides):
            raise Collided
        written = Written(disk, changes)
        process = self._process
        try:
            if process is not None:
                process.deaths.insert(0, written.settle)  # before the lock is freed
            await sleep_at_most(disk.chance, disk.faults.slow_s)
            await self._slowed()
            if disk.maybe(disk.faults.stall):
                await asyncio.sleep(45)
            if disk.maybe(disk.faults.fails_in_doubt):
                disk.failed_syncs += 1
                raise errors.Unavailable("The sync failed.")
            written.synced()
            self._synced = True
            self.ended.set()
        finally:
            written.settle()
            if process is not None:
                process.deaths.remove(written.settle)
        await sleep_at_most(disk.chance, disk.faults.slow_s)


class Written:
    """A transaction that was written and is not known to be synced."""

    def __init__(self, disk: Disk, changes: Changes) -> None:
        self._disk = disk
        self._changes: Changes | None = changes

    def synced(self) -> None:
        """It survives everything from now on."""
        if self._changes is not None:
            self._disk.write(self._changes)
            self._changes = None

    def settle(self) -> None:
        """It ended without a sync that returned: or its process died before: it is there or not, and
        stays so."""
        if self._changes is None:
            return
        if self._disk.chance.random() < 0.5:
            self.synced()
        self._changes = None
        self._disk.reopen()  # whoever does not know what he wrote starts anew from what is there
