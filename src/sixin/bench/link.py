"""One connection of the load generator: writes frames as they are, reads an answer no further than its number.

A client that decoded everything would measure itself. Frames are masked with a key of zeros: the server does the
same work for every key, and we do none.
"""

import asyncio
import base64
import secrets
from collections.abc import Callable
from time import perf_counter
from typing import cast

import msgspec
from msgspec import Raw, Struct

from sixin.core.wire.codec import SUBPROTOCOL, encode

ANSWER_TIMEOUT_S = 30.0

TEXT, CLOSE, PING = 0x81, 0x88, 0x89
_ZERO_KEY = b"\0\0\0\0"
_OF_AN_ANSWER = ord("i")
"""An answer starts with `{"id"`, a notice with `{"notice"`: the third byte tells them apart."""


class Broken(Exception):
    """The server refused the connection, or ended it."""


def client_frame(payload: bytes, first: int = TEXT) -> bytes:
    """A whole masked frame."""
    size = len(payload)
    if size <= 125:
        return bytes((first, 0x80 | size)) + _ZERO_KEY + payload
    if size < 1 << 16:
        return bytes((first, 0xFE, size >> 8, size & 0xFF)) + _ZERO_KEY + payload
    return bytes((first, 0xFF)) + size.to_bytes(8, "big") + _ZERO_KEY + payload


Answered = Callable[["Link", int, bytes, float], None]
"""Told each answer: the link, the request's number, the whole payload, and the time it was read."""


class Link(asyncio.Protocol):
    """A connection of one user. Answers go to `answered`; notices are counted, and go to `noticed` if there is one."""

    def __init__(self, number: int, answered: Answered) -> None:
        """`number`: which connection of the run this is; it says whose it is."""
        self.number = number
        self.answered = answered
        self.noticed: Callable[[Link, bytes], None] | None = None
        self.write: Callable[[bytes], None]
        self.due: dict[int, float] = {}
        """Requests under way, by number: when each should have been sent."""
        self.frames = 0
        """Frames read: answers and notices."""
        self.bytes_read = 0
        self.lost = False
        self._rest = b""
        self._upgraded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    async def open(self, host: str, port: int, token: str) -> None:
        """Connect and say hello. Raises `Broken`."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await loop.create_connection(lambda: self, host, port)
            await self._upgraded
        await Calls(self).call("hello", {"token": token, "device_id": f"bench-{self.number}"})

    def close(self) -> None:
        """Leave; nobody is told."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self._transport = transport = cast("asyncio.Transport", transport)
        self.write = transport.write
        host, port = transport.get_extra_info("peername")[:2]
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        transport.write(
            f"GET /v1/ws HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self.lost = True
        if not self._upgraded.done():
            self._upgraded.set_exception(Broken("The server ended the connection during the handshake."))

    def data_received(self, data: bytes) -> None:
        """Take apart what came."""
        self.bytes_read += len(data)
        if self._rest:
            data = self._rest + data
        if not self._upgraded.done():
            data = self._upgrade(data)
            if not self._upgraded.done():
                return
        # One function with local names: at full load this loop runs a hundred thousand times a second.
        now = perf_counter()
        at, end, frames = 0, len(data), 0
        while end - at >= 2:
            size, start = data[at + 1], at + 2
            if size == 126:
                start = at + 4
                if start > end:
                    break
                size = data[at + 2] << 8 | data[at + 3]
            elif size == 127:
                start = at + 10
                if start > end:
                    break
                size = int.from_bytes(data[at + 2 : start], "big")
            stop = start + size
            if stop > end:
                break
            if data[at] != TEXT:
                self._control(data[at], data[start:stop])
            elif data[start + 2] == _OF_AN_ANSWER:
                frames += 1
                payload = data[start:stop]
                self.answered(self, int(payload[6 : payload.index(b",", 6)]), payload, now)
            else:
                frames += 1
                if self.noticed is not None:
                    self.noticed(self, data[start:stop])
            at = stop
        self.frames += frames
        self._rest = data[at:]

    def _upgrade(self, data: bytes) -> bytes:
        head, separator, rest = data.partition(b"\r\n\r\n")
        if not separator:
            self._rest = data
            return b""
        self._rest = b""
        if head.startswith(b"HTTP/1.1 101 "):
            self._upgraded.set_result(None)
        else:
            self._upgraded.set_exception(Broken(head.partition(b"\r\n")[0].decode("latin-1")))
        return rest

    def _control(self, first: int, payload: bytes) -> None:
        if first == PING:
            self.write(client_frame(payload, first=0x8A))
        elif first == CLOSE:
            self.lost = True
            self.close()


class _Answer(Struct):
    id: int
    ok: Raw = Raw()
    error: Raw = Raw()


_answer = msgspec.json.Decoder(_Answer)


class Refused(Exception):
    """The server refused a request; the message is its error, as JSON."""


class Calls:
    """Requests that are waited for, for what is prepared and looked at around the measuring. Owns a link's answers."""

    def __init__(self, link: Link) -> None:
        """Take the answers of `link` from now on."""
        self._link = link
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._next_id = 0
        link.answered = self._answered

    async def call(self, op: str, body: object) -> Raw:
        """The answer's body. Raises `Refused`, and `TimeoutError` after `ANSWER_TIMEOUT_S`."""
        self._next_id += 1
        request_id = self._next_id
        future = self._waiting[request_id] = asyncio.get_running_loop().create_future()
        self._link.write(client_frame(encode({"id": request_id, "op": op, "body": body})))
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            answer = _answer.decode(await future)
        if answer.error:
            raise Refused(bytes(answer.error).decode())
        return answer.ok

    def _answered(self, link: Link, request_id: int, payload: bytes, now: float) -> None:
        future = self._waiting.pop(request_id, None)
        if future is not None and not future.done():
            future.set_result(payload)
