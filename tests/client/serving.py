"""`sixin serve` as a process of its own, over SQLite: started until it answers, killed, started again on its port."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from sixin.core.ids import Uid
from sixin.server.auth import Tokens, load_secret
from tests.services.server import free_port

SIXIN = [sys.executable, "-m", "sixin.cli.main"]
DEADLINE_S = 30.0


class Serving:
    """A throw-away server. A context manager; its calls block for at most `DEADLINE_S`."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        process = subprocess.Popen(
            [*SIXIN, "serve", "--port", str(self.port), "--data", str(self.data), "--log-level", "error"],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._process = process
        assert Lines(process).until("Sixin serves at") is not None

    def kill(self) -> None:
        """As the machine would: no goodbye."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(DEADLINE_S)
            self._process = None

    def token(self, uid: int) -> str:
        return Tokens(load_secret(self.data)).mint(Uid(uid), now_s=time.time(), ttl_s=3_600)


class Lines:
    """What a process prints, line by line, each waited for with a deadline."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.seen: list[str] = []
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    def until(self, part: str) -> str:
        """The next line with `part` in it."""
        ends = time.monotonic() + DEADLINE_S
        while True:
            try:
                line = self._queue.get(timeout=max(0.01, ends - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"{part!r} was not printed; what was:\n" + "\n".join(self.seen))
            self.seen.append(line)
            if part in line:
                return line


class Terminal:
    """`sixin chat` in a process of its own, through pipes."""

    def __init__(self, serving: Serving, uid: int, *options: str) -> None:
        self._process = subprocess.Popen(
            [*SIXIN, "chat", "--as", str(uid), "--url", serving.url, "--data", str(serving.data), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
        self._lines = Lines(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(DEADLINE_S)
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()

    def types(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def shows(self, part: str) -> str:
        """Wait for a line with this in it."""
        return self._lines.until(part)

    @property
    def seen(self) -> list[str]:
        return self._lines.seen

    def ends(self) -> int:
        """The input ends; the exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(DEADLINE_S)
