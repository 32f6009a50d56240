"""The bus seam: what tells other nodes that something changed. Whatever it loses costs a pull, never a message."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from msgspec import Struct

from sixin.core.ids import Uid
from sixin.core.notices import Notice


class Typing(Struct, frozen=True, gc=False, tag=True):
    """Somebody is typing: told to the others, stored nowhere."""

    session_id: str
    uid: Uid
    to: tuple[Uid, ...]


Told = Notice | Typing
"""What nodes tell each other: rows, so that another node's cache can follow by version."""

Receive = Callable[[Sequence[Told]], None]


class Bus(ABC):
    """Carries what one node committed to the nodes where the users it concerns are connected."""

    sent: int = 0
    """Messages to other nodes so far."""
    dropped: int = 0
    """Notices so far that could not be sent."""

    @property
    def nodes(self) -> int:
        """The other nodes that are known to live."""
        return 0

    @abstractmethod
    async def open(self, receive: Receive, missed: Callable[[], None] | None = None) -> None:
        """Connect; from now on `receive` is told what other nodes committed, never what this one did. Where the bus
        cannot be reached, it is tried again in the background: a node works without it.

        `missed` is called when something was not told that should have been: what is held in memory may be old, and
        devices here may not know what they have to pull. Neither may raise.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go."""

    @abstractmethod
    def tell(self, told: Sequence[Told]) -> None:
        """Send to other nodes what concerns their users. Never waits and never raises; may lose it."""

    @abstractmethod
    def connected(self, uid: Uid) -> None:
        """A user has his first connection on this node: from now on this node is told what concerns him."""

    @abstractmethod
    def disconnected(self, uid: Uid) -> None:
        """A user's last connection on this node is gone."""

    @abstractmethod
    def is_connected(self, uid: Uid) -> bool:
        """Whether a user has a connection on any node, as far as this one knows."""

    @property
    @abstractmethod
    def healthy(self) -> bool:
        """Whether notices reach other nodes now."""
