"""The vectors that fix what the design means, through the real writer on every engine."""

from collections.abc import Awaitable, Callable

import pytest

from sixin.core.ids import SessionId, parse_uid
from sixin.server.store.base import Store
from tests.conformance.scene import Place, Scene
from tests.vectors import vector
from tests.vectors.checks import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_store_gives_what_the_vectors_say(place: Place, check: Callable[[Store], Awaitable[None]]) -> None:
    await check(place.store)


async def test_a_message_is_found_under_the_session_id_of_its_pair(scene: Scene) -> None:
    for row in vector("ids")["session_ids"]:
        one, other = (parse_uid(uid) for uid in row["pair"])
        message = await scene.send(one, other, "hello")
        found = await scene.store.messages(SessionId(row["session_id"]), before_sort_key=None, limit=1)
        assert found == [message]
        if one == other:
            assert (await scene.contact(one, message.session_id)).unread == 0
