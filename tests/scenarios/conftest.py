"""The people of the scenarios."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.matrix import ASLEEP, TALKING, Ground
from tests.scenarios.people import People


@pytest.fixture(params=TALKING, ids=str)
async def people(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[People]:
    """Ann, Ben and Eve, with a server, or several, and no devices yet."""
    async with Ground(request.param, request).houses() as houses, People(houses, tmp_path) as living:
        yield living


@pytest.fixture(params=ASLEEP, ids=str)
async def people_everywhere(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[People]:
    """The same, wherever it can run."""
    async with Ground(request.param, request).houses() as houses, People(houses, tmp_path) as living:
        yield living
