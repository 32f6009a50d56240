"""`recall.json`, `clear_and_page.json` and `fanout.json` through the rules, the writer and the reference store."""

from collections.abc import Awaitable, Callable

import pytest

from sixin.server.store.base import Store
from sixin.server.store.memory import MemoryStore
from tests.vectors.checks import CHECKS


@pytest.mark.parametrize("check", CHECKS)
async def test_the_reference_store_gives_what_the_vectors_say(check: Callable[[Store], Awaitable[None]]) -> None:
    await check(MemoryStore())
