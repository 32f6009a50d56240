"""A house for the tests of the server's doors."""

from collections.abc import AsyncIterator

import pytest

from tests.server.house import House, open_house


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A node behind a real port."""
    async with open_house() as opened:
        yield opened


@pytest.fixture(params=["http", "socket"])
def door(request: pytest.FixtureRequest) -> str:
    """Which of the two doors is gone through."""
    return str(request.param)
