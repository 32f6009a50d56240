"""The load balancer of `deploy/`, the real one with its own configuration, in front of three real nodes."""

import asyncio
import itertools
import re
import signal
from pathlib import Path

import aiohttp

from tests.cluster.nodes import DEADLINE_S, Cluster, cluster_of, token, until
from tests.server.house import Device
from tests.services.fixtures import found
from tests.services.haproxy import Haproxy
from tests.services.programs import HAPROXY

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "haproxy.cfg"
ANN, BEN = 1001, 1002
ANN_BEN = "1001:1002"


def balancer_of(program: Path, nodes: list[str]) -> Haproxy:
    """HAProxy with the configuration as it is, but for addresses and its size."""
    text = CONFIGURATION.read_text().replace("bind :8080", "bind 127.0.0.1:{port}")
    text = text.replace("maxconn 20000", "maxconn 1000")  # a machine for tests may have no 40,000 files to open
    for number, address in enumerate(nodes, 1):
        text, replaced = re.subn(rf"\bnode{number}:8080\b", address, text)
        assert replaced == 1
    return Haproxy(program, text)


async def test_nobody_is_refused_while_a_node_behind_the_balancer_drains(
    cleared_postgres_url: str, nats_url: str
) -> None:
    program = found(HAPROXY)
    async with cluster_of(3, cleared_postgres_url, nats_url) as cluster:
        with balancer_of(program, [f"127.0.0.1:{node.port}" for node in cluster.nodes]) as balancer:
            await _operators_doors_are_shut(cluster, balancer.url)
            statuses: list[int] = []
            stop = asyncio.Event()
            sending = asyncio.create_task(_send_until(stop, cluster, balancer.url, statuses))
            await until(lambda: len(statuses) > 20)
            leaving = cluster.nodes[0].process
            leaving.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(leaving.wait, DEADLINE_S) == 0
            before = len(statuses)
            await until(lambda: len(statuses) > before + 20)
            stop.set()
            await sending
            assert set(statuses) == {200}

            bens = await _device(cluster, balancer.url, BEN)
            assert (await bens.ask("unread"))["unread_total"] == len(statuses)
            await bens.socket.close()
            messages = await cluster.pull(1, BEN, ANN_BEN)
            assert [message["seq_id"] for message in messages] == list(range(1, len(statuses) + 1))


async def _operators_doors_are_shut(cluster: Cluster, url: str) -> None:
    for path in ("/metrics", "/v1/admin/revoke"):
        async with cluster.client.get(url + path) as response:
            assert response.status == 403


async def _device(cluster: Cluster, url: str, uid: int) -> Device:
    device = Device(await cluster.client.ws_connect(f"{url}/v1/ws", protocols=("sixin.v1.json",)))
    await device.ask("hello", token=token(uid))
    return device


async def _send_until(stop: asyncio.Event, cluster: Cluster, url: str, statuses: list[int]) -> None:
    """One send after the other, each on a connection of its own, none repeated."""
    headers = {"Authorization": f"Bearer {token(ANN)}", "Connection": "close"}
    for seq_id in itertools.count(1):
        if stop.is_set():
            return
        body = {"to": str(BEN), "seq_id": seq_id, "content": {"type": "text", "text": "hello"}}
        timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
        async with cluster.client.post(f"{url}/v1/send", json=body, headers=headers, timeout=timeout) as response:
            statuses.append(response.status)
