"""The database goes away: what was acknowledged stays, what was not is there once or not at all, and nodes heal."""

import asyncio
import os
import signal
import time
from collections.abc import Sized

import pytest

from sixin.core import errors
from sixin.core.contact import UserHead
from sixin.core.ids import SessionId, Uid, pair_session_id
from sixin.core.limits import POSTGRES_IDLE_IN_TRANSACTION_S
from sixin.core.rows import Changes, Keys
from sixin.server.store import postgres_reads
from sixin.server.store.base import Collided
from tests.conformance.scene import send_of
from tests.postgres.cut import Cable
from tests.postgres.nodes import DEADLINE_S, Node, all_messages, nodes_on, now_ms, session_of
from tests.postgres.truth import assert_true
from tests.services.postgres import PostgresServer

ANN, BEN = Uid(1), Uid(2)
ANN_BEN = pair_session_id(ANN, BEN)

OVERTAKEN = Changes(users=(UserHead(ANN, 99, 99),))
"""What must not be written any more."""

pytestmark = pytest.mark.timeout(120)


async def test_a_batch_whose_answer_was_lost_is_found_by_the_retry(cleared_postgres_url: str) -> None:
    async with Cable(cleared_postgres_url) as cable, nodes_on(cable.url, 1) as (node,):
        await node.do(send_of(ANN, BEN, 1, "before"))
        cable.cut_after(b"a text to be cut at")
        send = send_of(ANN, BEN, 2, "a text to be cut at")
        with pytest.raises(errors.Unavailable):
            await node.do(send)
        assert cable.cuts == 1

        decision = await node.do(send)
        assert not decision.changed
        assert [message.seq_id for message in await all_messages(node.store, ANN_BEN)] == [1, 2]
        await assert_true(node.store, [ANN_BEN], [ANN, BEN])


@pytest.mark.parametrize(
    ("word", "written", "told"), [(b"COMMIT", True, errors.Unavailable), (b"write_batch", False, Collided)]
)
async def test_a_transaction_whose_link_breaks_is_written_whole_or_not_at_all(
    cleared_postgres_url: str, word: bytes, written: bool, told: type[Exception]
) -> None:
    async with Cable(cleared_postgres_url) as cable, nodes_on(cable.url, 1) as (node,):
        async with node.store.transaction() as transaction:
            await transaction.load(Keys(users={ANN, BEN}))
            cable.cut_after(word)
            with pytest.raises(told):
                await transaction.commit(Changes(users=(UserHead(ANN, 1, 1), UserHead(BEN, 1, 1))))
        assert cable.cuts == 1

        assert [(await node.store.user(uid)).version_id for uid in (ANN, BEN)] == [written, written]


async def test_a_node_that_stops_in_the_middle_of_a_batch_holds_up_the_others_only_so_long(
    cleared_postgres_url: str,
) -> None:
    async with nodes_on(cleared_postgres_url, 2) as (stuck, other):
        await other.do(send_of(ANN, BEN, 1, "before"))
        async with stuck.store.transaction() as transaction:
            await transaction.load(Keys(sessions={ANN_BEN}, users={ANN, BEN}))
            begun = asyncio.get_running_loop().time()
            await other.do(send_of(ANN, BEN, 2, "waits"))
            waited = asyncio.get_running_loop().time() - begun
            with pytest.raises(Collided):
                await transaction.commit(OVERTAKEN)

        assert waited > POSTGRES_IDLE_IN_TRANSACTION_S / 2
        await assert_true(other.store, [ANN_BEN], [ANN, BEN])
        await stuck.do(send_of(ANN, BEN, 3, "back again"))
        await assert_true(other.store, [ANN_BEN], [ANN, BEN])


async def test_a_node_that_was_paused_in_the_middle_of_a_batch_begins_it_again(cleared_postgres_url: str) -> None:
    async with nodes_on(cleared_postgres_url, 2) as (node, other):
        await node.do(send_of(ANN, BEN, 1, "before"))
        await other.do(send_of(ANN, BEN, 2, "so that what the node remembers is old, and it locks before it decides"))
        decided = iter([False, True])

        def paused_ms() -> int:
            if next(decided, False):
                time.sleep(POSTGRES_IDLE_IN_TRANSACTION_S + 0.5)
            return now_ms()

        node.clock_ms = paused_ms
        await node.do(send_of(ANN, BEN, 3, "paused under locks"))
        assert next(decided, None) is None
        assert node.writer.collisions == 2
        assert [message.seq_id for message in await all_messages(node.store, ANN_BEN)] == [1, 2, 3]
        await assert_true(node.store, [ANN_BEN], [ANN, BEN])


