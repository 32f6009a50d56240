"""A witness: writes down what everybody in a test says and hears, and holds it against the contract at the end."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from typing import Final

import jwt
import msgspec
from msgspec import Struct

from sixin.client.client import Client, Says, Where
from sixin.client.clock import Clock
from sixin.client.history import Page
from sixin.client.identity import uid_of_token
from sixin.client.model import Entry
from sixin.client.pending import Pending
from sixin.client.store.memory import MemoryStore
from sixin.client.store.sqlite import SqliteStore
from sixin.client.transport import Channel, LinkLost, Transport
from sixin.core.limits import PAGE_MESSAGES_DEFAULT
from sixin.core.message import Message
from sixin.core.wire.bodies import ErrorView
from sixin.server.store.base import Store
from sixin.server.store.sqlite import SqliteStore as SqliteServerStore
from sixin.trial.copies import device_copy
from sixin.trial.proxy import Address, Proxy
from sixin.trial.recorder import Asked, Recorder
from sixin.trial.tap import Login, Tap
from sixin.trial.weather import Weather
from sixin.verify.checker import check
from sixin.verify.contract import Verdict
from sixin.verify.history import Call, DeviceCopy, End, History
from tests.ends import stored_of

HTTP: Final = "http"
"""The device of whoever asks through that door."""


class _Refusal(Struct):
    error: ErrorView


def _is_moderators(token: str) -> bool:
    """As it says itself."""
    return uid_of_token(token) > 0 and jwt.decode(token, options={"verify_signature": False}).get("role") == "admin"


class Witness:
    """The history of one test, through all the servers that it opens one after the other."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.copies: list[DeviceCopy] = []
        self._stored: list[End] = []
        self._said: set[tuple[str, str, bytes]] = set()

    def of(self, token: str) -> Login | None:
        """Whose token this is, as it says itself: scenarios forge none."""
        uid = uid_of_token(token)
        return Login(uid, "", "", _is_moderators(token)) if uid else None

    def tap(self) -> Tap:
        """For one connection."""
        return Tap(self.recorder, self)

    def transport(self, inner: Transport) -> Transport:
        """A way to a server, with a tap on each of its connections."""
        return _Tapped(inner, self)

    @contextlib.asynccontextmanager
    async def relay(self, url: str) -> AsyncIterator[str]:
        """An address that leads to a server and has taps on its connections: for other processes."""
        calm = Weather()
        calm.clear()
        async with Proxy(Address.of(url), Random(0), calm, self.recorder, self) as proxy:
            yield proxy.url

    def posts(self, token: str, op: str, body: bytes) -> Asked:
        """Somebody asks through the HTTP door."""
        moderator = _is_moderators(token)
        return self.recorder.asked(uid_of_token(token), HTTP, op, body, "", moderator=moderator)

    def posted(self, asked: Asked, status: int, said: bytes) -> None:
        """And is answered."""
        if status == 200:
            self.recorder.answered(asked, said)
        else:
            self.recorder.refused(asked, msgspec.json.decode(said, type=_Refusal).error)

    def queued(self, uid: int, device: str, entry: Entry) -> None:
        """A device keeps what its user said. The same words once more cannot be told from the first, and are left
        out."""
        key = (device, entry.session_id, entry.body)
        if key not in self._said:
            self._said.add(key)
            self.recorder.queued(uid, device, entry.session_id, entry.body)

    def copied(self, copy: DeviceCopy) -> None:
        """What a device holds when all is over."""
        self.copies.append(copy)

    async def looks_into(self, store: Store) -> None:
        """What a server holds when all is over, or until the next one opens the same store."""
        events = self.recorder.history.events
        self._stored = await stored_of(store, {int(event.uid) for event in events if isinstance(event, Call)} - {0})

    async def looks_into_file(self, folder: Path) -> None:
        """What a server has left in its folder."""
        store = SqliteServerStore(folder)
        await store.open()
        try:
            await self.looks_into(store)
        finally:
            await store.close()

    def history(self) -> History:
        """All of it."""
        return History(self.recorder.history.events, [*self._stored, *self.copies])

    def verdict(self) -> Verdict:
        """What the contract says of it."""
        return check(self.history())


@contextlib.contextmanager
def witnessed() -> Iterator[Witness]:
    """Judge what happens inside. Raises `AssertionError` that names each sentence that was broken."""
    witness = Witness()
    yield witness
    history = witness.history()
    assert history.events, "nothing was witnessed: open the house with this witness"
    assert history.ends, "nobody looked into the store at the end"
    verdict = witness.verdict()
    assert verdict.kept, f"the contract was broken:\n{verdict}"


class _Tapped:
    def __init__(self, inner: Transport, witness: Witness) -> None:
        self._inner = inner
        self._witness = witness

    async def connect(self) -> Channel:
        return _TappedChannel(await self._inner.connect(), self._witness.tap())

    async def close(self) -> None:
        await self._inner.close()


class _TappedChannel:
    def __init__(self, inner: Channel, tap: Tap) -> None:
        self._inner = inner
        self._tap = tap

    async def send(self, payload: bytes) -> None:
        self._tap.sent(payload)
        await self._inner.send(payload)

    async def receive(self) -> bytes:
        try:
            frame = await self._inner.receive()
        except LinkLost:
            self._tap.closed()
            raise
        self._tap.arrived(frame)
        return frame

    async def close(self) -> None:
        self._tap.closed()
        await self._inner.close()


class WitnessedClient(Client):
    """The SDK, with somebody who looks at what it keeps and shows."""

    def __init__(
        self, witness: Witness, device: str, transport: Transport, token: str, *, file: Path | None, chance: Random
    ) -> None:
        super().__init__(
            witness.transport(transport),
            token,
            store=MemoryStore() if file is None else SqliteStore(file),
            device_id=device,
            clock=Clock(),
            chance=chance,
        )
        self._witness = witness
        self._device = device

    async def send(self, to: Where, says: Says, *, reply_to: int | None = None) -> Pending[Message]:
        """Say something."""
        pending = await super().send(to, says, reply_to=reply_to)
        self._witness.queued(self.uid, self._device, pending.entry)
        return pending

    async def history(self, to: Where, *, before: int | None = None, limit: int = PAGE_MESSAGES_DEFAULT) -> Page:
        """A page of a session."""
        page = await super().history(to, before=before, limit=limit)
        self._witness.recorder.shown(self.uid, self._device, self.session_of(to), page)
        return page

    def looked_at(self) -> None:
        """What it holds when all is over."""
        self._witness.copied(device_copy(self.local_copy(), self.outbox(), self._device))
