"""A server process of the tests' own: started until it answers, stopped, killed, started again."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 30.0


class ServerBroken(Exception):
    """The server did not start or stop; its own words follow."""


class Server(ABC):
    """A throw-away server on a loopback port of its own, which it keeps through every restart.

    A context manager: started on entry, stopped and its folder removed on exit.
    All calls block; inside a running loop use `asyncio.to_thread(server.restart)`.
    """

    stop_signal = signal.SIGTERM

    def __init__(self, name: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"sixin-{name}-"))
        self.port = free_port()
        self.password = secrets.token_urlsafe(16)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where a client connects, name and password included."""

    @abstractmethod
    def _launch(self) -> subprocess.Popen[bytes]:
        """Start the process; it need not answer yet."""

    @abstractmethod
    def _answers(self) -> bool:
        """Tell whether a client would be served now."""

    @property
    def log_file(self) -> Path:
        return self.folder / "log"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that was started; for a server that runs."""
        assert self._process is not None
        return self._process

    @property
    def pid(self) -> int:
        """Of that process; it may have children."""
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Return when clients are served. Does nothing to a server that runs."""
        if self.is_running:
            return

        deadline = time.monotonic() + START_SECONDS_MAX
        self._process = self._launch()
        while not self._answers():
            if time.monotonic() > deadline:
                self.kill()
                raise ServerBroken(f"no answer on port {self.port}:\n{self._last_words()}")

            time.sleep(0.05)
            if not self.is_running:
                # After a kill, what the dead server left behind (its children, its port) takes a moment to go.
                self._process = self._launch()

    def stop(self) -> None:
        """End it in good order, as an operator would."""
        if self._process is None:
            return

        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerBroken(f"did not stop:\n{self._last_words()}") from None
        self._process = None

    def kill(self) -> None:
        """End it as a power cut would: no goodbye, nothing flushed."""
        if self._process is None:
            return

        self._signal_all(signal.SIGKILL)
        self._process.wait(STOP_SECONDS_MAX)
        self._process = None

    def pause(self) -> None:
        """Let it hang: it takes connections and answers nothing, until `resume`."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on as if nothing had happened."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        if self._process is None:
            return

        for pid in [self._process.pid, *_children_of(self._process.pid)]:
            # A child may be gone already.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def restart(self) -> None:
        """Stop and start, on the same port with the same data."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _last_words(self) -> str:
        return self.log_file.read_text(errors="replace")[-2000:] if self.log_file.exists() else "(no log)"


def stop_on_sigterm() -> None:
    """Let SIGTERM end a program of the tests' by the way out: whatever servers it started, it stops.

    They are in sessions of their own, so nobody else would, and `timeout` says SIGTERM.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def free_port() -> int:
    """Find a port to listen on, below those that the system gives to outgoing connections.

    A client that keeps trying to reach a stopped server on one of those would, sooner or later, be given that very
    port as its own end, be connected to itself, and keep the server from ever coming back.
    """
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _children_of(pid: int) -> list[int]:
    # Linux tells; elsewhere they notice by themselves that their parent is gone.
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []
