"""A small TCP proxy: a link that can be cut, slowed and healed, and a load balancer in front of several."""

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from types import TracebackType
from typing import Self

CHUNK_BYTES = 65_536
READY_EVERY_S = 0.3
READY_TIMEOUT_S = 1.0


class Proxy:
    """Carries connections from a port of its own to one of several others. A context manager."""

    def __init__(self, targets: Sequence[int]) -> None:
        """`targets`: ports on this machine; whoever connects is given the next that is `ready`."""
        self.targets = list(targets)
        self.ready = set(targets)
        self.delay_s = 0.0
        """How much longer each piece takes, each way."""
        self._is_cut = False
        self._turn = itertools.count()
        self._carrying: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._abort()

    async def cut(self) -> None:
        """Break every connection, and every new one."""
        self._is_cut = True
        await self._abort()

    def heal(self) -> None:
        """As fast as ever, and whole."""
        self._is_cut = False
        self.delay_s = 0.0

    async def _abort(self) -> None:
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        try:
            far = None if self._is_cut else await self._connected()
            if far is None:
                return
            try:
                await self._both_ways(reader, writer, *far)
            finally:
                far[1].transport.abort()
        except asyncio.CancelledError:
            return  # it was cut; asyncio would complain of a connection that ends by being cancelled
        finally:
            writer.transport.abort()
            self._carrying.discard(task)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in self.targets:
            ready = [port for port in self.targets if port in self.ready] or self.targets
            with contextlib.suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", ready[next(self._turn) % len(ready)])
        return None

    async def _both_ways(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        """Until either end is done: what is half closed is of no use to anybody here."""
        ways = [
            asyncio.create_task(self._copy(reader, far_writer)),
            asyncio.create_task(self._copy(far_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(CHUNK_BYTES):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()
