"""Somebody holds rows and does not let go: whoever needs them waits, in order, and nobody else does."""

import asyncio

import pytest

from sixin.core import errors
from sixin.core.commands import Pin
from sixin.core.ids import Uid, pair_session_id, slot_of
from sixin.core.limits import POSTGRES_HELD_AFTER_S
from sixin.server.store import aside
from sixin.server.store.postgres import PostgresStore
from tests.conformance.scene import send_of
from tests.postgres.nodes import DEADLINE_S, Node, all_messages, nodes_on, session_of
from tests.postgres.truth import assert_true

ANN, BEN, CAT, DAN, EVE = (Uid(nth) for nth in range(1, 6))
ANN_BEN, CAT_DAN = pair_session_id(ANN, BEN), pair_session_id(CAT, DAN)
HOLD = {
    "a user": "SELECT FROM sixin.users WHERE uid = 1 FOR UPDATE",
    "a session": "SELECT FROM sixin.sessions WHERE session_id = '1:2' FOR UPDATE",
    "a slot": f"SELECT FROM sixin.slots WHERE slot = {slot_of(ANN_BEN)} FOR UPDATE",
}


@pytest.mark.parametrize("row", HOLD)
async def test_a_row_that_an_operator_holds_stops_nobody_who_does_not_need_it(
    cleared_postgres_url: str, row: str
) -> None:
    async with nodes_on(cleared_postgres_url, 2) as nodes, session_of(cleared_postgres_url) as operator:
        await nodes[0].do(send_of(ANN, BEN, 1, "before"))
        await operator.execute("BEGIN")
        await operator.execute(HOLD[row])
        waiting = [asyncio.create_task(nodes[0].do(send_of(ANN, BEN, nth, f"{nth}"))) for nth in range(2, 5)]
        waiting.append(asyncio.create_task(nodes[0].do(Pin(BEN, ANN_BEN, True))))
        for nth in range(1, 11):
            for node, sender in ((nodes[0], CAT), (nodes[1], DAN)):
                await node.do(send_of(sender, DAN if sender == CAT else CAT, nth, "while Ann waits"))
        assert not any(task.done() for task in waiting)
        await until_aside(nodes[0], 4)

        await operator.execute("ROLLBACK")
        await asyncio.gather(*waiting)
        assert [message.seq_id for message in await all_messages(nodes[0].store, ANN_BEN)] == [1, 2, 3, 4]
        assert nodes[0].writer.aside == 0
        await assert_true(nodes[0].store, [ANN_BEN, CAT_DAN], [ANN, BEN, CAT, DAN])


async def test_a_user_whom_somebody_is_just_making_is_waited_for(cleared_postgres_url: str) -> None:
    async with nodes_on(cleared_postgres_url, 1) as (node,), session_of(cleared_postgres_url) as operator:
        await operator.execute("BEGIN")
        await operator.execute("INSERT INTO sixin.users (uid, version_id, unread_total) VALUES (5, 0, 0)")
        waiting = asyncio.create_task(node.do(send_of(EVE, ANN, 1, "who is Eve?")))
        await until_aside(node, 1)
        await node.do(send_of(CAT, DAN, 1, "meanwhile"))
        assert not waiting.done()
        await operator.execute("COMMIT")
        await waiting
        await assert_true(node.store, [pair_session_id(ANN, EVE), CAT_DAN], [ANN, CAT, DAN, EVE])


async def test_who_has_waited_too_long_is_refused_and_nothing_of_it_is_written(
    cleared_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "ASIDE_MAX_S", 0.5)
    async with nodes_on(cleared_postgres_url, 1) as (node,), session_of(cleared_postgres_url) as operator:
        await node.do(send_of(ANN, BEN, 1, "before"))
        await operator.execute("BEGIN")
        await operator.execute(HOLD["a user"])
        with pytest.raises(errors.Unavailable, match="Somebody else is changing the same"):
            await node.do(send_of(ANN, BEN, 2, "in vain"))
        await operator.execute("ROLLBACK")
        await node.do(send_of(ANN, BEN, 3, "after"))
        assert [message.seq_id for message in await all_messages(node.store, ANN_BEN)] == [1, 3]


async def test_a_node_that_stops_tells_those_who_still_wait(cleared_postgres_url: str) -> None:
    async with nodes_on(cleared_postgres_url, 1) as (node,), session_of(cleared_postgres_url) as operator:
        await node.do(send_of(ANN, BEN, 1, "before"))
        await operator.execute("BEGIN")
        await operator.execute(HOLD["a user"])
        waiting = asyncio.create_task(node.do(send_of(ANN, BEN, 2, "in vain")))
        await until_aside(node, 1)
        await node.cancel()
        with pytest.raises(errors.Unavailable, match="stopped"):
            await waiting


async def test_a_batch_waits_for_a_row_as_long_as_the_limit_says(cleared_postgres_url: str) -> None:
    store = PostgresStore(cleared_postgres_url)
    await store.open()
    await store.close()
    async with session_of(cleared_postgres_url) as session:
        settings = await session.fetch("SELECT proconfig FROM pg_proc WHERE proname IN ('load_batch', 'commit_batch')")
    assert [list(row["proconfig"]) for row in settings] == [[f"lock_timeout={POSTGRES_HELD_AFTER_S * 1_000:.0f}ms"]] * 2


async def until_aside(node: Node, count: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while node.writer.aside != count:  # noqa: ASYNC110 - it happens in the writer's task
            await asyncio.sleep(0.01)
