"""Houses in a row: whoever knocks next comes to the next one, and so does whoever asks next."""

import itertools
from collections.abc import Sequence
from typing import Any

from tests.matrix import known_to_all
from tests.server.house import Answer, Device, House, Json


class Street:
    """One house, or several that know each other."""

    def __init__(self, houses: Sequence[House]) -> None:
        self.houses = houses
        self._next = itertools.cycle(houses)

    def token(self, uid: int) -> str:
        """The same secret opens every door."""
        return self.houses[0].token(uid)

    async def device(self, uid: int) -> Device:
        """A connection of a user who was welcomed, and of whom every house has heard."""
        house = next(self._next)
        device = await house.device(uid)
        await known_to_all([one.node.bus for one in self.houses], uid, house.node.bus)
        return device

    async def post(self, path: str, body: bytes, *, token: str) -> Answer:
        """A POST."""
        return await next(self._next).post(path, body, token=token)

    async def ask(self, door: str, uid: int, op: str, body: bytes) -> Answer:
        """Ask through `http` or `socket`."""
        return await next(self._next).ask(door, uid, op, body)

    async def done(self, door: str, uid: int, op: str, /, **body: Any) -> Json:
        """The same for what is not refused."""
        return await next(self._next).done(door, uid, op, **body)
