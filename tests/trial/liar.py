"""A deployment that lies: a relay in front of a good server, which changes what it says over the socket.

Over HTTP it says nothing at all.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import msgspec

from sixin.server.gateway.framing import text_frame
from sixin.trial.frames import read_frame

Lie = Callable[[dict[str, Any]], dict[str, Any] | None]
"""What a frame of the server becomes; None: it is swallowed."""

ENDS = (OSError, EOFError)


class Liar:
    """Listens on a port of its own. A context manager."""

    def __init__(self, port: int, lie: Lie) -> None:
        self._port = port
        self._lie = lie
        self._carrying: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        up = asyncio.create_task(_copy(reader, far_writer))
        try:
            head = await far_reader.readuntil(b"\r\n\r\n")
            if b" 101 " in head.split(b"\r\n", 1)[0]:
                writer.write(head)
                await self._tell(far_reader, writer)
        except (*ENDS, asyncio.CancelledError):
            return
        finally:
            self._carrying.discard(task)
            up.cancel()
            await asyncio.gather(up, return_exceptions=True)
            writer.close()
            far_writer.close()

    async def _tell(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            frame = await read_frame(reader)
            if frame.payload is None:
                writer.write(frame.wire)
            elif (told := self._lie(msgspec.json.decode(frame.payload))) is not None:
                writer.write(text_frame(msgspec.json.encode(told)))
            await writer.drain()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65_536):
        writer.write(piece)
        await writer.drain()
