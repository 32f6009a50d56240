"""A handle on what is in the outbox: shown at once, and to be waited for by whoever wants to know."""

import asyncio
from typing import Generic, TypeVar, cast

from sixin.client.model import Entry
from sixin.core.contact import Contact
from sixin.core.ids import SessionId
from sixin.core.message import Message

T = TypeVar("T", Message, Contact)


class Pending(Generic[T]):
    """One operation that is on this device's disk, and not yet known to be on the server's."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self._done = asyncio.Event()
        self._outcome: Message | Contact | BaseException | None = None
        self._stands_for: Pending[T] | None = None

    @property
    def session_id(self) -> SessionId:
        """Where it belongs."""
        return self.entry.session_id

    @property
    def seq_id(self) -> int:
        """The sender's own number of a send, by which its message will be recognised; 0 for other operations."""
        return self.entry.seq_id

    @property
    def done(self) -> bool:
        """Whether the server has answered."""
        return self._done.is_set()

    async def delivered(self) -> T:
        """Wait for the server's answer: the message of a send, the contact of any other operation.

        Waits as long as the link is away; put a timeout around it where that is too long, and nothing is lost by it.
        Raises the `SixinError` that refused it for good, or `Closed`.
        """
        await self._done.wait()
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return cast("T", self._outcome)

    def settle(self, outcome: Message | Contact | BaseException) -> None:
        """Told by the client."""
        pending: Pending[T] | None = self
        while pending is not None:
            pending._outcome = outcome
            pending._done.set()
            pending = pending._stands_for

    def stands_for(self, replaced: "Pending[T]") -> None:
        """Told by the client: what comes of this is also what comes of one that it made pointless."""
        self._stands_for = replaced
