"""`sixin serve --workers N`: the parent of several processes that share one port.

The parent opens the port and never closes it before the end, so that nobody is refused while workers come and go: what
nobody has taken yet waits in the port for the next one. It serves nobody itself.

    SIGTERM, SIGINT   every worker drains; then the parent ends
    SIGHUP            one worker after the other: a new one first, then the old one drains
    a worker dies     it is started again, at once at first, later and later when it dies again and again; the parent
                      ends by itself only where none of them served to begin with
"""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from sixin.cli.worker import READY
from sixin.core.limits import (
    WORKER_LIVED_S,
    WORKER_READY_TIMEOUT_S,
    WORKER_RESTART_MAX_S,
    WORKER_RESTART_MIN_S,
    WORKER_STOP_EXTRA_S,
)
from sixin.server.auth import load_secret, secret_refused
from sixin.server.config import Settings, SettingsRefused
from sixin.server.gateway.listener import BACKLOG

log = logging.getLogger(__name__)

Process = asyncio.subprocess.Process


class NotStarted(Exception):
    """A worker ended, or was silent, before it served."""


def check_shared(settings: Settings) -> None:
    """Several processes need a store and a bus that they can share. Raises `SettingsRefused`."""
    if not settings.store.startswith(("postgresql://", "postgres://")):
        raise SettingsRefused("More than one worker needs a shared store: --store postgresql://…")
    if settings.bus == "local":
        raise SettingsRefused("More than one worker needs a bus between them: --bus nats://…")


async def run_workers(settings: Settings) -> int:
    """Until SIGTERM or SIGINT. Raises `SettingsRefused`, and `OSError` when the port cannot be had."""
    check_shared(settings)
    with secret_refused():
        secret = load_secret(Path(settings.data), settings.secret)
    with closing(_opened(settings.host, settings.port)) as port:
        number = port.getsockname()[1]
        name = settings.node or f"{socket.gethostname()}:{number}"
        return await Workers(replace(settings, secret=secret, port=number, node=name), port).run()


class Workers:
    """The workers of one parent. `run` owns everything that waits."""

    def __init__(self, settings: Settings, port: socket.socket) -> None:
        self._settings = settings
        self._port = port
        self._slots = [Slot(self, nth) for nth in range(settings.workers)]
        self._stopping = asyncio.Event()
        self._restarting = asyncio.Event()

    async def run(self) -> int:
        """Start them, keep them, stop them; the exit code."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._restarting.set)
        started = await asyncio.gather(*(slot.start() for slot in self._slots))
        if not any(started):
            return 1
        host = self._settings.host
        print(f"Sixin serves at http://{f'[{host}]' if ':' in host else host}:{self._settings.port}", flush=True)
        try:
            await self._keep()
        finally:
            await self._stop()
        return 0

    async def _keep(self) -> None:
        watching = [asyncio.create_task(_logged(slot.keep())) for slot in self._slots]
        watching.append(asyncio.create_task(_logged(self._restart_when_told())))
        await self._stopping.wait()
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)

    async def _restart_when_told(self) -> None:
        while True:
            await self._restarting.wait()
            self._restarting.clear()
            log.info("rolling_restart", extra={"workers": len(self._slots)})
            for slot in self._slots:
                await slot.replace()
            log.info("rolling_restart_done", extra={"workers": len(self._slots)})

    async def _stop(self) -> None:
        await asyncio.gather(*(slot.stop() for slot in self._slots))

    async def spawn(self, nth: int) -> Process:
        """A worker that serves. Raises `NotStarted`; the worker has then said why."""
        settings = replace(self._settings, node=f"{self._settings.node}/{nth}", workers=1)
        fd = self._port.fileno()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "sixin.cli.worker",
            str(fd),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[fd],
            start_new_session=True,
        )
        assert process.stdin is not None  # noqa: S101 - a pipe was asked for
        assert process.stdout is not None  # noqa: S101 - the same
        try:
            process.stdin.write(msgspec.json.encode(settings) + b"\n")
            async with asyncio.timeout(WORKER_READY_TIMEOUT_S):
                said = await process.stdout.readline()
        except BaseException:
            await self.end(process, signal.SIGKILL)
            raise
        if said.decode() != READY:
            await self.end(process, signal.SIGKILL)
            raise NotStarted
        log.info("worker_serves", extra={"worker": nth, "pid": process.pid})
        return process

    async def end(self, process: Process, how: signal.Signals = signal.SIGTERM) -> None:
        """Let a worker drain, and no longer than it may take."""
        if process.returncode is None:
            process.send_signal(how)
        try:
            async with asyncio.timeout(self._settings.drain_timeout_s + WORKER_STOP_EXTRA_S):
                await process.wait()
        except TimeoutError:
            log.warning("worker_did_not_stop", extra={"pid": process.pid})
            process.kill()
            await process.wait()


class Slot:
    """The place of one worker: it keeps its number, whichever process has it."""

    def __init__(self, workers: Workers, nth: int) -> None:
        self._workers = workers
        self._nth = nth
        self._process: Process | None = None
        self._one_at_a_time = asyncio.Lock()

    async def start(self) -> bool:
        """The first one; whether it serves. Where another one does, people may be connected to that: `keep` tries
        again."""
        self._process = await self._spawn_or_none()
        return self._process is not None

    async def keep(self) -> None:
        """Start another one whenever it dies, until this is cancelled."""
        pause_s = WORKER_RESTART_MIN_S
        while True:
            process = self._process
            if process is not None:
                begun = asyncio.get_running_loop().time()
                await process.wait()
                if process is not self._process:
                    continue  # it was replaced, and drained as it was told to
                log.error("worker_died", extra={"worker": self._nth, "code": process.returncode})
                if asyncio.get_running_loop().time() - begun > WORKER_LIVED_S:
                    pause_s = WORKER_RESTART_MIN_S
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, WORKER_RESTART_MAX_S)
            async with self._one_at_a_time:
                if self._process is process:
                    self._process = await self._spawn_or_none()

    async def replace(self) -> None:
        """A new one; the old one drains only when that serves. Where it does not, the old one stays."""
        async with self._one_at_a_time:
            fresh = await self._spawn_or_none()
            if fresh is None:
                log.error("worker_not_replaced", extra={"worker": self._nth})
                return
            old, self._process = self._process, fresh
            if old is not None:
                await self._workers.end(old)

    async def stop(self) -> None:
        """Drain it."""
        if self._process is not None:
            await self._workers.end(self._process)

    async def _spawn_or_none(self) -> Process | None:
        try:
            return await self._workers.spawn(self._nth)
        except (NotStarted, TimeoutError, OSError) as error:
            log.error("worker_not_started", extra={"worker": self._nth, "reason": type(error).__name__})
            return None


def _opened(host: str, port: int) -> socket.socket:
    """One port for all of them, so that whoever is free takes the next connection."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(BACKLOG)
        opened.setblocking(False)
    except BaseException:
        opened.close()
        raise
    return opened


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:
        # Nobody awaits it before the end; what it kept would be kept no more, and nobody would know.
        log.exception("workers_not_kept")
        signal.raise_signal(signal.SIGTERM)
