"""Every test of this folder runs once for each engine."""

from collections.abc import AsyncIterator

import pytest

from tests.conformance.engines import ENGINES, Engine
from tests.conformance.scene import Place, Scene


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.name)
def engine(request: pytest.FixtureRequest) -> Engine:
    """An empty place of storage on each engine in turn."""
    made: Engine = request.param(request)
    return made


@pytest.fixture(params=[engine for engine in ENGINES if engine.durable], ids=lambda engine: engine.name)
def durable_engine(request: pytest.FixtureRequest) -> Engine:
    """The same on each engine that keeps what was committed."""
    made: Engine = request.param(request)
    return made


@pytest.fixture
async def place(engine: Engine) -> AsyncIterator[Place]:
    """An open store."""
    async with Place(engine) as place:
        yield place


@pytest.fixture
async def durable_place(durable_engine: Engine) -> AsyncIterator[Place]:
    """An open store that can be closed and opened again."""
    async with Place(durable_engine) as place:
        yield place


@pytest.fixture
async def scene(place: Place) -> AsyncIterator[Scene]:
    """People acting through the real writer."""
    async with Scene(place) as scene:
        yield scene


@pytest.fixture(params=[engine for engine in ENGINES if engine.nodes == 1], ids=lambda engine: engine.name)
async def lone_scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    """The same where one writer has everything in its batches."""
    async with Place(request.param(request)) as place, Scene(place) as scene:
        yield scene


@pytest.fixture
async def durable_scene(durable_place: Place) -> AsyncIterator[Scene]:
    """The same where the store can be closed and opened again."""
    async with Scene(durable_place) as scene:
        yield scene
