"""Draining: whoever was promised something gets it, new work is refused, everybody is told, and the end is clean."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from sixin.core.ids import Uid
from sixin.server import app
from sixin.server.app import Node, serve
from sixin.server.bus.local import LocalBus
from sixin.server.config import Settings
from sixin.server.gateway.listener import Listener
from sixin.server.store.memory import MemoryStore
from tests.server.house import DEADLINE_S, SECRET, TOKENS, Clock, Device, House, Json, open_house, until
from tests.server.stores import HeldStore

ANN, BOB = 1001, 1002
START_S = 20.0
SEND = b'{"to":"1002","seq_id":1,"content":{"type":"text","text":"a"}}'


@asynccontextmanager
async def served(store: MemoryStore, **settings: float) -> AsyncIterator[tuple[House, "asyncio.Task[None]"]]:
    """A node run as the command runs it: until it is told to stop by a signal."""
    node = Node(
        Settings(store="memory", port=0, requests_per_s=0, **settings),  # type: ignore[arg-type]
        store=store, bus=LocalBus(), tokens=TOKENS,
    )  # fmt: skip
    ready: asyncio.Future[Listener] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(serve(node, ready.set_result))
    async with aiohttp.ClientSession() as client:
        house = House(node, await ready, Clock(), client)
        try:
            yield house, running
        finally:
            await house.leave()
            async with asyncio.timeout(DEADLINE_S):
                await running


async def test_what_was_acknowledged_under_load_is_there_and_what_was_not_is_there_at_most_once() -> None:
    store = MemoryStore()
    async with served(store) as (house, running):
        devices = [await house.device(uid) for uid in range(1, 21)]
        talking = [asyncio.create_task(_talk(device)) for device in devices]
        await until(lambda: house.node.writer.commands > 300)
        os.kill(os.getpid(), signal.SIGTERM)
        ends = await asyncio.gather(*talking)
        async with asyncio.timeout(DEADLINE_S):
            await running

        stored = [(m.sender, m.seq_id) for m in house.state()["messages"].values()]
        assert len(stored) == len(set(stored)) >= 300
        for uid, (acknowledged, refused, last) in enumerate(ends, 1):
            assert {(uid, seq_id) for seq_id in acknowledged} <= set(stored)
            assert {(uid, seq_id) for seq_id in refused}.isdisjoint(stored)
            assert last == {"notice": "bye", "code": "draining"}


async def _talk(device: Device) -> tuple[set[int], set[int], Json | None]:
    """Send without a pause until the server says bye: what was acknowledged, what was refused, the last frame."""
    acknowledged: set[int] = set()
    refused: set[int] = set()
    last: Json | None = None
    for seq_id in range(1, 11):
        await _send(device, seq_id)
    while (frame := await device.frame()) is not None:
        last = frame
        if "id" not in frame:
            continue
        if "ok" in frame:
            acknowledged.add(frame["id"])
        else:
            assert frame["error"]["code"] == "unavailable"
            refused.add(frame["id"])
        seq_id += 1
        await _send(device, seq_id)
    return acknowledged, refused, last


async def _send(device: Device, seq_id: int) -> None:
    body = {"to": "77", "seq_id": seq_id, "content": {"type": "text", "text": "while you stop"}}
    try:
        await device.send_frame(json.dumps({"id": seq_id, "op": "send", "body": body}).encode())
    except ConnectionError:
        return  # the bye is on its way


async def test_a_draining_node_finishes_refuses_and_is_not_ready() -> None:
    store = HeldStore()
    async with open_house(store=store) as house:
        ann = await house.device(ANN)
        assert (await house.get("/readyz"))[0] == 200
        store.hold()
        await ann.send_frame(b'{"id":7,"op":"send","body":%b}' % SEND)
        asked = asyncio.create_task(house.post("/v1/send", SEND.replace(b":1,", b":2,"), token=house.token(ANN)))
        await store.holding.wait()
        await until(lambda: house.node.writer.waiting == 1)
        draining = asyncio.create_task(house.node.drain())
        await until(lambda: house.node.writer.stopping)

        status, body = await house.get("/readyz")
        assert (status, json.loads(body)) == (503, {"status": "not ready", "reason": "draining"})
        assert (await house.get("/healthz"))[0] == 200
        refused = await house.post("/v1/send", SEND.replace(b":1,", b":3,"), token=house.token(BOB))
        assert (refused.status, refused.code) == (503, "unavailable")
        assert (await ann.ask_raw("pin", b'{"to":"1002","pinned":true}')).code == "unavailable"

        store.release()
        await draining
        assert (await ann.answer(7)).ok is not None
        assert (await asked).ok is not None
        assert (await ann.rest())[-1] == {"notice": "bye", "code": "draining"}
        assert ann.socket.close_code == 1001
        assert len(house.state()["messages"]) == 2


async def test_a_drain_that_takes_too_long_tells_everyone_and_ends_cleanly() -> None:
    store = HeldStore()
    async with served(store, drain_timeout_s=0.2) as (house, running):
        ann = await house.device(ANN)
        store.hold()
        await ann.send_frame(b'{"id":7,"op":"send","body":%b}' % SEND)
        await store.holding.wait()
        await ann.send_frame(b'{"id":8,"op":"send","body":%b}' % SEND.replace(b":1,", b":2,"))
        await until(lambda: house.node.writer.waiting == 1)
        os.kill(os.getpid(), signal.SIGTERM)
        assert (await ann.answer(7)).code == "unavailable"
        assert (await ann.answer(8)).code == "unavailable"
        assert await ann.rest() == [{"notice": "bye", "code": "draining"}]
        async with asyncio.timeout(DEADLINE_S):
            await running
        assert house.state()["messages"] == {}


async def test_who_said_nothing_yet_is_told_too() -> None:
    async with served(MemoryStore()) as (house, _):
        silent = await house.connect()
        os.kill(os.getpid(), signal.SIGTERM)
        assert await silent.rest() == [{"notice": "bye", "code": "draining"}]


@pytest.mark.parametrize("said_before", [0, 30, -1], ids=["nothing", "half the head", "all but the end"])
async def test_who_was_let_in_before_the_port_closed_is_still_answered(
    said_before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a balancer has a connection when the node is told to stop, and sends its request the moment after."""
    monkeypatch.setattr(app, "LET_IN_S", DEADLINE_S)
    async with served(MemoryStore()) as (house, running):
        address = URL(house.url)
        reader, writer = await asyncio.open_connection(address.host, address.port)
        request = b"POST /v1/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b" % (
            house.token(ANN).encode(),
            len(SEND),
            SEND,
        )
        writer.write(request[:said_before])
        assert (await house.get("/healthz"))[0] == 200  # who came later has been let in
        os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: not _takes_connections(address))
        writer.write(request[said_before:])
        async with asyncio.timeout(DEADLINE_S):
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            writer.close()
            await running
        assert len(house.state()["messages"]) == 1


