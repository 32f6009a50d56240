"""The hub: who is connected here, and what each is to be told. One write per connection and turn of the loop."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from sixin.core.contact import UserHead
from sixin.core.decide import Decision
from sixin.core.ids import SessionId, Uid
from sixin.core.limits import CONNECTIONS_PER_USER_MAX
from sixin.core.notices import ContactChanged, MessageChanged, TokensRevoked
from sixin.core.wire.codec import encode
from sixin.core.wire.frames import ContactNotice, TypingNotice
from sixin.server.auth import Tokens
from sixin.server.bus.base import Bus, Told, Typing
from sixin.server.cache import Cache
from sixin.server.notify.encoded import Encoded


class Outlet(Protocol):
    """The side of a connection that frames leave through. Neither method waits or raises."""

    def put(self, frame: bytes) -> None:
        """Add a frame, as it stands on the wire, to what the next `flush` writes."""

    def flush(self) -> None:
        """Write everything that was put, at once."""

    def revoke(self, tokens_from_s: int) -> None:
        """End the connection if its token was issued before this time (Unix seconds)."""


class Hub:
    """Tells the connections of this node, and through the bus the other nodes, what was committed."""

    def __init__(self, cache: Cache, bus: Bus, tokens: Tokens, *, frame: Callable[[bytes], bytes]) -> None:
        """`frame`: puts a payload into the frame the doors of this node write. Done here, once for all who are told."""
        self._tokens = tokens
        self._cache = cache
        self._bus = bus
        self._frame = frame
        self._outlets: dict[Uid, dict[Outlet, None]] = {}
        self._waiting: dict[Outlet, None] = {}
        self._flush_is_due = False
        self.encoded = Encoded()
        self.notices = 0

    @property
    def users(self) -> int:
        """Users with a connection here."""
        return len(self._outlets)

    def connected_here(self) -> list[Uid]:
        """The users with a connection here, as of now."""
        return list(self._outlets)

    def connect(self, uid: Uid, outlet: Outlet) -> bool:
        """From now on this connection is told what concerns the user. False where he has too many already."""
        outlets = self._outlets.setdefault(uid, {})
        if len(outlets) >= CONNECTIONS_PER_USER_MAX:
            return False
        if not outlets:
            self._bus.connected(uid)
        outlets[outlet] = None
        return True

    def disconnect(self, uid: Uid, outlet: Outlet) -> None:
        """A connection is gone."""
        outlets = self._outlets.get(uid, {})
        if outlet not in outlets:
            return
        del outlets[outlet]
        if not outlets:
            del self._outlets[uid]
            self._bus.disconnected(uid)

    def committed(self, decisions: Sequence[Decision]) -> None:
        """A batch is durable, and the cache follows it at once: what it answers is no older than the store."""
        for decision in decisions:
            if decision.changed:
                self._cache.committed(decision.changed)

    def tell(self, decisions: Sequence[Decision]) -> None:
        """Tell whoever a batch concerns that is durable."""
        told: list[Told] = []
        for decision in decisions:
            if decision.changed:
                told += decision.notices
        self._tell_here(told)
        self._bus.tell(told)

    def typing(self, session_id: SessionId, uid: Uid, to: tuple[Uid, ...]) -> None:
        """Somebody is typing."""
        told = [Typing(session_id, uid, to)]
        self._tell_here(told)
        self._bus.tell(told)

    def received(self, told: Sequence[Told]) -> None:
        """Another node committed this."""
        self._cache.received(told)
        self._tell_here(told)

    def _tell_here(self, told: Sequence[Told]) -> None:
        for one in told:
            if isinstance(one, ContactChanged):
                outlets = self._outlets.get(one.contact.owner)
                if outlets:
                    self._put(outlets, self._frame(self.encoded.contact_notice(one.contact)))
            elif isinstance(one, MessageChanged):
                self._tell_message(one)
            elif isinstance(one, TokensRevoked):
                self.revoked(one.uid, one.tokens_from_s)
            else:
                frame = self._frame(encode(TypingNotice(one.session_id, str(one.uid))))
                for uid in one.to:
                    self._put(self._outlets.get(uid, {}), frame)

    def reached(self, head: UserHead) -> None:
        """A user's contact timeline is as far as this, whatever he was told before: he pulls what he lacks."""
        outlets = self._outlets.get(head.uid)
        if outlets:
            self._put(outlets, self._frame(encode(ContactNotice(head.version_id))))

    def revoked(self, uid: Uid, tokens_from_s: int) -> None:
        """Tokens of a user are not believed any more: neither at a door, nor by a connection that stands."""
        self._tokens.revoke(uid, tokens_from_s)
        for outlet in tuple(self._outlets.get(uid, ())):
            outlet.revoke(tokens_from_s)

    def _tell_message(self, notice: MessageChanged) -> None:
        frame = None
        for member in notice.members:
            outlets = self._outlets.get(member)
            if not outlets:
                continue
            if member in notice.unseen_by:
                self._put(outlets, self._frame(self.encoded.message_notice(notice, seen=False)))
                continue
            frame = frame or self._frame(self.encoded.message_notice(notice, seen=True))
            self._put(outlets, frame)

    def _put(self, outlets: dict[Outlet, None], frame: bytes) -> None:
        for outlet in outlets:
            outlet.put(frame)
        self.notices += len(outlets)

    def flush_soon(self, outlet: Outlet) -> None:
        """Write this connection's frames at the end of this turn of the loop, together with all that join them."""
        self._waiting[outlet] = None
        if not self._flush_is_due:
            self._flush_is_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        waiting, self._waiting = self._waiting, {}
        for outlet in waiting:
            outlet.flush()
