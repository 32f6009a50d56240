"""The people of the scenarios, and the witness of each: what they live through is held against the contract."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.matrix import TALKING, Ground
from tests.scenarios.people import People
from tests.witness import Witness, witnessed


@pytest.fixture(autouse=True)
def witness() -> Iterator[Witness]:
    """Every scenario has one, whether or not its author thought of it; one that goes past it fails."""
    with witnessed() as seen:
        yield seen


@pytest.fixture(params=TALKING, ids=str)
async def people(request: pytest.FixtureRequest, tmp_path: Path, witness: Witness) -> AsyncIterator[People]:
    """Ann, Ben and Eve, with a server, or several, and no devices yet."""
    async with Ground(request.param, request).houses(witness) as houses, People(houses, tmp_path, witness) as living:
        yield living
