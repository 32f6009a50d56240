"""Real `sixin serve` processes on one database and one bus, and devices that talk to any of them."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp

from sixin.core.ids import Uid
from sixin.server.auth import Role, Tokens
from tests.server.house import Device
from tests.services.server import Server

SECRET = "a secret of the cluster's tests, long enough for HS256"
TOKENS = Tokens(SECRET)

DEADLINE_S = 30.0
"""After this long, what a test waits for does not come."""

ADMIN = Uid(1)
Json = dict[str, Any]


class SixinNode(Server):
    """One `sixin serve`; it keeps its port through every restart."""

    stop_signal = signal.SIGTERM

    def __init__(self, store: str, bus: str, *flags: str) -> None:
        super().__init__("node")
        self.store, self.bus, self.flags = store, bus, flags

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def refusal(self) -> str:
        """Start it where it should refuse to: what it said, once it has ended."""
        assert self._launch().wait(DEADLINE_S) != 0
        return self.log_file.read_text()

    def _launch(self) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "sixin.cli.main",
            "serve",
            "--port",
            str(self.port),
            "--data",
            str(self.folder),
        ]
        command += ["--store", self.store, "--bus", self.bus, "--requests-per-s", "0", *self.flags]
        environment = {**os.environ, "SIXIN_SECRET": SECRET}
        with self.log_file.open("ab") as log:
            # A session of its own: an interrupt typed at the tests is theirs.
            return subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)

    def _answers(self) -> bool:
        return self.readiness()[0] == 200

    def readiness(self) -> tuple[int, str]:
        """What /readyz says; status 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as response:  # noqa: S310 - our own server
                return response.status, response.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0, ""

    def metric(self, name: str) -> float:
        """One figure without labels."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as response:  # noqa: S310 - our own server
            for line in response.read().decode().splitlines():
                if line.startswith(f"{name} "):
                    return float(line.split()[1])
        raise KeyError(name)


def token(uid: int, role: Role = "user") -> str:
    return TOKENS.mint(Uid(uid), now_s=time.time(), ttl_s=3_600, role=role)


class Cluster:
    """Nodes, and whoever talks to them."""

    def __init__(self, nodes: list[SixinNode], client: aiohttp.ClientSession) -> None:
        self.nodes = nodes
        self.client = client
        self._sockets: list[aiohttp.ClientWebSocketResponse] = []
        self._seq_ids = itertools.count(1)

    async def device(self, uid: int, at: int, *, with_token: str | None = None) -> Device:
        """A connection of a user to one node, welcomed."""
        socket = await self.client.ws_connect(
            f"{self.nodes[at].url}/v1/ws", protocols=("sixin.v1.json",), timeout=aiohttp.ClientWSTimeout(ws_close=1.0)
        )
        self._sockets.append(socket)
        device = Device(socket)
        device.welcome = await device.ask("hello", token=with_token or token(uid))
        return device

    async def post(self, at: int, path: str, body: Json, *, with_token: str) -> tuple[int, Json]:
        headers = {"Authorization": f"Bearer {with_token}"}
        async with (
            asyncio.timeout(DEADLINE_S),
            self.client.post(self.nodes[at].url + path, json=body, headers=headers) as response,
        ):
            return response.status, json.loads(await response.read())

    async def say(self, at: int, uid: int, to: int, text: str, *, seq_id: int | None = None) -> tuple[int, Json]:
        """A send through the HTTP door of one node: status and answer."""
        body = {
            "to": str(to),
            "seq_id": next(self._seq_ids) if seq_id is None else seq_id,
            "content": {"type": "text", "text": text},
        }
        return await self.post(at, "/v1/send", body, with_token=token(uid))

    async def pull(self, at: int, uid: int, session_id: str, after_version: int = 0) -> list[Json]:
        """What changed in a session, as a user is told by one node."""
        found: list[Json] = []
        while True:
            body = {"session_id": session_id, "after_version": after_version}
            status, page = await self.post(at, "/v1/pull_new", body, with_token=token(uid))
            assert status == 200, page
            found += page["messages"]
            after_version = page["version_id"]
            if not page["more"]:
                return found

    async def revoke(self, at: int, uid: int) -> None:
        status, answer = await self.post(at, "/v1/admin/revoke", {"uid": str(uid)}, with_token=token(ADMIN, "admin"))
        assert status == 200, answer

    async def leave(self) -> None:
        await asyncio.gather(*(socket.close() for socket in self._sockets), return_exceptions=True)


@asynccontextmanager
async def cluster_of(count: int, store: str, bus: str, *flags: str) -> AsyncIterator[Cluster]:
    """So many nodes that are ready, and know each other."""
    nodes = [SixinNode(store, bus, *flags) for _ in range(count)]
    async with AsyncExitStack() as stack:
        for node in nodes:
            stack.push_async_callback(asyncio.to_thread, node.__exit__, None, None, None)
        await asyncio.gather(*(asyncio.to_thread(node.start) for node in nodes))
        client = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        cluster = Cluster(nodes, client)
        stack.push_async_callback(cluster.leave)
        await until(lambda: all(node.metric("sixin_bus_nodes") == count - 1 for node in nodes))
        yield cluster


async def until(holds: Callable[[], bool], deadline_s: float = DEADLINE_S) -> float:
    """Wait for a condition that is asked of another process; the seconds it took."""

    async def held() -> bool:
        return await asyncio.to_thread(holds)

    return await until_async(held, deadline_s)


async def until_async(holds: Callable[[], Awaitable[bool]], deadline_s: float = DEADLINE_S) -> float:
    begun = time.monotonic()
    async with asyncio.timeout(deadline_s):
        while not await holds():  # noqa: ASYNC110 - it holds in another process, which tells nobody
            await asyncio.sleep(0.05)
    return time.monotonic() - begun
