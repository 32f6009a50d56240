"""Reads that wait together are asked together, and nobody notices but the database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any

import pytest

from sixin.core import errors
from sixin.core.ids import SessionId, Uid, pair_session_id
from sixin.core.limits import STORE_TIMEOUT_S
from sixin.server.store import postgres_reads
from sixin.server.store.base import Store
from tests.conformance.engines import Postgres
from tests.conformance.scene import ANN, ANN_BEN, BEN, Place, Scene
from tests.postgres.nodes import DEADLINE_S, nodes_on, session_of

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
NOBODY = Uid(77)


@pytest.fixture
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    async with Place(Postgres(request)) as place, Scene(place) as scene:
        yield scene


def asked_by(store: Store, owner: Uid, session_id: SessionId) -> list[Awaitable[Any]]:
    """Every kind of read, of someone's sight of a session."""
    return [
        store.pull_new(owner, session_id, after_version=1, born_up_to=None, limit=3),
        store.pull_new(owner, session_id, after_version=0, born_up_to=2, limit=50),
        store.pull_old(owner, session_id, before_sort_key=3, limit=50),
        store.pull_old(owner, session_id, before_sort_key=None, limit=2),
        store.pull_contacts(owner, after_version=1, limit=1),
        store.pull_contacts(owner, after_version=0, limit=100),
        store.contact(owner, session_id),
        store.user(owner),
    ]


async def test_whoever_asks_among_others_is_answered_as_if_alone(scene: Scene) -> None:
    people = [Uid(2_001 + nth) for nth in range(6)]
    pairs = [(one, pair_session_id(one, other)) for one in people for other in people if one != other]
    for one in people:
        for other in people:
            if one < other:
                first, second, _ = [await scene.send(one, other, f"{one} says {nth}") for nth in range(3)]
                await scene.hide(other, second)
                await scene.clear(one, pair_session_id(one, other), first.msg_id)
                await scene.recall(second)
    pairs += [(NOBODY, pair_session_id(people[0], people[1])), (NOBODY, pair_session_id(NOBODY, ANN))]

    alone = [[await read for read in asked_by(scene.store, *pair)] for pair in pairs]
    together = await asyncio.gather(*(asyncio.gather(*asked_by(scene.store, *pair)) for pair in pairs))

    assert together == alone


async def test_large_pages_do_not_all_come_at_once(scene: Scene) -> None:
    messages = await scene.send_many(ANN, BEN, [f"number {nth}" for nth in range(600)])

    pages = await asyncio.gather(*(scene.pull_old(BEN, limit=500) for _ in range(20)))

    assert all(page.messages == messages[100:] for page in pages)


async def test_what_cannot_be_asked_fails_whoever_asked_it_and_nobody_else(scene: Scene) -> None:
    await scene.send(ANN, BEN, "hello")

    too_large, head, line = await asyncio.gather(
        scene.store.contact(Uid(2**63), ANN_BEN),
        scene.store.user(BEN),
        scene.store.contact(BEN, ANN_BEN),
        return_exceptions=True,
    )

    assert isinstance(too_large, errors.Internal)
    assert head == await scene.store.user(BEN)
    assert line == await scene.contact(BEN)


async def held_up(url: str, reads: Sequence[Awaitable[Any]]) -> list[asyncio.Future[Any]]:
    """Reads that wait for a lock somebody holds."""
    waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(read) for read in reads]
    async with asyncio.timeout(DEADLINE_S), session_of(url) as session:
        while not await session.fetchval(WAITING):  # noqa: ASYNC110 - it happens in the server
            await asyncio.sleep(0.01)
    return waiting


async def test_reads_that_come_together_are_one_statement_on_one_connection(cleared_postgres_url: str) -> None:
    async with nodes_on(cleared_postgres_url, 1) as (node,), session_of(cleared_postgres_url) as operator:
        await operator.execute("BEGIN; LOCK sixin.users IN ACCESS EXCLUSIVE MODE")
        waiting = await held_up(cleared_postgres_url, [node.store.user(Uid(1 + nth)) for nth in range(200)])
        await asyncio.sleep(0.2)  # time for a second one to come
        assert await operator.fetchval(WAITING) == 1

        await operator.execute("COMMIT")
        async with asyncio.timeout(DEADLINE_S):
            assert [head.uid for head in await asyncio.gather(*waiting)] == list(range(1, 201))


async def test_who_gives_up_takes_nobody_along(cleared_postgres_url: str) -> None:
    async with nodes_on(cleared_postgres_url, 1) as (node,), session_of(cleared_postgres_url) as operator:
        await operator.execute("BEGIN; LOCK sixin.users IN ACCESS EXCLUSIVE MODE")
        impatient, patient = await held_up(cleared_postgres_url, [node.store.user(ANN), node.store.user(BEN)])
        impatient.cancel()
        await asyncio.wait([impatient], timeout=DEADLINE_S)
        await operator.execute("COMMIT")

        assert impatient.cancelled()
        async with asyncio.timeout(DEADLINE_S):
            assert (await patient).uid == BEN


async def test_who_waits_behind_reads_that_hang_is_told_in_time(
    cleared_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_reads, "STORE_TIMEOUT_S", 0.5)
    monkeypatch.setattr(postgres_reads, "POSTGRES_READ_BATCHES_MAX", 1)
    async with nodes_on(cleared_postgres_url, 1) as (node,), session_of(cleared_postgres_url) as operator:
        await operator.execute("BEGIN; LOCK sixin.users IN ACCESS EXCLUSIVE MODE")
        (hanging,) = await held_up(cleared_postgres_url, [node.store.user(ANN)])

        async with asyncio.timeout(STORE_TIMEOUT_S / 2):  # the batch in front hangs for all of it
            with pytest.raises(errors.Unavailable, match="in time"):
                await node.store.contact(ANN, ANN_BEN)
        with pytest.raises(errors.Unavailable, match="in time"):
            await hanging


async def test_reads_under_way_are_told_when_the_store_closes(cleared_postgres_url: str) -> None:
    async with nodes_on(cleared_postgres_url, 1) as (node,), session_of(cleared_postgres_url) as operator:
        await operator.execute("BEGIN; LOCK sixin.users IN ACCESS EXCLUSIVE MODE")
        waiting = await held_up(cleared_postgres_url, [node.store.user(Uid(1 + nth)) for nth in range(5_000)])
        async with asyncio.timeout(DEADLINE_S):
            await node.store.close()
            answers = await asyncio.gather(*waiting, return_exceptions=True)

        assert all(isinstance(answer, errors.Unavailable) for answer in answers)
