"""Several real nodes on one PostgreSQL and one NATS: any of them serves anybody, whatever goes away meanwhile."""

import asyncio
import time

import pytest

from sixin.core.limits import CATCH_UP_EVERY_S, REVOCATIONS_POLL_S
from tests.cluster.nodes import Cluster, cluster_of, token, until, until_async
from tests.server.house import Device
from tests.services.nats import NatsServer
from tests.services.postgres import PostgresServer

ANN, BEN = 1001, 1002
ANN_BEN = "1001:1002"

pytestmark = pytest.mark.timeout(120)


async def test_a_send_on_one_node_reaches_a_device_on_another_by_notice(
    cleared_postgres_url: str, nats_url: str
) -> None:
    async with cluster_of(2, cleared_postgres_url, nats_url) as cluster:
        bens = await cluster.device(BEN, at=1)
        anns_other = await cluster.device(ANN, at=1)
        await both_known(cluster)
        status, answer = await cluster.say(0, ANN, BEN, "hello")
        assert status == 200
        for device in (bens, anns_other):
            assert (await device.notice("message"))["message"] == answer["message"]
            assert (await device.notice("contact"))["contact"]["last_msg_id"] == answer["message"]["msg_id"]
        # Whatever one node has answered, the other answers too: nothing is answered from memory.
        for at in (0, 1):
            assert await cluster.pull(at, BEN, ANN_BEN) == [answer["message"]]
            assert cluster.nodes[at].metric("sixin_cache_hits_total") == 0


async def test_a_retry_on_another_node_gets_the_first_answer(cleared_postgres_url: str, nats_url: str) -> None:
    async with cluster_of(2, cleared_postgres_url, nats_url) as cluster:
        answers = await asyncio.gather(*(cluster.say(nth % 2, ANN, BEN, "once", seq_id=7) for nth in range(20)))
        assert {status for status, _ in answers} == {200}
        assert len({answer["message"]["msg_id"] for _, answer in answers}) == 1
        assert (await cluster.say(1, ANN, BEN, "something else", seq_id=7))[0] == 409
        assert len(await cluster.pull(1, BEN, ANN_BEN)) == 1


async def test_a_token_revoked_on_one_node_opens_no_door_of_another(
    cleared_postgres_url: str, nats_of_my_own: NatsServer
) -> None:
    async with cluster_of(2, cleared_postgres_url, nats_of_my_own.url) as cluster:
        old = token(ANN)
        phone = await cluster.device(ANN, at=1, with_token=old)
        stranger = token(BEN)
        await cluster.revoke(0, ANN)
        async with asyncio.timeout(REVOCATIONS_POLL_S / 2):
            assert (await phone.notice("bye"))["code"] == "revoked"
        assert (await cluster.post(1, "/v1/unread", {}, with_token=old))[0] == 401

        # Ben is connected nowhere, and there is no bus to tell of him.
        await asyncio.to_thread(nats_of_my_own.kill)
        await cluster.revoke(0, BEN)

        async def refused() -> bool:
            return (await cluster.post(1, "/v1/unread", {}, with_token=stranger))[0] == 401

        assert await until_async(refused) < REVOCATIONS_POLL_S + 1


async def test_without_the_bus_devices_learn_that_they_have_to_pull_and_with_it_they_are_told_again(
    cleared_postgres_url: str, nats_of_my_own: NatsServer
) -> None:
    async with cluster_of(2, cleared_postgres_url, nats_of_my_own.url) as cluster:
        bens = await cluster.device(BEN, at=1)
        await both_known(cluster)
        await asyncio.to_thread(nats_of_my_own.kill)
        begun = time.monotonic()
        status, answer = await cluster.say(0, ANN, BEN, "while nobody is told")
        assert status == 200
        async with asyncio.timeout(2 * CATCH_UP_EVERY_S):
            assert await reached(bens, 1) == {"notice": "contact", "version_id": 1}
        assert time.monotonic() - begun < 2 * CATCH_UP_EVERY_S
        assert await cluster.pull(1, BEN, ANN_BEN) == [answer["message"]]
        assert all(node.readiness()[0] == 200 for node in cluster.nodes)

        await asyncio.to_thread(nats_of_my_own.start)
        await until(lambda: all(node.metric("sixin_bus_healthy") == 1 for node in cluster.nodes))
        await both_known(cluster)
        status, answer = await cluster.say(0, ANN, BEN, "told again")
        assert (await bens.notice("message"))["message"] == answer["message"]


async def test_without_the_database_writes_are_refused_readyz_says_why_and_it_heals_by_itself(
    postgres_of_my_own: PostgresServer, nats_url: str
) -> None:
    async with cluster_of(2, postgres_of_my_own.url, nats_url) as cluster:
        bens = await cluster.device(BEN, at=1)
        await both_known(cluster)
        assert (await cluster.say(0, ANN, BEN, "before", seq_id=1))[0] == 200
        await asyncio.to_thread(postgres_of_my_own.kill)
        status, answer = await cluster.say(0, ANN, BEN, "refused", seq_id=2)
        assert (status, answer["error"]["code"]) == (503, "unavailable")
        await until(lambda: all(node.readiness()[0] == 503 for node in cluster.nodes))
        assert all("database" in node.readiness()[1] for node in cluster.nodes)

        await asyncio.to_thread(postgres_of_my_own.start)
        await until(lambda: all(node.readiness()[0] == 200 for node in cluster.nodes))
        status, answer = await cluster.say(0, ANN, BEN, "refused", seq_id=2)
        assert status == 200
        assert [message["ordinal"] for message in await cluster.pull(1, BEN, ANN_BEN)] == [1, 2]
        while (await bens.notice("message"))["message"] != answer["message"]:
            pass


async def both_known(cluster: Cluster) -> None:
    """Until the first node knows who is connected to the second: a notice of a send then goes there.

    Who came is announced within milliseconds; a node that is asked twice has heard it in between.
    """
    probe = await cluster.device(9_001, at=1)
    seq_ids = iter(range(1, 1_000))

    async def told() -> bool:
        await cluster.say(0, 9_002, 9_001, "do you hear?", seq_id=next(seq_ids) + int(time.time() * 1000))
        return any(notice["notice"] == "message" for notice in await probe.nothing_more())

    await until_async(told)


async def reached(device: Device, version_id: int) -> dict[str, object]:
    """The contact notice of a version."""
    while True:
        notice = await device.notice("contact")
        if notice["version_id"] >= version_id:
            return notice
