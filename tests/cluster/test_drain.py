"""A node that is told to stop ends in time, whatever hangs."""

import asyncio
import json
import signal
import time

import pytest

from tests.cluster.nodes import DEADLINE_S, cluster_of
from tests.server.house import Device
from tests.services.nats import NatsServer
from tests.services.postgres import PostgresServer

ANN, BEN = 1001, 1002
TEXT = {"type": "text", "text": "who knows"}
DRAIN_S = 1
BOUND_S = DRAIN_S + 10.0
"""The setting, and what docs/operating.md says beyond it."""


@pytest.mark.parametrize("hanging", [("postgres",), ("nats",), ("postgres", "nats")], ids=" and ".join)
async def test_a_node_drains_in_time_while_what_it_stands_on_hangs(
    hanging: tuple[str, ...], postgres_of_my_own: PostgresServer, nats_of_my_own: NatsServer
) -> None:
    servers = {"postgres": postgres_of_my_own, "nats": nats_of_my_own}
    async with cluster_of(1, postgres_of_my_own.url, nats_of_my_own.url, "--drain-timeout-s", str(DRAIN_S)) as cluster:
        (node,) = cluster.nodes
        ann, bens = await cluster.device(ANN, at=0), await cluster.device(BEN, at=0)
        await ann.say(BEN, "before", seq_id=1)
        for name in hanging:
            servers[name].pause()
        try:
            # A write and a read are under way, and those who asked wait.
            waiting = [
                asyncio.create_task(_outcome(ann, "send", to=str(BEN), seq_id=2, content=TEXT)),
                asyncio.create_task(_outcome(bens, "pull_contacts", after_version=0)),
            ]
            done, _ = await asyncio.wait(waiting, timeout=0.5)
            assert ("postgres" in hanging) == (not done)
            begun = time.monotonic()
            process = node.process
            process.send_signal(signal.SIGTERM)
            code = await asyncio.to_thread(process.wait, DEADLINE_S)
            took_s = time.monotonic() - begun
            outcomes = await asyncio.gather(*waiting)
        finally:
            for name in hanging:
                servers[name].resume()
    assert code == 0
    assert took_s < BOUND_S
    # Who sent is told that it is not known; who only asked may find the connection ended.
    assert outcomes[0] == ("unavailable" if "postgres" in hanging else "")


async def _outcome(device: Device, op: str, **body: object) -> str:
    """What came of it: the code of a refusal, nothing for an answer, or that the connection ended."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            answer = await device.ask_raw(op, json.dumps(body).encode())
    except (AssertionError, TimeoutError) as error:
        return repr(error)
    return answer.code or ""
