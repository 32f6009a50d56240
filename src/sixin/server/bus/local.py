"""The bus of a server that is alone: there is nobody else to tell."""

from collections.abc import Sequence

from sixin.core.ids import Uid
from sixin.server.bus.base import Bus, Receive, Told


class LocalBus(Bus):
    """Tells nobody."""

    async def open(self, receive: Receive) -> None:
        """There are no other nodes."""

    async def close(self) -> None:
        """Nothing to let go of."""

    def tell(self, told: Sequence[Told]) -> None:
        """There is nobody to tell."""

    def connected(self, uid: Uid) -> None:
        """Nobody needs to know."""

    def disconnected(self, uid: Uid) -> None:
        """Nobody needs to know."""

    @property
    def healthy(self) -> bool:
        """Nothing can be lost on the way to nobody."""
        return True
