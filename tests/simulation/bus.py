"""A bus between simulated nodes that loses, doubles and delays what it carries, and never promises anything else."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from random import Random

from sixin.core.ids import Uid
from sixin.server.bus.base import Bus, Receive, Told
from tests.simulation.loop import PROCESS, Process, inside


@dataclass
class BusFaults:
    """Chances per message, and seconds."""

    slow_s: float = 0.02
    loses: float = 0.0
    doubles: float = 0.0
    late: float = 0.0
    """Arrives once more, minutes later, when everybody knows newer things."""
    late_s: float = 200.0


class Wire:
    """What connects the nodes."""

    def __init__(self, chance: Random, faults: BusFaults) -> None:
        self.chance = chance
        self.faults = faults
        self.buses: list[SimulatedBus] = []


class SimulatedBus(Bus):
    """One node's end."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._receive: Receive | None = None
        self._missed: Callable[[], None] | None = None
        self._process: Process | None = None
        self.behind = False
        """Something was lost on the way here. What comes next has a number that says so."""

    async def open(self, receive: Receive, missed: Callable[[], None] | None = None) -> None:
        """Be told from now on."""
        self._receive = receive
        self._missed = missed
        self._process = PROCESS.get()
        self._wire.buses.append(self)

    async def close(self) -> None:
        """Let go."""
        self._receive = None
        if self in self._wire.buses:
            self._wire.buses.remove(self)

    def tell(self, told: Sequence[Told]) -> None:
        """Send to the others, each on a way of its own."""
        chance, faults = self._wire.chance, self._wire.faults
        for other in self._wire.buses:
            if other is self or not told:
                continue
            copies = 0 if chance.random() < faults.loses else 2 if chance.random() < faults.doubles else 1
            other.behind = other.behind or not copies
            for _ in range(copies):
                delay = chance.random() * faults.slow_s
                asyncio.get_running_loop().call_later(delay, other.arrive, tuple(told), context=Context())
            if faults.late and chance.random() < faults.late:
                delay = chance.random() * faults.late_s
                asyncio.get_running_loop().call_later(delay, other.arrive, tuple(told), context=Context())

    def arrive(self, told: Sequence[Told]) -> None:
        """Something came."""
        process, receive, missed = self._process, self._receive, self._missed
        if process is None or receive is None or not process.alive:
            return
        if self.behind and missed is not None:
            self.behind = False
            inside(process, missed)
        inside(process, receive, told)

    def connected(self, uid: Uid) -> None:
        """Everybody is told everything here."""

    def disconnected(self, uid: Uid) -> None:
        """Everybody is told everything here."""

    def is_connected(self, uid: Uid) -> bool:
        """As far as anybody knows."""
        return True

    @property
    def healthy(self) -> bool:
        """As far as it knows."""
        return True
