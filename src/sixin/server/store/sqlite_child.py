"""One SQLite process as its server sees it: asked through a socket, watched, and started again when it dies."""

import asyncio
import contextlib
import logging
import os
import socket
import sys
from asyncio.subprocess import Process
from collections import deque
from pathlib import Path
from typing import Literal, NamedTuple, cast

from sixin.core import errors
from sixin.core.limits import (
    DRAIN_TIMEOUT_S,
    SQLITE_OPEN_TIMEOUT_S,
    SQLITE_RESTART_MAX_S,
    SQLITE_RESTART_MIN_S,
    STORE_TIMEOUT_S,
)
from sixin.server.store.base import StoreRefused
from sixin.server.store.sqlite_requests import AnyRequest, Failure, Frames, Open, answer_of, request_frame

log = logging.getLogger(__name__)

_PROGRAM = "sixin.server.store.sqlite_process"
_WATCH_EVERY_S = 1.0
"""How often a process is asked after, and how long one that let go of its socket may take to end."""

Name = Literal["writer", "reader"]


class Asked(NamedTuple):
    """Somebody who waits for an answer, and since when."""

    answer: asyncio.Future[memoryview]
    since_s: float


class _Link(asyncio.Protocol):
    """The socket to one process, as long as that lives. Answers come in the order of the requests."""

    def __init__(self, name: Name, loop: asyncio.AbstractEventLoop) -> None:
        self._name = name
        self._loop = loop
        self._frames = Frames()
        self._asked: deque[Asked] = deque()
        self._outgoing: list[bytes] = []
        self._transport: asyncio.WriteTransport | None = None
        self.gone = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Requests without an answer yet."""
        return len(self._asked)

    @property
    def waited_s(self) -> float:
        """For how long the oldest of them has been waiting."""
        return self._loop.time() - self._asked[0].since_s if self._asked else 0.0

    def ask(self, request: AnyRequest) -> asyncio.Future[memoryview]:
        """Send a request. Reads of one turn of the loop leave together; a batch leaves at once, because this process
        has work of its own while it is being written."""
        answer: asyncio.Future[memoryview] = self._loop.create_future()
        self._asked.append(Asked(answer, self._loop.time()))
        if self._name == "writer" and self._transport is not None:
            self._transport.write(request_frame(request))
            return answer
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append(request_frame(request))
        return answer

    def _flush(self) -> None:
        if self._transport is not None:
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    def close(self) -> None:
        """Let go: the process does what it was asked, and ends."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is ours."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Answers, in the order of the requests."""
        for body in self._frames.receive(data):
            answer = self._asked.popleft().answer
            given = answer_of(memoryview(body))
            if isinstance(given, Failure) and given.kind != "refused":  # that one goes to whoever starts the store
                log.warning("store_failed", extra={"role": self._name, "reason": given.message, "detail": given.detail})
            if answer.done():
                continue  # whoever asked has given up
            if isinstance(given, Failure):
                answer.set_exception(given.to_raise())
            else:
                answer.set_result(given)

    def connection_lost(self, exc: Exception | None) -> None:
        """The process is gone: whether it did what it was asked, nobody can say."""
        self._transport = None
        while self._asked:
            answer = self._asked.popleft().answer
            if not answer.done():
                answer.set_exception(errors.Unavailable())
        self.gone.set()


class SqliteChild:
    """Keeps one process alive, and hands requests to it."""

    def __init__(self, name: Name, data: Path, *, waiting_max: int) -> None:
        """`waiting_max`: requests that may wait for an answer; what comes then is refused."""
        self._name: Name = name
        self._data = data
        self._waiting_max = waiting_max
        self._link: _Link | None = None
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process; None while there is none that could be asked."""
        return self._process.pid if self._process is not None and self._link is not None else None

    @property
    def waiting(self) -> int:
        """Requests without an answer yet."""
        return self._link.waiting if self._link is not None else 0

    async def start(self) -> None:
        """Start the process and have it open the file. Raises `StoreRefused`."""
        try:
            await self._start()
        except errors.Unavailable as error:
            raise StoreRefused(f"The {self._name} of the store did not start: {error}") from error
        self._keeper = asyncio.create_task(self._keep(), name=f"sqlite-{self._name}")

    async def stop(self) -> None:
        """Let the process finish what it was asked, and end."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        await self._end(DRAIN_TIMEOUT_S)

    def ask(self, request: AnyRequest) -> asyncio.Future[memoryview]:
        """The answer to come, still encoded; it fails with what the request fails with.

        Raises `Unavailable` at once while there is no process, and when too many requests wait.
        """
        link = self._link
        if link is None or link.gone.is_set():
            raise errors.Unavailable("The store is being started again; try again in a moment.")
        if link.waiting >= self._waiting_max:
            raise errors.Unavailable("Too much is waiting for the store; try again in a moment.")
        return link.ask(request)

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        try:
            # A new program and not a fork: this process has a loop, threads and connections that are nobody else's.
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", _PROGRAM, self._name, os.fspath(self._data), str(theirs.fileno())),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            ours.close()
            raise errors.Unavailable(f"No process can be started: {error.strerror}.") from None
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        try:
            _, link = await loop.create_unix_connection(lambda: _Link(self._name, loop), sock=ours)
            async with asyncio.timeout(SQLITE_OPEN_TIMEOUT_S):
                await link.ask(Open())
        except TimeoutError:
            await self._end(0)
            raise errors.Unavailable(f"It has not opened the file within {SQLITE_OPEN_TIMEOUT_S:.0f} s.") from None
        except BaseException:
            await self._end(0)
            raise
        self._link = link

    async def _keep(self) -> None:
        """Wait for the process to die, start it again, and so on."""
        loop = asyncio.get_running_loop()
        pause_s = SQLITE_RESTART_MIN_S
        while True:
            started_s = loop.time()
            await self._watch()
            status = await self._end(_WATCH_EVERY_S)
            if loop.time() - started_s > SQLITE_RESTART_MAX_S:
                pause_s = SQLITE_RESTART_MIN_S
            log.error("store_process_died", extra={"role": self._name, "status": status, "again_in_s": pause_s})
            while self._link is None:
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, SQLITE_RESTART_MAX_S)
                try:
                    await self._start()
                except (StoreRefused, errors.SixinError) as error:
                    log.error(
                        "store_process_not_started",
                        extra={"role": self._name, "reason": str(error), "again_in_s": pause_s},
                    )

    async def _watch(self) -> None:
        """Until the process is gone; one that does not answer any more is taken for dead."""
        link, process = self._link, self._process
        assert link is not None  # noqa: S101 - `_start` gave both
        assert process is not None  # noqa: S101
        while not link.gone.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_WATCH_EVERY_S):
                    await link.gone.wait()
            if link.waited_s > STORE_TIMEOUT_S:
                log.error("store_process_stuck", extra={"role": self._name, "waited_s": link.waited_s})
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                return

    async def _end(self, patience_s: float) -> int | None:
        """See the process to its end; kill it when it takes longer. Gives its exit status."""
        link, process = self._link, self._process
        self._link = self._process = None
        if link is not None:
            link.close()
        if process is None:
            return None
        try:
            async with asyncio.timeout(patience_s):
                return await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            return await process.wait()
