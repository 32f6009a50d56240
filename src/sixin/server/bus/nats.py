"""NATS as a bus: one message per batch and node where somebody it concerns is connected.

Who is where is followed in `routes.py`, the link is kept by `nats_link.py`. NATS promises nothing, and nothing is asked
of it: messages to a node are numbered, and a node that finds one missing says so, so that what it holds in memory is
dropped and its devices pull. docs/cluster.md
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final, assert_never

import msgspec
from msgspec import Raw, Struct

from sixin.core.ids import Uid
from sixin.core.limits import (
    BUS_CLOSE_TIMEOUT_S,
    BUS_HEARTBEAT_S,
    BUS_MESSAGE_BYTES_MAX,
    BUS_PENDING_BYTES_MAX,
)
from sixin.core.notices import ContactChanged, MessageChanged, TokensRevoked
from sixin.server.bus.base import Bus, Receive, Told, Typing
from sixin.server.bus.nats_link import Link, Outgoing
from sixin.server.bus.routes import Asked, Count, Gone, Here, Moved, Routes, Users, Word

log = logging.getLogger(__name__)


class Batch(Struct, frozen=True, tag="batch"):
    """What a node committed, as far as it concerns users of another, to that one: its n-th such message."""

    node: str
    number: int
    told: list[Told]


class _EncodedBatch(Struct, frozen=True, tag="batch"):
    """The same on its way out: what goes to several nodes is encoded once."""

    node: str
    number: int
    told: list[Raw]


_encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(Batch | Word)


class _Waiting:
    """What waits to be sent to one node."""

    __slots__ = ("dropped", "size", "told")

    def __init__(self) -> None:
        self.told: list[Raw] = []
        self.size = 0
        self.dropped = False
        """Whether more should be here."""

    def parts(self) -> Iterator[list[Raw]]:
        """One message, or as many as NATS takes it in."""
        part: list[Raw] = []
        size = 0
        for encoded in self.told:
            if part and size + len(encoded) > BUS_MESSAGE_BYTES_MAX:
                yield part
                part, size = [], 0
            part.append(encoded)
            size += len(encoded)
        if part:
            yield part


class NatsBus(Bus):
    """Nodes that know each other through NATS."""

    def __init__(self, url: str, *, prefix: str = "sixin") -> None:
        """`url`: `nats://user:password@host:4222` or `nats://token@host`, `tls://` to insist on TLS, several separated
        by commas; `?ca=…&cert=…&key=…` name files. `prefix`: the first word of every subject, one for each deployment.
        Raises `ValueError` for a URL that is none.
        """
        self._routes = Routes(secrets.token_hex(8))
        self._all = f"{prefix}.all"
        self._to = f"{prefix}.to."
        self._link = Link(
            url,
            [self._all, self._to + self._routes.me],
            linked=self._linked,
            take=self._take,
            outgoing=self._outgoing,
        )
        self._receive: Receive = _ignore
        self._missed: Callable[[], None] = _nothing
        self._waiting: dict[str, _Waiting] = {}
        self._words: list[Outgoing] = []
        self._running: asyncio.Task[None] | None = None
        self.sent = 0
        """Messages to nodes."""
        self.dropped = 0
        """Notices that could not be sent."""

    @property
    def node(self) -> str:
        """This node's name on the bus: new with every process."""
        return self._routes.me

    async def open(self, receive: Receive, missed: Callable[[], None] | None = None) -> None:
        """Start connecting; it is not waited for."""
        self._receive = receive
        self._missed = missed or _nothing
        self._running = asyncio.create_task(self._run(), name="bus")

    async def close(self) -> None:
        """Say goodbye, if the link stands, and let go."""
        if self._running is None:
            return
        self._say(self._all, Gone(self.node))
        self._link.close()
        running, self._running = self._running, None
        # A NATS that hangs may be in the middle of a connection or of an answer: it is not waited for.
        with suppress(TimeoutError):
            async with asyncio.timeout(BUS_CLOSE_TIMEOUT_S):
                await running

    async def _run(self) -> None:
        beating = asyncio.create_task(self._beat(), name="bus heartbeat")
        try:
            await self._link.run()
        except Exception:
            # A node works without its bus; nobody else would see that it died of a mistake of ours.
            log.exception("bus_failed")
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    def tell(self, told: Sequence[Told]) -> None:
        """Put what concerns a node into the message that it gets next."""
        for one in told:
            nodes = self._nodes_for(one)
            if nodes:
                encoded = _encode(one)
                for node in nodes:
                    self._put(node, encoded)
        if self._waiting:
            self._link.wake()

    def _nodes_for(self, one: Told) -> list[str]:
        match one:
            case MessageChanged():
                return self._routes.nodes_of(one.members)
            case ContactChanged():
                return self._routes.nodes_of((one.contact.owner,))
            case Typing():
                return self._routes.nodes_of(one.to)
            case TokensRevoked():
                return list(self._routes.peers)  # he may come to any of them
            case _:
                assert_never(one)

    def _put(self, node: str, encoded: bytes) -> None:
        waiting = self._waiting.setdefault(node, _Waiting())
        if not self._link.is_up or waiting.size + len(encoded) > BUS_PENDING_BYTES_MAX:
            self.dropped += 1
            waiting.dropped = True
            return
        waiting.told.append(Raw(encoded))
        waiting.size += len(encoded)

    def connected(self, uid: Uid) -> None:
        """Announced at the next turn of the link."""
        self._routes.connect(uid)
        self._link.wake()

    def disconnected(self, uid: Uid) -> None:
        """Announced at the next turn of the link."""
        self._routes.disconnect(uid)
        self._link.wake()

    def is_connected(self, uid: Uid) -> bool:
        """As far as is known here: of the other nodes, some milliseconds late."""
        return self._routes.is_connected(uid)

    @property
    def healthy(self) -> bool:
        """Whether the link stands and what was said to all comes back."""
        return self._link.healthy

    @property
    def nodes(self) -> int:
        """The other nodes that are known to live."""
        return len(self._routes.peers)

    def _outgoing(self) -> Iterator[Outgoing]:
        """What there is to say now: who came and left, words, and one message for each node."""
        moved = self._routes.announcement()
        if moved is not None:
            yield self._all, _encode(moved)
        words, self._words = self._words, []
        yield from words
        waiting, self._waiting = self._waiting, {}
        for node, batch in waiting.items():
            yield from self._batches(node, batch)

    def _batches(self, node: str, waiting: _Waiting) -> Iterator[Outgoing]:
        peer = self._routes.peers.get(node)
        if peer is None:
            self.dropped += len(waiting.told)
            return
        for part in waiting.parts():
            peer.told += 1
            self.sent += 1
            yield self._to + node, _encode(_EncodedBatch(self.node, peer.told, part))
        if waiting.dropped:
            peer.told += 1  # a number that never arrives tells the node that it missed something

    def _say(self, subject: str, word: Word) -> None:
        # What was to be said while there was no link is said anew when there is one.
        if self._link.is_up:
            self._words.append((subject, _encode(word)))
            self._link.wake()

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        dropped = 0
        while True:
            await asyncio.sleep(BUS_HEARTBEAT_S)
            for node in self._routes.expire(loop.time()):
                self._waiting.pop(node, None)
                log.warning("bus_node_expired", extra={"node": node})
            self._say(self._all, self._routes.here())
            for node, count in self._routes.counts():
                self._say(self._to + node, count)
            self._ask(loop.time())
            self._link.probe()
            if self.dropped > dropped:
                log.warning("bus_dropped_notices", extra={"notices": self.dropped - dropped})
                dropped = self.dropped

    def _ask(self, now: float) -> None:
        for node in self._routes.to_ask(now):
            self._say(self._to + node, Asked(self.node))

    def _linked(self) -> None:
        """The link stands, at first or again: what was said meanwhile was not heard here, nor the other way round."""
        self._words.clear()
        self._say(self._all, self._routes.here(asks=True))
        self._missed()

    def _take(self, payload: bytes) -> None:
        """Something came, for all or for this node."""
        try:
            word = _decoder.decode(payload)
        except (msgspec.DecodeError, RecursionError) as error:
            log.warning("bus_message_not_understood", extra={"reason": str(error)})
            return
        now = asyncio.get_running_loop().time()
        if word.node == self.node:
            self._link.echoed()
            return
        if self._routes.has_left(word.node):
            if isinstance(word, Batch):
                self._receive(word.told)
            return
        self._take_word(word, now)
        self._ask(now)

    def _take_word(self, word: Batch | Word, now: float) -> None:
        match word:
            case Batch():
                if self._routes.take_number(word.node, word.number, now):
                    self._missed()
                self._receive(word.told)
            case Here():
                if word.asks:
                    # Its link is new. What it wanted to say while it had none was not said.
                    if word.node in self._routes.peers:
                        self._missed()
                    self._send_users(word.node)
                self._routes.take_here(word, now)
            case Count():
                if self._routes.take_count(word, now):
                    self._missed()
            case Moved():
                self._routes.take_moved(word, now)
            case Users():
                self._routes.take_users(word, now)
            case Asked():
                self._routes.heard(word.node, now)
                self._send_users(word.node)
            case Gone():
                self._routes.leave(word.node, now)
            case _:
                assert_never(word)

    def _send_users(self, node: str) -> None:
        for users in self._routes.users():
            self._say(self._to + node, users)


def _ignore(told: Sequence[Told]) -> None:
    """Before it is opened, a bus has nobody to tell."""


def _nothing() -> None:
    """Nobody wants to know."""
