"""A cable between a node and PostgreSQL that can be cut at a chosen word."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit


class Cable:
    """Carries bytes both ways. Once armed with a word of the client's, it passes that word on, swallows the answer
    and breaks. A context manager."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._word = b""
        self.cuts = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """PostgreSQL at the near end."""
        port = self._server.sockets[0].getsockname()[1]
        login = self._parts.netloc.rpartition("@")[0]
        return urlunsplit(self._parts._replace(netloc=f"{login}@127.0.0.1:{port}"))

    def cut_after(self, word: bytes) -> None:
        """Break the link the next time its client says this."""
        self._word = word

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        far_reader, far_writer = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        broken = asyncio.Event()
        answers = asyncio.create_task(_copy(far_reader, writer, broken))
        try:
            while data := await reader.read(65_536):
                if self._word and self._word in data:
                    self._word = b""
                    self.cuts += 1
                    broken.set()
                far_writer.write(data)
                await far_writer.drain()
                if broken.is_set():
                    # Only when the answer is here is it certain that the server did what it was told.
                    await answers
                    return
        except ConnectionError:
            pass  # either end may go at any time
        finally:
            answers.cancel()
            writer.transport.abort()
            far_writer.transport.abort()
            self._tasks.discard(task)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, broken: asyncio.Event) -> None:
    """Carry answers; the first one after the break is swallowed, and none comes after it."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            if broken.is_set():
                return
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
