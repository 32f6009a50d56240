"""Several processes on one port: one dies and the others serve; all are replaced and nobody notices."""

import asyncio
import os
import signal
import time
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from tests.cluster.nodes import DEADLINE_S, SixinNode, token, until

pytestmark = pytest.mark.timeout(180)

PAIRS = [(uid, uid + 1_000) for uid in range(1, 9)]


class Talkers:
    """Pairs who talk as fast as they are answered, each send in a new connection, and repeated until it is answered."""

    def __init__(self, node: SixinNode) -> None:
        self.node = node
        self.acknowledged: dict[tuple[int, int], str] = {}
        self.refused: Counter[str] = Counter()
        self.stop = asyncio.Event()
        self.failed = False
        """Whether nobody talks any more because one of them could not."""

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as talking:
                for pair in PAIRS:
                    talking.create_task(self._talk(*pair))
        except BaseException:
            self.failed = True
            raise

    async def _talk(self, uid: int, to: int) -> None:
        seq_id = 0
        headers = {"Authorization": f"Bearer {token(uid)}"}
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as client:
            while not self.stop.is_set():
                seq_id += 1
                content = {"type": "text", "text": f"number {seq_id}"}
                body = {"to": str(to), "seq_id": seq_id, "content": content}
                async with asyncio.timeout(DEADLINE_S):
                    while (msg_id := await self._send(client, body, headers)) is None:
                        pass
                self.acknowledged[uid, seq_id] = msg_id

    async def _send(
        self, client: aiohttp.ClientSession, body: dict[str, object], headers: dict[str, str]
    ) -> str | None:
        try:
            async with client.post(f"{self.node.url}/v1/send", json=body, headers=headers) as response:
                answer = await response.json()
        except aiohttp.ClientConnectorError:
            self.refused["connection"] += 1
            raise
        except aiohttp.ClientError as error:
            self.refused[type(error).__name__] += 1
            return None
        if response.status != 200:
            self.refused[answer["error"]["code"]] += 1
            return None
        return str(answer["message"]["msg_id"])

    async def said(self, more: int) -> None:
        """Wait until so many more are acknowledged."""
        enough = len(self.acknowledged) + more
        await until(lambda: len(self.acknowledged) >= enough or self.failed)
        assert len(self.acknowledged) >= enough, self.refused

    async def assert_there_once(self) -> None:
        """Everything that was acknowledged, under the ids that were given, in order, and nothing else."""
        async with aiohttp.ClientSession() as client:
            for uid, to in PAIRS:
                headers = {"Authorization": f"Bearer {token(to)}"}
                found: list[tuple[tuple[int, int], str]] = []
                after, more = 0, True
                while more:
                    body = {"session_id": f"{uid}:{to}", "after_version": after}
                    async with client.post(f"{self.node.url}/v1/pull_new", json=body, headers=headers) as response:
                        page = await response.json()
                    found += [((uid, message["seq_id"]), message["msg_id"]) for message in page["messages"]]
                    after, more = page["version_id"], page["more"]
                assert found == [item for item in self.acknowledged.items() if item[0][0] == uid]


async def test_all_workers_are_replaced_under_load_and_no_message_is_lost_or_doubled(
    cleared_postgres_url: str, nats_url: str
) -> None:
    node = SixinNode(cleared_postgres_url, nats_url, "--workers", "2")
    try:
        await asyncio.to_thread(node.start)
        before = workers_of(node)
        assert len(before) == 2
        talkers = Talkers(node)
        talking = asyncio.create_task(talkers.run())
        await talkers.said(50)
        os.kill(node.pid, signal.SIGHUP)
        await until(lambda: not before & workers_of(node) and len(workers_of(node)) == 2, 60)
        await talkers.said(50)
        talkers.stop.set()
        await talking

        assert talkers.refused["connection"] == 0
        await talkers.assert_there_once()
    finally:
        await asyncio.to_thread(node.__exit__, None, None, None)


