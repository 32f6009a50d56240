"""A real server node and real clients in one process, and between them a link that can do what links do."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Self

import sixin.client
from sixin.client import Client, Clock, LinkLost, LocalCopy
from sixin.client.store.base import Store
from sixin.core.contact import Contact
from sixin.core.ids import SessionId, Uid
from sixin.core.message import Message
from sixin.core.wire.views import contact_view, message_view
from sixin.server.app import Node
from sixin.server.auth import Tokens
from sixin.server.bus.local import LocalBus
from sixin.server.config import Settings
from sixin.server.gateway.handshake import UpgradeRequest
from sixin.server.gateway.listener import Accepted
from sixin.server.gateway.socket import SocketHandler
from sixin.server.store.memory import MemoryStore

BORN_MS = 1_790_000_000_000
"""When every run begins."""


@dataclass
class Faults:
    """What a link does to frames, as chances from 0 to 1; `late_s` is the longest it keeps one back."""

    chance: Random = field(default_factory=lambda: Random(0))
    lose_notice: float = 0.0
    double: float = 0.0
    late: float = 0.0
    late_s: float = 3.0
    cut: float = 0.0
    """After a frame, in either direction."""
    notices_first: bool = False
    """Whether answers wait for `late_s`: so that notices overtake them."""

    def times(self, payload: bytes, *, towards_client: bool) -> list[float]:
        """When a frame arrives: one delay for each copy, none where it is lost."""
        notice = towards_client and payload.startswith(b'{"notice"')
        if notice and self.chance.random() < self.lose_notice:
            return []
        # A hello is said once: a WebSocket does not double frames, and what is doubled above it is never a hello.
        double = self.chance.random() < self.double and b'"op":"hello"' not in payload
        copies = 2 if double else 1
        held_back = self.late_s if towards_client and self.notices_first and not notice else 0.0
        return [
            held_back + (self.chance.uniform(0, self.late_s) if self.chance.random() < self.late else 0.0)
            for _ in range(copies)
        ]


class Socket:
    """The server's end: what the gateway believes is a socket."""

    def __init__(self, channel: "Channel") -> None:
        self._channel = channel

    def write(self, payloads: Sequence[bytes]) -> None:
        for payload in payloads:
            self._channel.carry(payload, towards_client=True)

    def write_framed(self, frames: Sequence[bytes]) -> None:
        # The frames of RFC 6455 around what was said: long enough lengths of their own, and no mask towards a client.
        for frame in frames:
            length = frame[1] & 127
            self.write([frame[{126: 4, 127: 10}.get(length, 2) :]])

    def write_buffered_bytes(self) -> int:
        return 0

    def close(self, code: int, reason: str = "") -> None:
        # What was written before it still arrives.
        asyncio.get_running_loop().call_later(0.001, self._channel.cut)

    def pause_reading(self) -> None:
        """The loopback has no buffer to fill."""

    def resume_reading(self) -> None:
        """Nor to empty."""


class Channel:
    """One connection of the loopback."""

    def __init__(self, wire: "Wire", handler: SocketHandler) -> None:
        self._wire = wire
        self._handler = handler
        self._arrived: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._cut = False
        handler.opened(Socket(self))  # type: ignore[arg-type]  # it has all that a conversation uses

    def carry(self, payload: bytes, *, towards_client: bool) -> None:
        if self._cut:
            return
        faults = self._wire.faults
        for delay_s in faults.times(payload, towards_client=towards_client):
            deliver = self._to_client if towards_client else self._to_server
            asyncio.get_running_loop().call_later(delay_s, deliver, payload)
        if faults.chance.random() < faults.cut:
            self.cut()

    def _to_client(self, payload: bytes) -> None:
        if not self._cut:
            self._arrived.append(payload)
            self._wake.set()

    def _to_server(self, payload: bytes) -> None:
        if not self._cut:
            self._handler.received(payload)

    def cut(self) -> None:
        if not self._cut:
            self._cut = True
            self._wake.set()
            self._wire.channels.discard(self)
            self._handler.closed(1006, "")

    async def send(self, payload: bytes) -> None:
        if self._cut:
            raise LinkLost("cut")
        self.carry(payload, towards_client=False)

    async def receive(self) -> bytes:
        while not self._arrived:
            if self._cut:
                raise LinkLost("cut")
            self._wake.clear()
            await self._wake.wait()
        return self._arrived.popleft()

    async def close(self) -> None:
        self.cut()


