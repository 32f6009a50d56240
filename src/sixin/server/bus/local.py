"""The bus of a server that is alone: there is nobody else to tell."""

from collections.abc import Callable, Sequence

from sixin.core.ids import Uid
from sixin.server.bus.base import Bus, Receive, Told


class LocalBus(Bus):
    """Tells nobody."""

    def __init__(self) -> None:
        self._connected: set[Uid] = set()

    async def open(self, receive: Receive, missed: Callable[[], None] | None = None) -> None:
        """There are no other nodes."""

    async def close(self) -> None:
        """Nothing to let go of."""

    def tell(self, told: Sequence[Told]) -> None:
        """There is nobody to tell."""

    def connected(self, uid: Uid) -> None:
        """Nobody else needs to know."""
        self._connected.add(uid)

    def disconnected(self, uid: Uid) -> None:
        """Nobody else needs to know."""
        self._connected.discard(uid)

    def is_connected(self, uid: Uid) -> bool:
        """Here, or nowhere."""
        return uid in self._connected

    @property
    def healthy(self) -> bool:
        """Nothing can be lost on the way to nobody."""
        return True
