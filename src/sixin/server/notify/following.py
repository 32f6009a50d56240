"""Following the other nodes where the bus cannot be relied on: what a node on a shared database asks it by itself.

Three loops, each bounded: tokens revoked elsewhere, how far the timelines of the users here have come when notices may
have been lost, and whether the database answers at all.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sixin.core import errors
from sixin.core.ids import Uid
from sixin.core.limits import (
    CATCH_UP_EVERY_S,
    REVOCATIONS_POLL_S,
    STORE_PROBE_EVERY_S,
    STORE_PROBE_TIMEOUT_S,
    STORE_TIMEOUT_S,
)
from sixin.server.bus.base import Bus
from sixin.server.notify.hub import Hub
from sixin.server.store.base import Store

log = logging.getLogger(__name__)

PROBED = Uid(1)
"""Whose head is read to see whether the database answers; he need not exist."""


class Following:
    """One node's. `run` owns every loop."""

    def __init__(self, store: Store, bus: Bus, hub: Hub) -> None:
        self._store = store
        self._bus = bus
        self._hub = hub
        self._missed = asyncio.Event()
        self.store_refuses: str | None = None
        """Why the database did not answer when it was last asked; None when it did."""
        self.catch_ups = 0
        """Rounds in which every user here was told how far he is."""

    def missed(self) -> None:
        """Something was not told that should have been: whoever is connected here may have to pull."""
        self._missed.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(_again(self._catch_up, "catch_up_failed"))
            loops.create_task(_again(self._follow_revocations, "revocations_not_read"))
            loops.create_task(_again(self._probe, "store_not_probed"))

    async def learn_revocations(self) -> None:
        """Every token that was ever revoked. Raises `Unavailable`."""
        for uid, tokens_from_s in await self._store.revocations():
            self._hub.revoked(uid, tokens_from_s)

    async def _follow_revocations(self) -> None:
        """What other nodes revoked comes by the bus; a lost notice is made up for here, within the bound."""
        await asyncio.sleep(REVOCATIONS_POLL_S)
        async with asyncio.timeout(STORE_TIMEOUT_S):
            await self.learn_revocations()

    async def _catch_up(self) -> None:
        """A device that hears of a version above its own pulls. One user after the other: this takes the time it
        takes, and of the database never more than one connection."""
        try:
            async with asyncio.timeout(CATCH_UP_EVERY_S):
                await self._missed.wait()
        except TimeoutError:
            if self._bus.healthy:
                return
        self._missed.clear()
        try:
            for uid in self._hub.connected_here():
                head = await self._store.user(uid)
                self._hub.reached(head)
        except errors.Unavailable:
            self._missed.set()  # nobody was told: again, when it is back
            await asyncio.sleep(STORE_PROBE_EVERY_S)
            raise
        self.catch_ups += 1

    async def _probe(self) -> None:
        await asyncio.sleep(STORE_PROBE_EVERY_S)
        before = self.store_refuses
        try:
            async with asyncio.timeout(STORE_PROBE_TIMEOUT_S):
                await self._store.user(PROBED)
            self.store_refuses = None
        except TimeoutError:
            self.store_refuses = "the database does not answer"
        except errors.Unavailable:
            self.store_refuses = "the database cannot be reached"
        if self.store_refuses != before:
            log.warning("store_health", extra={"refuses": self.store_refuses})


async def _again(step: Callable[[], Awaitable[None]], failure: str) -> None:
    """For ever. What the store refuses now it may answer the next time."""
    while True:
        try:
            await step()
        except (errors.SixinError, TimeoutError) as error:
            log.warning(failure, extra={"reason": str(error) or type(error).__name__})
            await asyncio.sleep(STORE_PROBE_EVERY_S)