class Wire:
    """A transport: connections of one client to the house, with the faults of the moment."""

    def __init__(self, house: "House", faults: Faults | None = None) -> None:
        self._house = house
        self.faults = faults or Faults()
        self.channels: set[Channel] = set()
        self.reachable = True
        self.attempts_s: list[float] = []
        """When the client has tried to connect."""

    async def connect(self) -> Channel:
        self.attempts_s.append(asyncio.get_running_loop().time())
        if not self.reachable:
            raise LinkLost("unreachable")
        decision = self._house.node.websocket.upgrade(
            UpgradeRequest(
                target="/v1/ws",
                headers={},
                remote="127.0.0.1",
                subprotocol="sixin.v1.json",
                subprotocol_offered=True,
            )
        )
        assert isinstance(decision, Accepted)
        channel = Channel(self, decision.handler)
        self.channels.add(channel)
        return channel

    async def close(self) -> None:
        self.cut()

    def cut(self) -> None:
        for channel in list(self.channels):
            channel.cut()

    def heal(self) -> None:
        """From now on nothing is lost, doubled, late or cut."""
        self.faults.lose_notice = self.faults.double = self.faults.late = self.faults.cut = 0.0
        self.faults.notices_first = False
        self.reachable = True


class TurningClock(Clock):
    """The device's clock, as far off as a test likes."""

    def __init__(self, ahead_ms: int = 0) -> None:
        self.ahead_ms = ahead_ms

    def now_ms(self) -> int:
        return BORN_MS + int(asyncio.get_running_loop().time() * 1_000) + self.ahead_ms


@dataclass
class Truth:
    """What the server holds for one user."""

    contact_version: int
    unread_total: int
    contacts: dict[SessionId, Contact]
    messages: dict[SessionId, list[Message]]
    """All that are visible to him, by sort_key."""
    versions: dict[SessionId, int]


class House:
    """One server node over the reference store. Use inside a running loop, as `async with`."""

    def __init__(self, *, settings: Settings | None = None) -> None:
        loop = asyncio.get_running_loop()
        self._tokens = Tokens("an-ordinary-secret-of-the-tests-1")
        self.node = Node(
            settings or Settings(store="memory", requests_per_s=0),
            store=MemoryStore(),
            bus=LocalBus(),
            tokens=self._tokens,
            clock_ms=lambda: BORN_MS + int(loop.time() * 1_000),
        )
        self._clients = 0

    async def __aenter__(self) -> Self:
        await self.node.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.node.drain()
        await self.node.stop()

    def token(self, uid: int, *, ttl_s: float = 10**8) -> str:
        return self._tokens.mint(Uid(uid), now_s=self.node.clock_ms() / 1_000, ttl_s=ttl_s)

    def wire(self, faults: Faults | None = None) -> Wire:
        return Wire(self, faults)

    def client(self, uid: int, wire: Wire | None = None, store: Store | None = None, *, ahead_ms: int = 0) -> Client:
        self._clients += 1
        return sixin.client.connect(
            wire or self.wire(),
            self.token(uid),
            store=store,
            clock=TurningClock(ahead_ms),
            chance=Random(self._clients),
        )

    @asynccontextmanager
    async def device(self, uid: int, wire: Wire | None = None, store: Store | None = None) -> AsyncIterator[Client]:
        async with self.client(uid, wire, store) as me:
            await me.connected()
            yield me

    async def truth(self, uid: int) -> Truth:
        store = self.node.store
        contacts = (await store.pull_contacts(Uid(uid), after_version=0, limit=100_000)).contacts
        head = await store.user(Uid(uid))
        messages: dict[SessionId, list[Message]] = {}
        versions: dict[SessionId, int] = {}
        for contact in contacts:
            session_id = contact.session_id
            page = await store.pull_old(Uid(uid), session_id, before_sort_key=None, limit=100_000)
            messages[session_id], versions[session_id] = page.messages, page.version_id
        return Truth(
            contact_version=head.version_id,
            unread_total=head.unread_total,
            contacts={contact.session_id: contact for contact in contacts},
            messages=messages,
            versions=versions,
        )


def assert_equal(copy: LocalCopy, truth: Truth) -> None:
    """A copy that is in step: the contacts, the counts, and every message of every range; nothing beside them."""
    assert copy.contact_version == truth.contact_version
    assert {key: contact_view(one) for key, one in copy.contacts.items()} == {
        key: contact_view(one) for key, one in truth.contacts.items()
    }
    assert copy.unread_total == truth.unread_total
    for session_id, ranges in copy.ranges.items():
        held = [message_view(one) for one in copy.messages[session_id]]
        there = [
            message_view(one)
            for one in truth.messages.get(session_id, [])
            if any(low <= one.sort_key <= high for low, high, _ in ranges)
        ]
        assert held == there, session_id
        # In step up to the end: the newest message can only be missing where nothing of the session is held.
        assert ranges[-1][1] == truth.versions.get(session_id, 0), session_id
        assert all(version == truth.versions.get(session_id, 0) for _, _, version in ranges), session_id