async def test_a_worker_that_was_killed_is_started_again_and_the_others_serve_meanwhile(
    cleared_postgres_url: str, nats_url: str
) -> None:
    node = SixinNode(cleared_postgres_url, nats_url, "--workers", "2")
    try:
        await asyncio.to_thread(node.start)
        talkers = Talkers(node)
        talking = asyncio.create_task(talkers.run())
        await talkers.said(20)
        before = workers_of(node)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        await talkers.said(20)
        await until(lambda: len(workers_of(node) - {victim}) == 2)
        await talkers.said(20)
        talkers.stop.set()
        await talking
        assert talkers.refused["connection"] == 0
        await talkers.assert_there_once()

        # All of them drain with their parent, and none is left behind, however it ends.
        last = workers_of(node)
        os.kill(node.pid, signal.SIGKILL)
        await until(lambda: not any(map(is_alive, last)))
    finally:
        await asyncio.to_thread(node.__exit__, None, None, None)


async def test_a_worker_that_dies_before_it_serves_takes_nobody_with_it_and_is_started_again(
    cleared_postgres_url: str, nats_url: str
) -> None:
    node = SixinNode(cleared_postgres_url, nats_url, "--workers", "2")
    try:
        starting = asyncio.create_task(asyncio.to_thread(node.start))
        victim = await asyncio.to_thread(stop_the_second, node)
        await starting  # the other one serves
        talkers = Talkers(node)
        talking = asyncio.create_task(talkers.run())
        await talkers.said(20)
        os.kill(victim, signal.SIGKILL)
        await until(lambda: len(workers_of(node) - {victim}) == 2)
        await talkers.said(20)
        talkers.stop.set()
        await talking
        assert talkers.refused["connection"] == 0
    finally:
        await asyncio.to_thread(node.__exit__, None, None, None)


async def test_a_parent_that_is_told_to_stop_drains_its_workers(cleared_postgres_url: str, nats_url: str) -> None:
    node = SixinNode(cleared_postgres_url, nats_url, "--workers", "2")
    try:
        await asyncio.to_thread(node.start)
        workers = workers_of(node)
        async with aiohttp.ClientSession() as client, client.ws_connect(f"{node.url}/v1/ws") as socket:
            await socket.send_json({"id": 1, "op": "hello", "body": {"token": token(7)}})
            assert "ok" in await socket.receive_json()
            process = node.process
            process.terminate()
            # Its node may just have told it how far it is, because the bus was only now there.
            while (frame := await socket.receive_json(timeout=DEADLINE_S))["notice"] != "bye":
                assert frame["notice"] == "contact"
            assert frame["code"] == "draining"
        begun = time.monotonic()
        assert await asyncio.to_thread(process.wait, DEADLINE_S) == 0
        assert time.monotonic() - begun < DEADLINE_S
        assert not any(map(is_alive, workers))
    finally:
        await asyncio.to_thread(node.__exit__, None, None, None)


@pytest.mark.parametrize(
    ("store", "bus", "refusal"),
    [("sqlite", "local", "shared store"), ("postgresql://somewhere/sixin", "local", "a bus between them")],
)
def test_workers_need_what_they_can_share(store: str, bus: str, refusal: str) -> None:
    node = SixinNode(store, bus, "--workers", "2")
    try:
        assert refusal in node.refusal()
    finally:
        node.__exit__(None, None, None)


def stop_the_second(node: SixinNode) -> int:
    """Stop a worker that has hardly begun. Gives its pid.

    An interpreter takes a third of a second to start, and this looks every millisecond: later it might hold what the
    other one needs to begin. Earlier, before it is a program of its own, its parent stands still with it.
    """
    deadline = time.monotonic() + DEADLINE_S
    while not node.is_running or len(begun := [pid for pid in workers_of(node) if has_begun(pid)]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    victim = max(begun)
    os.kill(victim, signal.SIGSTOP)
    return victim


def has_begun(worker: int) -> bool:
    return b"sixin.cli.worker" in Path(f"/proc/{worker}/cmdline").read_bytes()


def workers_of(node: SixinNode) -> set[int]:
    listed = Path(f"/proc/{node.pid}/task/{node.pid}/children").read_text().split()
    return {int(pid) for pid in listed}


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
