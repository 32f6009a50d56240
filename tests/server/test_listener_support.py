"""What the listener's tests stand on: a small house with one port, a handler that takes notes, and a raw client."""

import asyncio
import contextlib
import functools
import inspect
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop
from aiohttp import web

from sixin.server.gateway.framing import CLOSE, FIN, MASKED, PING, TEXT, mask
from sixin.server.gateway.listener import (
    Accepted,
    Listener,
    ListenerLimits,
    Refused,
    Socket,
    UpgradeRequest,
    listen,
)

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]
MASK_KEY = b"\x12\x34\x56\x78"


def frame(first: int, payload: bytes, *, masked: bool = True) -> bytes:
    """A client's frame with this first byte."""
    size, bit = len(payload), MASKED if masked else 0
    if size < 126:
        header = bytes((first, bit | size))
    elif size < 1 << 16:
        header = bytes((first, bit | 126)) + size.to_bytes(2, "big")
    else:
        header = bytes((first, bit | 127)) + size.to_bytes(8, "big")
    return header + MASK_KEY + mask(MASK_KEY, payload) if masked else header + payload


def text(payload: bytes) -> bytes:
    return frame(FIN | TEXT, payload)


@dataclass
class Notes:
    """A handler that writes down what it is told; `echo` sends each message back."""

    echo: bool = True
    socket: Socket | None = None
    messages: list[bytes] = field(default_factory=list)
    ends: list[tuple[int, str]] = field(default_factory=list)
    drained: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def opened(self, socket: Socket) -> None:
        self.socket = socket

    def received(self, payload: bytes) -> None:
        self.messages.append(payload)
        if payload == b"fail":
            raise RuntimeError("asked to")
        if payload == b"close":
            self.the_socket.close(4000, "asked to")
        if self.echo:
            self.the_socket.write([payload])

    def writable(self) -> None:
        self.drained += 1

    def closed(self, code: int, reason: str) -> None:
        self.ends.append((code, reason))
        self.ended.set()

    @property
    def the_socket(self) -> Socket:
        assert self.socket is not None
        return self.socket

    async def end(self) -> tuple[int, str]:
        await asyncio.wait_for(self.ended.wait(), 5)
        # Time for a second, wrong, call.
        await asyncio.sleep(0.02)
        [end] = self.ends
        return end


@dataclass
class House:
    listener: Listener
    handlers: list[Notes]
    requests: list[UpgradeRequest]

    @property
    def port(self) -> int:
        return self.listener.port


@contextlib.asynccontextmanager
async def a_house(
    *, echo: bool = True, refuse: Refused | None = None, ssl: Any = None, **limits: Any
) -> AsyncIterator[House]:
    handlers: list[Notes] = []
    requests: list[UpgradeRequest] = []

    def upgrade(request: UpgradeRequest) -> Accepted | Refused:
        requests.append(request)
        if request.target.endswith("?fail"):
            raise RuntimeError("asked to")
        if refuse is not None:
            return refuse
        handlers.append(Notes(echo=echo))
        return Accepted(handlers[-1])

    async def count(request: web.Request) -> web.Response:
        return web.json_response({"path": request.path, "bytes": len(await request.read())})

    app = web.Application()
    app.router.add_route("*", "/{path:count.*}", count)
    listener = await listen(
        host="127.0.0.1", port=0, http=app, upgrade=upgrade, limits=ListenerLimits(**limits), ssl=ssl
    )
    try:
        yield House(listener, handlers, requests)
    finally:
        async with asyncio.timeout(15):
            await listener.close()


@dataclass
class RawClient:
    """Bytes to the port and bytes back; frames are read by the letter of the RFC, without the code under test."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """One HTTP answer: status, headers by lower-case name, body."""
        async with asyncio.timeout(5):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            status_line, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return int(status_line.split()[1]), headers, body

    async def frame(self) -> tuple[int, bytes]:
        async with asyncio.timeout(5):
            first, size = await self.reader.readexactly(2)
            assert size < 128, "a server does not mask"
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2), "big")
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8), "big")
            return first, await self.reader.readexactly(size)

    async def message(self) -> bytes:
        first, payload = await self.frame()
        assert first == FIN | TEXT
        return payload

    async def close_code(self) -> int:
        """The code of the Close that comes next; pings may stand before it."""
        first, payload = await self.frame()
        while first == FIN | PING:
            first, payload = await self.frame()
        assert first == FIN | CLOSE, (first, payload)
        return int.from_bytes(payload[:2], "big")

    async def end(self) -> bytes:
        """What still comes until TCP ends."""
        async with asyncio.timeout(5):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


def upgrade_head(*more: str, target: str = "/v1/ws", **changed: str | None) -> bytes:
    """A correct head; `sec_websocket_key=None` leaves one out, a text changes it, `more` adds lines."""
    headers: dict[str, str | None] = {
        "host": "localhost",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-key": KEY,
        "sec-websocket-protocol": "sixin.v1.json",
    }
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join((f"GET {target} HTTP/1.1", *lines, *more, "", "")).encode()


@contextlib.asynccontextmanager
async def a_connection(port: int, **stream: Any) -> AsyncIterator[RawClient]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **stream)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def a_client(house: House, **stream: Any) -> AsyncIterator[RawClient]:
    """A raw client whose handshake is done."""
    async with a_connection(house.port, **stream) as client:
        client.send(upgrade_head())
        status, _, _ = await client.answer()
        assert status == 101
        yield client


def error_code(body: bytes) -> str:
    return str(json.loads(body)["error"]["code"])


def on_both_loops(story: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test on asyncio's own loop and on uvloop: their transports differ in what they promise."""

    @pytest.mark.parametrize("new_loop", LOOPS, ids=["asyncio", "uvloop"])
    def test(new_loop: Callable[[], asyncio.AbstractEventLoop], **wanted: Any) -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(story(**wanted))

    functools.update_wrapper(test, story)
    # pytest passes what the signature names; it would find the story's own behind __wrapped__.
    signature = inspect.signature(story)
    new_loop = inspect.Parameter("new_loop", inspect.Parameter.KEYWORD_ONLY)
    vars(test)["__signature__"] = signature.replace(parameters=[*signature.parameters.values(), new_loop])
    del vars(test)["__wrapped__"]
    plain: Callable[..., None] = test
    return plain


async def until(holds: Callable[[], bool]) -> None:
    """Look until it is so, at most 5 s."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110  what is looked at has no event
            await asyncio.sleep(0.01)
