"""A server as an operator runs it, and trials of it that take seconds."""

from collections.abc import AsyncIterator

import pytest

from sixin.bench.spawn import Spawned, Target
from sixin.trial import run as trial


@pytest.fixture
async def server() -> AsyncIterator[Target]:
    """`sixin serve` on SQLite."""
    async with Spawned(store="sqlite") as spawned:
        yield await spawned.start()


@pytest.fixture(autouse=True)
def _one_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node alone knows a revocation at once."""
    monkeypatch.setattr(trial, "REVOKED_WITHIN_S", 1.0)
