"""The load balancer of `deploy/`, the real one with its own configuration, in front of three real nodes."""

import asyncio
import itertools
import re
import signal
from pathlib import Path

import aiohttp
import pytest

from tests.cluster.nodes import DEADLINE_S, Cluster, cluster_of, token, until
from tests.server.house import Device
from tests.services.fixtures import found
from tests.services.haproxy import Haproxy
from tests.services.programs import HAPROXY

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "haproxy.cfg"
SENDERS = range(1, 9)
BEN = 1002


def balancer_of(program: Path, nodes: list[str]) -> Haproxy:
    """HAProxy with the configuration as it is, but for addresses and its size."""
    text = CONFIGURATION.read_text().replace("bind :8080", "bind 127.0.0.1:{port}")
    text = text.replace("maxconn 20000", "maxconn 1000")  # a machine for tests may have no 40,000 files to open
    for number, address in enumerate(nodes, 1):
        text, replaced = re.subn(rf"\bnode{number}:8080\b", address, text)
        assert replaced == 1
    return Haproxy(program, text)


@pytest.mark.parametrize("connections", ["of their own", "that are kept"])
async def test_nobody_is_refused_while_a_node_behind_the_balancer_drains(
    connections: str, cleared_postgres_url: str, nats_url: str
) -> None:
    program = found(HAPROXY)
    async with cluster_of(3, cleared_postgres_url, nats_url) as cluster:
        with balancer_of(program, [f"127.0.0.1:{node.port}" for node in cluster.nodes]) as balancer:
            await _operators_doors_are_shut(cluster, balancer.url)
            senders = [Sender(balancer.url, uid, kept=connections == "that are kept") for uid in SENDERS]
            sending = asyncio.gather(*(sender.run() for sender in senders))
            await until(lambda: all(len(sender.statuses) > 5 for sender in senders))
            leaving = cluster.nodes[0].process
            leaving.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(leaving.wait, DEADLINE_S) == 0
            before = [len(sender.statuses) for sender in senders]
            await until(lambda: all(len(s.statuses) > n + 5 for s, n in zip(senders, before, strict=True)))
            for sender in senders:
                sender.stop.set()
            await sending
            assert {status for sender in senders for status in sender.statuses} == {200}

            bens = await _device(cluster, balancer.url, BEN)
            assert (await bens.ask("unread"))["unread_total"] == sum(len(sender.statuses) for sender in senders)
            await bens.socket.close()
            for sender in senders:
                messages = await cluster.pull(1, BEN, f"{sender.uid}:{BEN}")
                assert [message["seq_id"] for message in messages] == list(range(1, len(sender.statuses) + 1))


class Sender:
    """One user who says one thing after the other to Ben, and repeats nothing."""

    def __init__(self, url: str, uid: int, *, kept: bool) -> None:
        self.uid = uid
        self.statuses: list[int] = []
        self.stop = asyncio.Event()
        self._url = url
        self._kept = kept

    async def run(self) -> None:
        """Until `stop`. A connection that ends without an answer is raised."""
        headers = {"Authorization": f"Bearer {token(self.uid)}"}
        connector = aiohttp.TCPConnector(force_close=not self._kept)
        timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
        async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout) as client:
            for seq_id in itertools.count(1):
                if self.stop.is_set():
                    return
                body = {"to": str(BEN), "seq_id": seq_id, "content": {"type": "text", "text": "hello"}}
                async with client.post(f"{self._url}/v1/send", json=body) as response:
                    self.statuses.append(response.status)


async def _operators_doors_are_shut(cluster: Cluster, url: str) -> None:
    for path in ("/metrics", "/v1/admin/revoke"):
        async with cluster.client.get(url + path) as response:
            assert response.status == 403


async def _device(cluster: Cluster, url: str, uid: int) -> Device:
    device = Device(await cluster.client.ws_connect(f"{url}/v1/ws", protocols=("sixin.v1.json",)))
    await device.ask("hello", token=token(uid))
    return device