async def test_a_kept_connection_ends_with_its_answer_and_is_not_refused_its_next_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a balancer keeps some: what it asks next, it asks another node."""
    monkeypatch.setattr(app, "LET_IN_S", DEADLINE_S)
    store = HeldStore()
    async with served(store) as (house, running):
        address = URL(house.url)
        healthy = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        quiet, quiets = await asyncio.open_connection(address.host, address.port)
        busy, busys = await asyncio.open_connection(address.host, address.port)
        for reader, writer in ((quiet, quiets), (busy, busys)):
            writer.write(healthy)
            assert b"Connection: close" not in await reader.readuntil(b"}")
        store.hold()
        busys.write(
            b"POST /v1/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b"
            % (house.token(ANN).encode(), len(SEND), SEND)
        )
        await store.holding.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(DEADLINE_S):
            assert await quiet.read() == b""
            assert not running.done()
            store.release()
            answer = await busy.read()
            await running
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"Connection: close\r\n" in answer
        for writer in (quiets, busys):
            writer.close()


def _takes_connections(address: URL) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address.host, address.port)) == 0


async def test_the_command_ends_with_code_0_and_its_port_is_free(tmp_path: Path) -> None:
    command = ("serve", "--store", "memory", "--port", "0", "--data", str(tmp_path))
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sixin.cli.main", *command,
        env={**os.environ, "SIXIN_SECRET": SECRET}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert server.stdout is not None
    assert server.stderr is not None
    try:
        async with asyncio.timeout(START_S):
            url = (await server.stdout.readline()).split()[-1].decode()
        async with aiohttp.ClientSession() as client:
            device = Device(await client.ws_connect(f"{url}/v1/ws"))
            token = TOKENS.mint(Uid(ANN), now_s=Clock()() / 1_000, ttl_s=60)
            await device.ask("hello", token=token)
            await device.say(BOB, "the last word", 1)
            server.send_signal(signal.SIGTERM)
            assert (await device.rest())[-1] == {"notice": "bye", "code": "draining"}
            await device.socket.close()
        async with asyncio.timeout(START_S):
            errors = await server.stderr.read()
            assert await server.wait() == 0, errors
        assert [json.loads(line)["event"] for line in errors.splitlines()] == ["serving", "draining", "stopped"]
        host, port = url.removeprefix("http://").split(":")
        again = await asyncio.start_server(lambda reader, writer: None, host, int(port))
        again.close()
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()
