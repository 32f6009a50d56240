"""The people of the scenarios."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.scenarios.people import People, people_in


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[People]:
    """Ann, Ben and Eve, with a server and no devices yet."""
    async with people_in(tmp_path) as living:
        yield living
