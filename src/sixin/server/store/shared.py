"""Batches on a store that other nodes write too: on what is remembered, or under locks.

While what this node remembers holds, a batch is decided on it and written in one round trip, and the store compares the
heads. Where it did not hold, another node had written the same: then the batch is begun again under locks, and after
several such times in a row more and more batches are, because remembering does not pay while nodes write the same.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

from sixin.core import errors
from sixin.core.limits import DISTRUST_BATCHES_MAX, STORE_ATTEMPTS_MAX
from sixin.core.rows import Changes, Keys, Rows
from sixin.server.store.base import Collided, Heads, SharedStore
from sixin.server.store.remembered import Remembered

log = logging.getLogger(__name__)

T = TypeVar("T")

DecideAll = Callable[[Rows], tuple[T, Changes]]
"""Decides a batch over its rows, and leaves them as they will be."""


class SharedBatches:
    """How one writer commits where others write as well."""

    def __init__(self, store: SharedStore) -> None:
        self._store = store
        self._remembered = Remembered()
        self._penalty = 0
        self._locked_left = 0
        self.collisions = 0
        """Attempts that came to nothing because of other nodes."""

    async def commit(self, keys: Keys, decide_all: DecideAll[T]) -> T:
        """Load, decide and commit, from the beginning again where another node was in the way.

        Raises `Held` where somebody does not let go of a row, and `Unavailable`; then it is not known whether the batch
        was written, unless others were always in the way.
        """
        for _ in range(STORE_ATTEMPTS_MAX):
            try:
                if self._locked_left:
                    self._locked_left -= 1
                    return await self._commit_locked(keys, decide_all)
                outcome = await self._commit_remembered(keys, decide_all)
            except Collided as collided:
                self._distrust(keys)
                log.debug("batch_collided", extra={"reason": str(collided)})
            except BaseException:
                self._remembered.forget(keys)
                raise
            else:
                self._penalty = 0
                return outcome
        raise errors.Unavailable("Others are writing the same; try again in a moment.")

    async def held(self, keys: Keys) -> tuple[Keys, Keys]:
        """What the store's `held` says."""
        return await self._store.held(keys)

    def _distrust(self, keys: Keys) -> None:
        self.collisions += 1
        self._remembered.forget(keys)
        self._penalty = min(DISTRUST_BATCHES_MAX, max(1, 2 * self._penalty))
        self._locked_left = self._penalty

    async def _commit_remembered(self, keys: Keys, decide_all: DecideAll[T]) -> T:
        rows, missing = self._remembered.recall(keys)
        if missing:
            rows.add(missing, await self._store.peek(missing))
        decided_on = _heads_of(rows, keys)
        outcome, changes = decide_all(rows)
        if changes.profiles:
            # No head would show that another node has written one in between, and a revoked token must stay revoked.
            return await self._commit_locked(keys, decide_all)
        # Also where nothing is to be written: a refusal must not rest on what is not so any more.
        await self._store.commit_if(decided_on, changes)
        self._remembered.learn(keys, decided_on, rows, unsure=missing.replaced)
        return outcome

    async def _commit_locked(self, keys: Keys, decide_all: DecideAll[T]) -> T:
        async with self._store.transaction() as transaction:
            rows = Rows()
            rows.add(keys, await transaction.load(keys))
            decided_on = _heads_of(rows, keys)
            outcome, changes = decide_all(rows)
            if changes:
                await transaction.commit(changes)
        self._remembered.learn(keys, decided_on, rows, unsure=keys.replaced)
        return outcome


def _heads_of(rows: Rows, keys: Keys) -> Heads:
    return Heads(
        slots=[rows.slots[slot] for slot in keys.slots],
        sessions=[rows.sessions[session_id] for session_id in keys.sessions],
        users=[rows.users[uid] for uid in keys.users],
    )