async def test_a_backend_killed_in_the_middle_of_a_batch_loses_nothing_acknowledged(
    postgres_of_my_own: PostgresServer,
) -> None:
    """PostgreSQL answers kill -9 of a backend with a restart of the whole cluster."""
    async with nodes_on(postgres_of_my_own.url, 1) as (node,):
        await node.do(send_of(ANN, BEN, 1, "acknowledged"))
        async with node.store.transaction() as transaction:
            await transaction.load(Keys(sessions={ANN_BEN}, users={ANN, BEN}))
            async with session_of(postgres_of_my_own.url) as watching:
                pid = await watching.fetchval("SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction'")
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(Collided):
                await transaction.commit(OVERTAKEN)

        await node.insist(send_of(ANN, BEN, 2, "healed"))
        assert [message.seq_id for message in await all_messages(node.store, ANN_BEN)] == [1, 2]
        await assert_true(node.store, [ANN_BEN], [ANN, BEN])


@pytest.mark.parametrize("end", ["restart", "kill"])
async def test_nothing_acknowledged_is_lost_or_doubled_while_the_server_goes_and_comes(
    postgres_of_my_own: PostgresServer, end: str
) -> None:
    server = postgres_of_my_own
    pairs = [(Uid(nth), Uid(nth + 100)) for nth in range(1, 11)]
    acknowledged: list[tuple[SessionId, int]] = []
    stop = asyncio.Event()

    async def sender(node: Node, one: Uid, other: Uid) -> None:
        seq_id = 0
        while not stop.is_set():
            seq_id += 1
            await node.insist(send_of(one, other, seq_id, f"number {seq_id}"))
            acknowledged.append((pair_session_id(one, other), seq_id))

    async with nodes_on(server.url, 2) as nodes:
        async with asyncio.TaskGroup() as tasks:
            for nth, pair in enumerate(pairs):
                tasks.create_task(sender(nodes[nth % 2], *pair))
            for _ in range(2):
                await grown(acknowledged)
                if end == "kill":
                    await asyncio.to_thread(server.kill)
                    await asyncio.to_thread(server.start)
                else:
                    await asyncio.to_thread(server.restart)
            await grown(acknowledged)
            stop.set()

        stored = {
            (session_id, message.seq_id)
            for session_id in (pair_session_id(*pair) for pair in pairs)
            for message in await all_messages(nodes[0].store, session_id)
        }
        assert stored == set(acknowledged)
        people = [uid for pair in pairs for uid in pair]
        await assert_true(nodes[0].store, [pair_session_id(*pair) for pair in pairs], people)


async def test_a_read_only_database_is_read_and_refuses_writes_until_it_is_writable_again(
    empty_postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = empty_postgres_url.rpartition("/")[2]
    async with nodes_on(empty_postgres_url, 1) as (node,), session_of(empty_postgres_url) as operator:
        await node.do(send_of(ANN, BEN, 1, "before"))

        async def turn(read_only: str) -> None:
            await operator.execute(f'ALTER DATABASE "{database}" SET default_transaction_read_only = {read_only}')
            await operator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'sixin' AND datname = current_database()"
            )

        await turn("on")
        for _ in range(3):
            with pytest.raises(errors.Unavailable):
                await node.do(send_of(ANN, BEN, 2, "refused"))
        assert any("read-only" in getattr(record, "reason", "") for record in caplog.records)
        assert [message.seq_id for message in await all_messages(node.store, ANN_BEN)] == [1]

        await operator.execute("SET default_transaction_read_only = off")
        await turn("off")
        await node.insist(send_of(ANN, BEN, 2, "after"))
        assert [message.seq_id for message in await all_messages(node.store, ANN_BEN)] == [1, 2]


async def test_reads_are_refused_when_too_many_wait(cleared_postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with nodes_on(cleared_postgres_url, 1) as (node,):
        monkeypatch.setattr(postgres_reads, "READS_WAITING_MAX", 20)
        answers = await asyncio.gather(*(node.store.user(ANN) for _ in range(50)), return_exceptions=True)

        assert sum(isinstance(answer, errors.Unavailable) for answer in answers) == 30
        assert (await node.store.user(ANN)).version_id == 0


async def test_a_closed_store_says_that_it_is_unavailable(cleared_postgres_url: str) -> None:
    async with nodes_on(cleared_postgres_url, 1) as (node,):
        await node.store.close()
        with pytest.raises(errors.Unavailable):
            await node.store.user(ANN)
        with pytest.raises(errors.Unavailable):
            await node.do(send_of(ANN, BEN, 1, "hello"))


async def grown(acknowledged: Sized) -> None:
    """Wait until there are fifty more."""
    enough = len(acknowledged) + 50
    async with asyncio.timeout(DEADLINE_S):
        while len(acknowledged) < enough:  # noqa: ASYNC110 - it grows by what other tasks do
            await asyncio.sleep(0.01)
