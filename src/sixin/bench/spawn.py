"""A server for the length of a run: `sixin serve` as its own process, on a free port, with a secret of its own."""

import asyncio
import contextlib
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import urlsplit

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0


class NotStarted(Exception):
    """The server did not start; its own words follow."""


P = TypeVar("P")


def pipe(end: P | None) -> P:
    """A pipe that was asked for when the process was started."""
    if end is None:
        raise NotStarted("The process has no pipe.")
    return end


class Target:
    """A server under test: where it is, what signs its tokens, and which processes are its own."""

    def __init__(self, url: str, secret: str, pids: list[int]) -> None:
        split = urlsplit(url)
        self.host = split.hostname or "127.0.0.1"
        self.port = split.port or 80
        self.secret = secret
        self.pids = pids


class Running:
    """A server somebody else has started: it is taken as it is, and not stopped."""

    keeps = False
    """It cannot be started again, so nothing can be measured cold."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def start(self) -> Target:
        """Where it is."""
        return self._target

    async def stop(self) -> None:
        """It goes on."""


class Spawned:
    """Owns the server process and its folder. Start it again to have it cold."""

    def __init__(
        self, *, store: str, folder: Path | None = None, settings: tuple[str, ...] = (), pids: tuple[int, ...] = ()
    ) -> None:
        """`settings`: further flags of `sixin serve`; `pids`: other processes that work for it (a database)."""
        self._store = store
        self._settings = settings
        self._pids = pids
        self._own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="sixin-bench-"))
        self._secret = secrets.token_hex(32)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def keeps(self) -> bool:
        """Whether what was written is still there after a new start."""
        return self._store != "memory"

    async def start(self) -> Target:
        """Start it and wait until it is ready. Raises `NotStarted`."""
        log = (self.folder / "server.log").open("ab")
        with log:
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "sixin.cli.main", "serve",
                "--port", "0", "--data", str(self.folder / "data"), "--store", self._store,
                "--requests-per-s", "1000000", "--requests-burst", "1000000", "--log-level", "warning", *self._settings,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log,
                env={**os.environ, "SIXIN_SECRET": self._secret},
            )  # fmt: skip
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                line = (await pipe(process.stdout).readline()).decode()
        except TimeoutError:
            line = ""
        url = next((word for word in line.split() if word.startswith("http://")), None)
        if url is None:
            await self.stop()
            raise NotStarted((self.folder / "server.log").read_text("utf-8", "replace")[-2_000:] or "no word from it")
        return Target(url, self._secret, [process.pid, *self._pids])

    async def stop(self) -> None:
        """End it in good order; what it wrote stays for the next start."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
