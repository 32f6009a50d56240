"""The proxy between the devices of a run and the deployment: it cuts, delays, doubles, loses and moves what passes.

It knows WebSocket frames, and does nothing that a network, a retrying device or a full buffer could not have done: a
notice may be lost, moved or come twice; a request may come twice, one right behind the other; and whatever is on its
way when a connection is cut arrives up to some byte. What passes is written into the history here, so that a request
that came twice stands there twice.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Coroutine
from random import Random
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

from sixin.core.limits import CONNECT_TIMEOUT_S
from sixin.trial.frames import Frame, NoFrame, read_frame
from sixin.trial.recorder import Recorder
from sixin.trial.tap import Logins, Tap
from sixin.trial.weather import Done, Weather

HEAD_END: Final = b"\r\n\r\n"
CHUNK_BYTES: Final = 65_536
LINK_ENDS = (OSError, EOFError, TimeoutError, NoFrame, asyncio.LimitOverrunError)


class Address(NamedTuple):
    """Where a deployment is."""

    host: str
    port: int
    tls: bool
    path: str
    """What stands before `/v1`, without a slash at its end."""

    @classmethod
    def of(cls, url: str) -> "Address":
        """From what a client would be given. Raises `ValueError`."""
        parts = urlsplit(url)
        scheme = {"http": "http", "ws": "http", "https": "https", "wss": "https"}.get(parts.scheme)
        if scheme is None or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError(f"{url!r} is not the address of a server, such as https://chat.example.org.")
        tls = scheme == "https"
        path = parts.path.rstrip("/").removesuffix("/v1/ws")
        return cls(parts.hostname, parts.port or (443 if tls else 80), tls, path)

    @property
    def url(self) -> str:
        """For HTTP, without a slash at its end."""
        return f"{'https' if self.tls else 'http'}://{self.host_header.decode()}{self.path}"

    @property
    def host_header(self) -> bytes:
        """What the deployment expects to be called."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}").encode()


class _Cut(Exception):
    """The weather ended this connection."""


class _Way(NamedTuple):
    """One direction of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Proxy:
    """Listens on a port of its own. A context manager."""

    def __init__(self, target: Address, chance: Random, weather: Weather, recorder: Recorder, logins: Logins) -> None:
        self._target = target
        self._chance = chance
        self._weather = weather
        self._recorder = recorder
        self._logins = logins
        self._tls = ssl.create_default_context() if target.tls else None
        self._carrying: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.url = ""
        """Where the devices connect."""
        self.done = Done()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}{self._target.path}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None  # noqa: S101 - entered before it is left
        self._server.close()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    def _happens(self, fault: str, likely: float) -> bool:
        if self._chance.random() >= likely:
            return False
        self.done.count(fault)
        return True

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio makes one for each connection
        self._carrying.add(task)
        try:
            if not self._happens("connections refused", self._weather.refuses):
                await self._connect(_Way(reader, writer))
        except asyncio.CancelledError:
            return  # the run is over; asyncio would complain of a connection that ends by being cancelled
        except _Cut:
            writer.transport.abort()
        except LINK_ENDS:
            return
        finally:
            writer.close()  # and not abort: what the server said last is to arrive
            self._carrying.discard(task)

    async def _connect(self, near: _Way) -> None:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            head = self._addressed(await near.reader.readuntil(HEAD_END))
            far = _Way(*await asyncio.open_connection(self._target.host, self._target.port, ssl=self._tls))
        try:
            far.writer.write(head)
            if b"upgrade: websocket" not in head.lower():
                await _both(self._pass_bytes(near.reader, far.writer), self._pass_bytes(far.reader, near.writer))
                return
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                answer = await far.reader.readuntil(HEAD_END)
            near.writer.write(answer)
            if answer.split(b" ", 2)[1] == b"101":
                await self._converse(near, far)
            else:
                await _both(self._pass_bytes(near.reader, far.writer), self._pass_bytes(far.reader, near.writer))
        finally:
            far.writer.close()

    def _addressed(self, head: bytes) -> bytes:
        """The head of a request, addressed to the deployment: it may be one of several behind one port."""
        lines = head.split(b"\r\n")
        return b"\r\n".join(
            b"Host: " + self._target.host_header if line.lower().startswith(b"host:") else line for line in lines
        )

    async def _converse(self, near: _Way, far: _Way) -> None:
        tap = Tap(self._recorder, self._logins)
        try:
            await _both(self._carry_requests(near.reader, far.writer, tap), self._carry_told(far.reader, near, tap))
        finally:
            tap.closed()

    async def _carry_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tap: Tap) -> None:
        while True:
            frame = await read_frame(reader)
            if frame.payload is not None:
                tap.sent(frame.payload)
                await self._wait()
                await self._maybe_cut(frame, writer)
                if self._happens("requests doubled", self._weather.doubles):
                    tap.sent(frame.payload)
                    writer.write(frame.wire)
            writer.write(frame.wire)
            await writer.drain()

    async def _carry_told(self, reader: asyncio.StreamReader, near: _Way, tap: Tap) -> None:
        late: Frame | None = None
        while True:
            frame = await read_frame(reader)
            held = None
            for copy in self._arriving(frame):
                if copy is frame and late is None and self._moves(frame):
                    held = frame
                    continue
                await self._wait()
                await self._maybe_cut(copy, near.writer)
                self._hand_over(copy, near.writer, tap)
            if late is not None:
                self._hand_over(late, near.writer, tap)
            late = held
            await near.writer.drain()

    def _hand_over(self, frame: Frame, writer: asyncio.StreamWriter, tap: Tap) -> None:
        if frame.payload is not None:
            tap.arrived(frame.payload)
        writer.write(frame.wire)

    def _arriving(self, frame: Frame) -> list[Frame]:
        """How often a frame of the server arrives: only a notice may be lost, or come twice."""
        if not _is_notice(frame):
            return [frame]
        if self._happens("notices lost", self._weather.loses_notice):
            return []
        return [frame, frame] if self._happens("notices doubled", self._weather.doubles_notice) else [frame]

    def _moves(self, frame: Frame) -> bool:
        return _is_notice(frame) and self._happens("notices moved", self._weather.moves_notice)

    async def _wait(self) -> None:
        if self._happens("frames delayed", self._weather.delays):
            await asyncio.sleep(self._chance.random() * self._weather.delay_max_s)

    async def _maybe_cut(self, frame: Frame, writer: asyncio.StreamWriter) -> None:
        """End the connection with a part of this frame on its way."""
        if not self._happens("connections cut", self._weather.cuts):
            return
        writer.write(frame.wire[: self._chance.randrange(len(frame.wire))])
        with contextlib.suppress(OSError):
            await writer.drain()
        raise _Cut

    async def _pass_bytes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(CHUNK_BYTES):
            await self._wait()
            await self._maybe_cut(Frame(piece, None), writer)
            writer.write(piece)
            await writer.drain()


def _is_notice(frame: Frame) -> bool:
    """A notice that may be lost; a bye is none of those."""
    told = frame.payload or b""
    return told.startswith(b'{"notice"') and not told.startswith(b'{"notice":"bye"')


async def _both(one: Coroutine[Any, Any, None], other: Coroutine[Any, Any, None]) -> None:
    """Carry both ways until either ends. Raises what ended it."""
    ways = [asyncio.ensure_future(one), asyncio.ensure_future(other)]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        outcomes = await asyncio.gather(*ways, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
