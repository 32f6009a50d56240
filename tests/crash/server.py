"""The server under test: `sixin serve` as an operator runs it, killed with everything it started."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from tests.services.server import free_port

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0
SECRET = "a secret of the crash proof, long enough for HS256"


class ServerBroken(Exception):
    """It did not start at the first attempt, or did not end as it should; its own words follow."""


class ServerProcess:
    """One `sixin serve` on one port over one data folder, through all its lives."""

    def __init__(self, folder: Path, store: str, bus: str = "local") -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._store = store
        self._bus = bus
        self._process: asyncio.subprocess.Process | None = None
        self._log = folder / "server.log"

    @property
    def database(self) -> Path:
        """The file of the SQLite store."""
        return self.folder / "data" / "sixin.db"

    async def start(self) -> float:
        """Return when clients are served: after how many seconds. A restart must succeed at once, whatever was
        killed: no second attempt hides a first one that failed. Raises `ServerBroken`."""
        began_s = time.monotonic()
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "sixin.cli.main", "serve"),
                *("--port", str(self.port), "--data", str(self.folder / "data"), "--store", self._store),
                *("--bus", self._bus),
                *("--requests-per-s", "0", "--log-level", "warning"),
                env={**os.environ, "SIXIN_SECRET": SECRET},
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # its own process group, to be killed as one
            )
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                line = await self._process.stdout.readline()
        except TimeoutError:
            line = b""
        if b"serves at" not in line:
            raise ServerBroken(f"The server did not start:\n{self.last_words()}")
        return time.monotonic() - began_s

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def kill(self) -> None:
        """SIGKILL to the whole process group; returns when nothing of it is left."""
        if self._process is None:
            return
        group = self._process.pid
        os.killpg(group, signal.SIGKILL)
        await self._process.wait()
        async with asyncio.timeout(STOP_TIMEOUT_S):
            while _group_lives(group):  # noqa: ASYNC110  # its end is told to its parent, which is dead
                await asyncio.sleep(0.005)
        self._process = None

    async def stop(self) -> None:
        """SIGTERM. Raises `ServerBroken` unless it ends with 0."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                code = await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise ServerBroken(f"The server did not stop:\n{self.last_words()}") from None
        if code != 0:
            raise ServerBroken(f"The server ended with {code}:\n{self.last_words()}")

    def last_words(self) -> str:
        return self._log.read_text(errors="replace")[-3_000:] if self._log.exists() else "(no log)"


def _group_lives(group: int) -> bool:
    """Whether a process of the group runs; one that was not buried yet does not, and holds no file."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = stat.read_text("utf-8", "replace").rpartition(")")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                return True
    return False
