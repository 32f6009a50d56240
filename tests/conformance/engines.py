"""The engines under the conformance suite. A new one is a class here and its name in `ENGINES`."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import pytest

from sixin.server.store.base import Store
from sixin.server.store.memory import MemoryStore
from sixin.server.store.postgres import PostgresStore
from sixin.server.store.sqlite import SqliteStore
from tests.matrix import THREE_NODES


class Engine(ABC):
    """One place of storage for one test. `request` gives an engine the fixtures it needs, or lets it skip."""

    name: ClassVar[str]
    durable: ClassVar[bool]
    """Whether what was committed is there again after the store was closed."""
    nodes: ClassVar[int] = 1
    """How many have it open at once."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.request = request

    @abstractmethod
    def store(self) -> Store:
        """A store on this place, not opened yet. Called again after the one before was closed."""


class Memory(Engine):
    """The reference."""

    name = "memory"
    durable = False

    def store(self) -> Store:
        return MemoryStore()


class Sqlite(Engine):
    """One file, with its two processes."""

    name = "sqlite"
    durable = True

    def store(self) -> Store:
        folder: Path = self.request.getfixturevalue("tmp_path")
        return SqliteStore(folder / "data")


class Postgres(Engine):
    """A database of its own on a real server."""

    name = "postgres"
    durable = True
    database: ClassVar[str] = "cleared_postgres_url"
    """The fixture that lends it."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        self.url: str = request.getfixturevalue(self.database)

    def store(self) -> Store:
        return PostgresStore(self.url)


class ThreeNodes(Postgres):
    """The same database under three nodes: whatever is done is done by the next of them."""

    name = "three-nodes"
    nodes = THREE_NODES.nodes


ENGINES: list[type[Engine]] = [Memory, Sqlite, Postgres, ThreeNodes]
