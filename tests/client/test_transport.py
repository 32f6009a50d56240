"""The real transport on real sockets: whatever happens to a connection, it is lost and nothing else."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from sixin.client import LinkLost
from sixin.client.transport import WebSocketTransport
from sixin.core.wire.codec import SUBPROTOCOL
from tests.services.server import free_port

WAIT_S = 20.0


class Door:
    """A WebSocket server that says hello, pings, and cuts the connection when it is told to."""

    def __init__(self) -> None:
        self.url = ""
        self.pinged = asyncio.Event()
        self.cut = asyncio.Event()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=(SUBPROTOCOL,), autoping=False)
        await socket.prepare(request)
        await socket.ping()
        self.pinged.set()
        await self.cut.wait()
        assert request.transport is not None
        request.transport.abort()
        return socket


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    door = Door()
    app = web.Application()
    app.router.add_get("/v1/ws", door.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    door.url = f"http://127.0.0.1:{port}"
    yield door
    door.cut.set()
    await runner.cleanup()


async def test_a_ping_from_a_connection_that_broke_before_it_was_read_is_a_lost_link(door: Door) -> None:
    transport = WebSocketTransport(door.url)
    try:
        async with asyncio.timeout(WAIT_S):
            channel = await transport.connect()
            await door.pinged.wait()
            door.cut.set()
            with pytest.raises(LinkLost):  # noqa: PT012 - until it is noticed that the connection is gone
                while True:
                    await channel.send(b"{}")
                    await asyncio.sleep(0)
            with pytest.raises(LinkLost):
                await channel.receive()
            await channel.close()
    finally:
        await transport.close()
