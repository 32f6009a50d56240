"""What a program is told as it happens, and the bounded queue each of its readers has.

Events may be coalesced, state may not: whoever is told `Resync` looks at contacts and history again and has missed
nothing, since all of it is in the store before any event leaves.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from sixin.client.errors import Closed
from sixin.client.model import Entry
from sixin.core.contact import Contact
from sixin.core.errors import SixinError
from sixin.core.ids import SessionId, Uid
from sixin.core.limits import EVENTS_MAX
from sixin.core.message import Message


class Connected(Struct, frozen=True):
    """The link is there."""


class Disconnected(Struct, frozen=True):
    """The link is gone; it is tried again by itself."""

    reason: str


class SignedOut(Struct, frozen=True):
    """The server no longer takes the token, and the client has no other: it stays offline."""

    code: str


class MessageArrived(Struct, frozen=True):
    """A message is new on this device: of a peer, or of the same user on another device."""

    message: Message


class MessageChanged(Struct, frozen=True):
    """A message that was held changed: recalled, or deleted for all."""

    message: Message


class MessagesGone(Struct, frozen=True):
    """Messages of a session are no longer the user's: cleared, or deleted for himself, here or on another device."""

    session_id: SessionId


class ContactChanged(Struct, frozen=True):
    """A line of the contact list is new or different."""

    contact: Contact


class Queued(Struct, frozen=True):
    """An operation is in the outbox; a send is shown from now on."""

    entry: Entry


class Delivered(Struct, frozen=True):
    """What was in the outbox is done. `message`: what a send became."""

    entry: Entry
    message: Message | None


class Refused(Struct, frozen=True):
    """The server refused it for good. It stays in the outbox until it is retried or discarded."""

    entry: Entry
    error: SixinError


class Typing(Struct, frozen=True):
    """Somebody is typing; good for a few seconds."""

    session_id: SessionId
    uid: Uid


class Resync(Struct, frozen=True):
    """More happened than this reader took. Look at contacts and history again: they have it all."""


Event = (
    Connected
    | Disconnected
    | SignedOut
    | MessageArrived
    | MessageChanged
    | MessagesGone
    | ContactChanged
    | Queued
    | Delivered
    | Refused
    | Typing
    | Resync
)


class Reader:
    """One reader's events, oldest first, as an asynchronous iterator. It ends when the client is closed.

    Holds at most `EVENTS_MAX`. Where one more comes, all that wait become a single `Resync`. Who stops reading before
    the client is closed calls `close`.
    """

    def __init__(self, *, left: Callable[["Reader"], None] | None = None, events_max: int = EVENTS_MAX) -> None:
        self._left = left
        self._waiting: deque[Event] = deque()
        self._events_max = events_max
        self._ended: BaseException | None = None
        self._wake = asyncio.Event()

    def put(self, event: Event) -> None:
        """Told by the client."""
        if len(self._waiting) >= self._events_max:
            self._waiting.clear()
            self._waiting.append(Resync())
            if isinstance(event, MessageArrived | MessageChanged | MessagesGone | ContactChanged):
                self._wake.set()
                return
        self._waiting.append(event)
        self._wake.set()

    def close(self) -> None:
        """Read no more."""
        self.end(Closed())
        if self._left is not None:
            self._left(self)

    def end(self, why: BaseException) -> None:
        """No more will come. `Closed` ends the iteration; anything else is raised by it."""
        self._ended = why
        self._wake.set()

    def __aiter__(self) -> "Reader":
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            if isinstance(self._ended, Closed):
                raise StopAsyncIteration
            if self._ended is not None:
                raise self._ended
            self._wake.clear()
            await self._wake.wait()
        return self._waiting.popleft()
