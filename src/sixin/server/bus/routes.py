"""Who is where: each other node's users, followed by revision, so that a node knows when it knows them all.

Every node counts its own announcements: its *revision*. Whoever heard revisions 1, 2, 3 … of a node, or a whole list at
one of them, knows exactly who is there; whoever finds a gap asks for the whole list again. A node that was not heard
for a while is taken for dead, and its users for gone. No I/O here: `nats.py` carries what this decides.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct

from sixin.core.ids import Uid
from sixin.core.limits import BUS_EXPIRY_S, BUS_HEARTBEAT_S, BUS_UIDS_MAX

UNKNOWN: Final = -1


class Here(Struct, frozen=True, tag="here"):
    """A node's heartbeat, to all. `asks`: it has just come, and wants everybody's list."""

    node: str
    revision: int
    asks: bool = False


class Moved(Struct, frozen=True, tag="moved"):
    """Users whose first connection came to a node, or whose last one left it, to all."""

    node: str
    revision: int
    came: list[Uid]
    left: list[Uid]


class Count(Struct, frozen=True, tag="count"):
    """How many messages a node has sent to another, to that one: who counted less has missed some.

    It goes the way the messages go, so that it cannot overtake them.
    """

    node: str
    told: int


class Gone(Struct, frozen=True, tag="gone"):
    """A node stops, to all."""

    node: str


class Asked(Struct, frozen=True, tag="asked"):
    """A node wants the whole list, to one."""

    node: str


class Users(Struct, frozen=True, tag="users"):
    """A part of the whole list at a revision, to one."""

    node: str
    revision: int
    uids: list[Uid]
    total: int
    """Users of the whole list: it is whole when so many have come, whichever part was lost before."""


Word = Here | Moved | Count | Gone | Asked | Users


@dataclass(slots=True)
class Peer:
    """Another node, as far as it is known here."""

    heard_at: float
    revision: int = UNKNOWN
    uids: set[Uid] = field(default_factory=set)
    arriving: set[Uid] = field(default_factory=set)
    """The parts of its list that have come so far, all of one revision: there it is always the same list."""
    arriving_revision: int = UNKNOWN
    asked_at: float = -BUS_HEARTBEAT_S
    told: int = 0
    """Messages sent to it, those that were lost on the way out included."""
    received: int = 0
    """Messages received from it: the number of the last one."""


class Routes:
    """The other nodes and their users; and this node's own, for them."""

    def __init__(self, me: str) -> None:
        self.me = me
        self.revision = 0
        self.own: set[Uid] = set()
        self.peers: dict[str, Peer] = {}
        self._left_at: dict[str, float] = {}
        self._came: set[Uid] = set()
        self._left: set[Uid] = set()

    def connect(self, uid: Uid) -> None:
        """A user's first connection is here."""
        self.own.add(uid)
        self._note(uid, self._left, self._came)

    def disconnect(self, uid: Uid) -> None:
        """A user's last connection left."""
        self.own.discard(uid)
        self._note(uid, self._came, self._left)

    def _note(self, uid: Uid, undone: set[Uid], done: set[Uid]) -> None:
        # Who comes and goes before anybody heard of it need not be spoken of.
        if uid in undone:
            undone.discard(uid)
        else:
            done.add(uid)

    def announcement(self) -> Moved | None:
        """What the others do not know yet; they are taken to know it from now on."""
        if not self._came and not self._left:
            return None
        self.revision += 1
        moved = Moved(self.me, self.revision, list(self._came), list(self._left))
        self._came, self._left = set(), set()
        return moved

    def here(self, *, asks: bool = False) -> Here:
        """This node's heartbeat."""
        return Here(self.me, self.revision, asks)

    def counts(self) -> Iterator[tuple[str, Count]]:
        """What each other node is told of the messages sent to it."""
        return ((node, Count(self.me, peer.told)) for node, peer in self.peers.items())

    def users(self) -> Iterator[Users]:
        """This node's list in parts, at its revision. What was not announced yet is announced after it."""
        uids = list((self.own - self._came) | self._left)
        for start in range(0, max(1, len(uids)), BUS_UIDS_MAX):
            yield Users(self.me, self.revision, uids[start : start + BUS_UIDS_MAX], total=len(uids))

    def heard(self, node: str, now: float) -> Peer:
        """A node is alive."""
        peer = self.peers.get(node)
        if peer is None:
            peer = self.peers[node] = Peer(heard_at=now)
        peer.heard_at = now
        return peer

    def take_here(self, here: Here, now: float) -> None:
        """A heartbeat."""
        peer = self.heard(here.node, now)
        if here.revision != peer.revision:
            peer.revision = UNKNOWN

    def take_count(self, count: Count, now: float) -> bool:
        """True where messages of that node to this one were lost on the way."""
        peer = self.heard(count.node, now)
        missed = count.told != peer.received
        peer.received = count.told
        return missed

    def take_moved(self, moved: Moved, now: float) -> None:
        """Users came and left."""
        peer = self.heard(moved.node, now)
        follows = peer.revision != UNKNOWN and moved.revision == peer.revision + 1
        peer.revision = moved.revision if follows else UNKNOWN
        # Also where the whole list is not known: it is better to know some than none of them.
        peer.uids.update(moved.came)
        peer.uids.difference_update(moved.left)

    def take_users(self, users: Users, now: float) -> None:
        """A part of a node's list; the one that makes it whole makes it known."""
        peer = self.heard(users.node, now)
        if users.revision != peer.arriving_revision:
            peer.arriving, peer.arriving_revision = set(), users.revision
        peer.arriving.update(users.uids)
        if len(peer.arriving) == users.total:
            peer.uids, peer.arriving = peer.arriving, set()
            peer.revision = users.revision

    def take_number(self, node: str, number: int, now: float) -> bool:
        """A message came, the sender's n-th to this node. True where one before it is missing."""
        peer = self.heard(node, now)
        missed = number != peer.received + 1
        peer.received = number
        return missed

    def drop(self, node: str) -> None:
        """A node was not heard any more."""
        self.peers.pop(node, None)

    def leave(self, node: str, now: float) -> None:
        """A node stopped, and said so. What it said before may still come after it, another way, and does not bring
        it back; the next process has another name."""
        self.drop(node)
        self._left_at[node] = now

    def has_left(self, node: str) -> bool:
        """Whether a node said that it stops."""
        return node in self._left_at

    def expire(self, now: float) -> list[str]:
        """Drop the nodes that were not heard for too long, and name them."""
        self._left_at = {node: left_at for node, left_at in self._left_at.items() if now - left_at <= BUS_EXPIRY_S}
        dead = [node for node, peer in self.peers.items() if now - peer.heard_at > BUS_EXPIRY_S]
        for node in dead:
            self.drop(node)
        return dead

    def to_ask(self, now: float) -> list[str]:
        """The nodes whose list has to be asked for, each at most once a heartbeat."""
        unknown = [
            node
            for node, peer in self.peers.items()
            if peer.revision == UNKNOWN and now - peer.asked_at >= BUS_HEARTBEAT_S
        ]
        for node in unknown:
            self.peers[node].asked_at = now
        return unknown

    def nodes_of(self, uids: Iterable[Uid]) -> list[str]:
        """The other nodes where any of these users is."""
        return [node for node, peer in self.peers.items() if not peer.uids.isdisjoint(uids)]

    def is_connected(self, uid: Uid) -> bool:
        """Whether a user is anywhere, as far as is known here."""
        return uid in self.own or any(uid in peer.uids for peer in self.peers.values())
