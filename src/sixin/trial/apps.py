"""Devices that run the SDK: they sleep, are started anew, and have to hold what the server holds when all is over."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any

from sixin.client.client import Client
from sixin.client.clock import Clock
from sixin.client.errors import Closed, Offline, OutboxFull
from sixin.client.history import Page
from sixin.client.store.sqlite import SqliteStore
from sixin.client.sync import Sizes
from sixin.client.transport import LinkLost, WebSocketTransport
from sixin.core.errors import SixinError
from sixin.trial.copies import device_copy
from sixin.trial.people import Person
from sixin.trial.recorder import Recorder
from sixin.trial.users import Users
from sixin.verify.history import DeviceCopy

ACT_S = 3.0
"""How long somebody looks at one thing before he does the next."""

SETTLE_S = 60.0
"""A device that is not equal to the server after a minute of good weather is not going to be."""


class App:
    """One device of a person that runs the SDK, with a file of its own."""

    def __init__(
        self, chance: Random, person: Person, name: str, url: str, users: Users, recorder: Recorder, folder: Path
    ) -> None:
        page = chance.choice([2, 5, 50])
        self.person = person
        self.name = name
        self._chance = chance
        self._url = url
        self._users = users
        self._recorder = recorder
        self._file = folder / f"{name}.db"
        # Small pages, so that a run of a minute meets what others meet after a month.
        self._sizes = Sizes(far_behind=4 * page, newest=page, changes=page, contacts=page)
        self._client: Client | None = None

    async def start(self) -> None:
        """Open the app."""
        client = Client(
            WebSocketTransport(self._url),
            lambda: self._users.token(self.person.uid, self.name),
            store=SqliteStore(self._file),
            device_id=self.name,
            clock=Clock(),
            chance=Random(self._chance.getrandbits(32)),
            sizes=self._sizes,
        )
        self._client = await client.__aenter__()

    async def close(self) -> None:
        """Close it."""
        client, self._client = self._client, None
        if client is not None:
            await client.__aexit__(None, None, None)

    async def restart(self) -> None:
        """Close it, whatever is under way, and open it again on the same file."""
        await self.close()
        self._recorder.mark("device_crashed", self.name, "started anew")
        await self.start()

    async def sleep(self, seconds: float) -> None:
        """Be offline for a while."""
        client = self._opened
        self._recorder.mark("device_slept", self.name)
        await client.go_offline()
        await asyncio.sleep(seconds)
        client.go_online()
        self._recorder.mark("device_woke", self.name)

    async def use(self, act: Callable[[Client], Coroutine[Any, Any, Any]]) -> None:
        """Do something with the app, as a person would: what it refuses, it refuses."""
        with contextlib.suppress(SixinError, Offline, OutboxFull, Closed, LinkLost, TimeoutError):
            async with asyncio.timeout(ACT_S):
                await act(self._opened)

    def queued(self, session_id: str, content: bytes) -> None:
        """The app said that it keeps a message until it is delivered."""
        self._recorder.queued(self.person.uid, self.name, session_id, content)

    def shows(self, session_id: str, page: Page) -> None:
        """The app shows a page of history."""
        self._recorder.shown(self.person.uid, self.name, session_id, page)

    async def settle(self) -> bool:
        """Be online in good weather until nothing is new; False where that never comes."""
        client = self._opened
        client.go_online()
        try:
            async with asyncio.timeout(SETTLE_S):
                await client.synced()
        except (TimeoutError, SixinError):
            return False
        return True

    def copy(self) -> DeviceCopy:
        """What it holds."""
        return device_copy(self._opened.local_copy(), self._opened.outbox(), self.name)

    @property
    def _opened(self) -> Client:
        if self._client is None:
            raise Closed("The app is not open.")
        return self._client
