"""Where the suites run: which store, which bus, how many nodes. `docs/testing.md` shows it, and a test compares.

A place with several nodes is as many real nodes in this process, on real ports, on one PostgreSQL and one NATS.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from sixin.core.ids import Uid
from sixin.server.bus.base import Bus
from sixin.server.bus.local import LocalBus
from sixin.server.bus.nats import NatsBus
from sixin.server.store.base import Store
from sixin.server.store.memory import MemoryStore
from sixin.server.store.postgres import PostgresStore
from sixin.server.store.sqlite import SqliteStore
from tests.server.house import House, open_house
from tests.witness import Witness

DEADLINE_S: Final = 30.0
"""After this long, nodes that should know each other do not."""


class Place(NamedTuple):
    """A way of running it."""

    store: str
    bus: str
    nodes: int

    def __str__(self) -> str:
        return f"{self.store}, {self.bus}, {self.nodes}"


MEMORY: Final = Place("memory", "local", 1)
SQLITE: Final = Place("SQLite", "local", 1)
SQLITE_NATS: Final = Place("SQLite", "NATS", 1)
POSTGRES: Final = Place("PostgreSQL", "local", 1)
POSTGRES_NATS: Final = Place("PostgreSQL", "NATS", 1)
THREE_NODES: Final = Place("PostgreSQL", "NATS", 3)

PLACES: Final = (MEMORY, SQLITE, SQLITE_NATS, POSTGRES, POSTGRES_NATS, THREE_NODES)
"""All there are: a store that one process owns has one node, and nodes without a bus between them are told nothing."""

MODEL: Final = PLACES
TALKING: Final = PLACES
KNOWN_FAILURES: Final = PLACES
CRASH: Final = (SQLITE, SQLITE_NATS, POSTGRES, POSTGRES_NATS, THREE_NODES)
"""Of what is in memory a kill leaves nothing."""


SUITES: Final[dict[str, tuple[Place, ...]]] = {
    "conformance of stores": (MEMORY, SQLITE, POSTGRES, THREE_NODES),
    "model test": MODEL,
    "scenarios: talking, being away": TALKING,
    "scenarios: known failures": KNOWN_FAILURES,
    "simulator": (MEMORY, SQLITE),
    "crash: kill -9": CRASH,
}
"""Everything that runs in more than one place."""


class Ground:
    """A place for one test: its folder, its database, its subjects on the bus."""

    def __init__(self, place: Place, request: pytest.FixtureRequest) -> None:
        self.place = place
        self._store = _STORES[place.store](request)
        self._bus = _BUSES[place.bus](request)

    def store(self) -> Store:
        """A store on it, not opened yet: one for each node."""
        return self._store()

    def bus(self) -> Bus:
        """A bus, not opened yet: one for each node."""
        return self._bus()

    @asynccontextmanager
    async def houses(self, witness: Witness | None = None) -> AsyncIterator[list[House]]:
        """Its nodes, each behind a real port; they know each other."""
        async with AsyncExitStack() as stack:
            opened = [
                await stack.enter_async_context(open_house(store=self.store(), bus=self.bus(), witness=witness))
                for _ in range(self.place.nodes)
            ]
            await acquainted([house.node.bus for house in opened])
            yield opened


async def acquainted(buses: Sequence[Bus], uids: Sequence[Uid] = ()) -> None:
    """Wait until each knows all the others, and that these users are connected somewhere."""

    def are() -> bool:
        return all(
            bus.healthy and bus.nodes == len(buses) - 1 and all(bus.is_connected(uid) for uid in uids) for bus in buses
        )

    async with asyncio.timeout(DEADLINE_S):
        while not are():  # noqa: ASYNC110 - the network tells nobody
            await asyncio.sleep(0.005)


async def known_to_all(buses: Sequence[Bus], uid: int, at: Bus) -> None:
    """Wait until every node has heard that this user is connected to that one."""

    def is_known_to(bus: Bus) -> bool:
        # A bus says who is connected somewhere, not where; only the one of several nodes knows that.
        return bus is at or (
            isinstance(bus, NatsBus) and isinstance(at, NatsBus) and at.node in bus._routes.nodes_of([Uid(uid)])
        )

    async with asyncio.timeout(DEADLINE_S):
        while not all(is_known_to(bus) for bus in buses):  # noqa: ASYNC110 - the network tells nobody
            await asyncio.sleep(0.005)


def _sqlite(request: pytest.FixtureRequest) -> Callable[[], Store]:
    folder: Path = request.getfixturevalue("tmp_path")
    return lambda: SqliteStore(folder / "data")


def _postgres(request: pytest.FixtureRequest) -> Callable[[], Store]:
    url: str = request.getfixturevalue("cleared_postgres_url")
    return lambda: PostgresStore(url)


def _nats(request: pytest.FixtureRequest) -> Callable[[], Bus]:
    url: str = request.getfixturevalue("nats_url")
    prefix = f"matrix-{secrets.token_hex(6)}"
    return lambda: NatsBus(url, prefix=prefix)


_STORES: Final[dict[str, Callable[[pytest.FixtureRequest], Callable[[], Store]]]] = {
    "memory": lambda _: MemoryStore,
    "SQLite": _sqlite,
    "PostgreSQL": _postgres,
}
_BUSES: Final[dict[str, Callable[[pytest.FixtureRequest], Callable[[], Bus]]]] = {
    "local": lambda _: LocalBus,
    "NATS": _nats,
}
