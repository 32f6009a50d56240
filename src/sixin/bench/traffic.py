"""What a link asks: one class for each kind of traffic. A request's number carries its kind."""

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from time import perf_counter
from typing import ClassVar, Final

import msgspec
from msgspec import Struct

from sixin.bench.link import Calls, Link, client_frame
from sixin.bench.plan import Plan
from sixin.core.ids import EPOCH_S, SessionId
from sixin.core.wire.bodies import PullContactsAnswer
from sixin.core.wire.codec import encode

KIND_BITS: Final = 4
SENTENCE: Final = "The quick brown fox jumps over the lazy dog, and the dog goes on sleeping in the sun. "

PULL_NEW_MESSAGES: Final = 10
PULL_OLD_MESSAGES: Final = 20
PULL_CONTACTS: Final = 5


def text_content(size: int) -> bytes:
    """A text message of this many characters, as JSON."""
    return encode({"type": "text", "text": (SENTENCE * (size // len(SENTENCE) + 1))[:size]})


class Requests(ABC):
    """Makes the requests of one worker's links."""

    kinds: ClassVar[tuple[str, ...]]
    """Names of the operations; a request's kind is its place here."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    async def learn(self, link: Link, calls: Calls) -> None:
        """Find out what this link needs to know before it begins."""
        _ = link, calls

    @abstractmethod
    def request(self, link: Link, due: float) -> tuple[int, bytes]:
        """The next request of a link, as its number and its frame."""

    def answered(self, link: Link, request_id: int, payload: bytes) -> None:
        """A request was done."""
        _ = link, request_id, payload


class Sender:
    """One link's sends: to each of its user's peers in turn, every one remembered until it is acknowledged."""

    __slots__ = ("acked", "first_seq", "sent", "tails")

    def __init__(self, plan: Plan, number: int) -> None:
        peers = plan.population.peers(number % plan.population.users)
        content = text_content(plan.text_bytes)
        self.tails = [(b'"to":"%d","content":%b}}' % (peer, content)) for peer in peers]
        # A device numbers its sends upwards, also over runs on the same server.
        self.first_seq = int((time.time() - EPOCH_S) * 1_000) * 1_000 + 1
        self.sent = 0
        self.acked: dict[int, bytes] = {}
        """The `msg_id` the server acknowledged for each `seq_id`."""

    def body_of_next(self) -> tuple[int, bytes, bytes]:
        """The number of the next send, and its body in two parts."""
        nth = self.sent
        self.sent += 1
        return nth, b'{"seq_id":%d,' % (self.first_seq + nth), self.tails[nth % len(self.tails)]

    def note(self, nth: int, payload: bytes) -> None:
        """An acknowledgement: `{"id":…,"ok":{"message":{"msg_id":"…"`."""
        at = payload.index(b'"msg_id":"') + 10
        self.acked[self.first_seq + nth] = payload[at : payload.index(b'"', at)]


class Sends(Requests):
    """Sends and nothing else."""

    kinds: ClassVar[tuple[str, ...]] = ("send",)

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.senders = {number: Sender(plan, number) for number in plan.asking or plan.links}

    def request(self, link: Link, due: float) -> tuple[int, bytes]:
        nth, head, tail = self.senders[link.number].body_of_next()
        request_id = nth << KIND_BITS
        return request_id, client_frame(b'{"id":%d,"op":"send","body":%b%b' % (request_id, head, tail))

    def answered(self, link: Link, request_id: int, payload: bytes) -> None:
        self.senders[link.number].note(request_id >> KIND_BITS, payload)


class Known(Struct):
    """What a link knows of its user's timelines, as a device would."""

    sessions: list[SessionId] = []
    versions: dict[SessionId, int] = {}
    newest: dict[SessionId, bytes] = {}
    """The newest message of each session."""
    contact_version: int = 0
    asked: int = 0


class Pulls(Requests):
    """One read, over and over: of each session in turn, a little behind what is newest."""

    kinds: ClassVar[tuple[str, ...]] = ("pull_new", "pull_old", "pull_contacts", "contact", "unread")

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.known = {number: Known() for number in plan.links}
        self._kind = self.kinds.index(plan.traffic) if plan.traffic in self.kinds else 0

    async def learn(self, link: Link, calls: Calls) -> None:
        known, after, more = self.known[link.number], 0, True
        while more:
            page = msgspec.json.decode(
                await calls.call("pull_contacts", {"after_version": after, "limit": 1_000}), type=PullContactsAnswer
            )
            for contact in page.contacts:
                session_id = SessionId(contact.session_id)
                known.versions[session_id] = contact.message_version
                known.newest[session_id] = contact.last_msg_id.encode()
            after, more = page.version_id, page.more
        known.contact_version = after
        known.sessions = sorted(known.versions)

    def request(self, link: Link, due: float) -> tuple[int, bytes]:
        known = self.known[link.number]
        known.asked += 1
        request_id = known.asked << KIND_BITS | self._kind
        return request_id, pull_frame(self.kinds[self._kind], request_id, known)


def pull_frame(op: str, request_id: int, known: Known) -> bytes:
    """One read by a device that knows this much."""
    session_id = known.sessions[known.asked % len(known.sessions)] if known.sessions else SessionId("1:2")
    named = session_id.encode()
    if op == "pull_new":
        after = max(0, known.versions.get(session_id, 0) - PULL_NEW_MESSAGES)
        body = b'{"session_id":"%b","after_version":%d}' % (named, after)
    elif op == "pull_old":
        body = b'{"session_id":"%b","limit":%d}' % (named, PULL_OLD_MESSAGES)
    elif op == "pull_contacts":
        body = b'{"after_version":%d}' % max(0, known.contact_version - PULL_CONTACTS)
    elif op == "unread":
        body = b"{}"
    else:
        body = b'{"session_id":"%b"}' % named
    return client_frame(b'{"id":%d,"op":"%b","body":%b}' % (request_id, op.encode(), body))


class Typings(Pulls):
    """Typing, to each peer in turn."""

    kinds: ClassVar[tuple[str, ...]] = ("typing",)


MIX: Final = {
    "pull_new": 30,
    "pull_contacts": 15,
    "unread": 10,
    "contact": 5,
    "pull_old": 5,
    "typing": 15,
    "read": 12,
    "send": 8,
}
"""Shares in a hundred: mostly pulls, presence and reads, few sends."""


class Mix(Pulls):
    """Like real life: every operation in its share, in an order that the seed decides."""

    kinds: ClassVar[tuple[str, ...]] = tuple(MIX)

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.senders = {number: Sender(plan, number) for number in plan.links}
        # Drawn beforehand: drawing costs more than writing a frame.
        seeded = random.Random(f"{plan.seed}:{plan.links[:1]}")  # noqa: S311 - chooses load, keeps no secret
        self._drawn = seeded.choices(range(len(MIX)), weights=list(MIX.values()), k=100_003)
        self._next = 0
        self._nth_of_request: dict[tuple[int, int], int] = {}

    async def learn(self, link: Link, calls: Calls) -> None:
        await super().learn(link, calls)
        link.noticed = self._noticed

    def request(self, link: Link, due: float) -> tuple[int, bytes]:
        self._next += 1
        kind = self._drawn[self._next % len(self._drawn)]
        known = self.known[link.number]
        known.asked += 1
        request_id = known.asked << KIND_BITS | kind
        op = self.kinds[kind]
        if op == "send":
            nth, head, tail = self.senders[link.number].body_of_next()
            self._nth_of_request[link.number, request_id] = nth
            return request_id, client_frame(b'{"id":%d,"op":"send","body":%b%b' % (request_id, head, tail))
        if op == "read" and known.sessions:
            session_id = known.sessions[known.asked % len(known.sessions)]
            body = b'{"session_id":"%b","msg_id":"%b"}' % (session_id.encode(), known.newest[session_id])
            return request_id, client_frame(b'{"id":%d,"op":"read","body":%b}' % (request_id, body))
        return request_id, pull_frame(op, request_id, known)

    def answered(self, link: Link, request_id: int, payload: bytes) -> None:
        nth = self._nth_of_request.pop((link.number, request_id), None)
        if nth is not None:
            self.senders[link.number].note(nth, payload)

    def _noticed(self, link: Link, payload: bytes) -> None:
        """`{"notice":"message","session_id":"…","version_id":…,"message":{"msg_id":"…"`, or a contact's."""
        known, kind = self.known[link.number], payload[11:18]
        if kind == b"message":
            session_id = SessionId(payload[34 : payload.index(b'"', 34)].decode())
            known.versions[session_id] = number_after(b'"version_id":', payload)
            if b'"message":{' in payload:
                at = payload.index(b'"msg_id":"') + 10
                known.newest[session_id] = payload[at : payload.index(b'"', at)]
        elif kind == b"contact":
            known.contact_version = number_after(b'"version_id":', payload)


def number_after(name: bytes, payload: bytes) -> int:
    """The number behind the first field of this name."""
    at = payload.index(name) + len(name)
    return int(payload[at : at + 20].replace(b"}", b",").partition(b",")[0])


class Fanout(Sends):
    """Sends of one device of each pair, and the time until the last of the pair's devices has been told."""

    kinds: ClassVar[tuple[str, ...]] = ("send", "delivered")

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.arrived: Callable[[str, float, float], None] = lambda kind, due, now: None
        """Told each arrival at the device that is told last: what, when it should have been sent, and the time."""
        self._due: dict[int, float] = {}

    async def learn(self, link: Link, calls: Calls) -> None:
        # Devices are told in the order they came: the last of each user stands for all before it.
        if link.number >= max(self._plan.links) + 1 - self._plan.population.users:
            link.noticed = self._noticed

    def request(self, link: Link, due: float) -> tuple[int, bytes]:
        request_id, frame = super().request(link, due)
        self._due[self.senders[link.number].first_seq + (request_id >> KIND_BITS)] = due
        return request_id, frame

    def _noticed(self, link: Link, payload: bytes) -> None:
        if payload[11:18] != b"message":
            return
        due = self._due.get(number_after(b'"seq_id":', payload))
        if due is not None:
            self.arrived("delivered", due, perf_counter())


def requests_of(plan: Plan) -> Requests:
    """The requests a plan asks for."""
    match plan.traffic:
        case "send" | "idle":
            return Sends(plan)
        case "fanout":
            return Fanout(plan)
        case "mix":
            return Mix(plan)
        case "typing":
            return Typings(plan)
        case _:
            return Pulls(plan)
