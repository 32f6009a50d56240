"""Two people at real terminals: `sixin chat` in two processes, each on a pty, with a server between them."""

import asyncio
import os
import pty
import queue
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.client.serving import DEADLINE_S, SIXIN, Serving
from tests.witness import Witness

END_OF_INPUT = b"\x04"


class Terminal:
    """`sixin chat` on a terminal of its own: it echoes what is typed, and shows what is said."""

    def __init__(self, url: str, data: Path, uid: int, *options: str) -> None:
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [*SIXIN, "chat", "--as", str(uid), "--url", url, "--data", str(data), *options],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            start_new_session=True,
        )
        os.close(theirs)
        self.shown: list[str] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(DEADLINE_S)
        self._reading.join(DEADLINE_S)  # the other end is closed, so it ends
        os.close(self._ours)

    def _read(self) -> None:
        rest = b""
        while True:
            try:
                rest += os.read(self._ours, 4_096)
            except OSError:  # how a terminal says that nobody is at its other end
                break
            *lines, rest = rest.split(b"\n")
            for line in lines:
                self._lines.put(line.decode().rstrip("\r"))
        self._lines.put(None)

    def types(self, line: str) -> None:
        os.write(self._ours, line.encode() + b"\n")

    def shows(self, part: str) -> str:
        """The next line with `part` in it."""
        ends_s = time.monotonic() + DEADLINE_S
        while (left_s := ends_s - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=left_s)
            except queue.Empty:
                break
            if line is None:
                break
            self.shown.append(line)
            if part in line:
                return line
        raise AssertionError(f"{part!r} was not shown; what was:\n" + "\n".join(self.shown))

    def hangs_up(self) -> int:
        """Control-D; the exit code."""
        os.write(self._ours, END_OF_INPUT)
        return self._process.wait(DEADLINE_S)


async def test_two_people_really_talk_at_two_terminals(tmp_path: Path, witness: Witness) -> None:
    with Serving(tmp_path) as serving:
        async with witness.relay(serving.url) as url:
            await asyncio.to_thread(_talk, url, serving.data, tmp_path / "ann.db")
    await witness.looks_into_file(serving.data)


def _talk(url: str, data: Path, store: Path) -> None:
    with (
        Terminal(url, data, 1001, "--to", "1002", "--store", str(store)) as ann,
        Terminal(url, data, 1002) as ben,
    ):
        ann.shows("== you and 1002 ==")
        ben.shows("nobody has said anything yet")

        # Unread, and read.
        ann.types("你好")
        ann.shows("#1")
        assert "/to 1001" in ben.shows("1001: 你好")
        ben.types("/list")
        ben.shows("-- 1 unread --")
        ben.types("/to 1001")
        ben.shows("1001: 你好")
        ann.shows("✓✓ read up to #1")
        ben.types("/list")
        ben.shows("-- 0 unread --")

        # Underground, and back.
        ann.types("/offline")
        ann.shows("-- offline")
        ann.types("written in the tunnel")
        assert ann.shows("you: written in the tunnel").startswith("…")
        ben.types("where are you?")
        assert "#2" in ben.shows("you: where are you? ✓")
        ann.types("/online")
        ann.shows("-- online --")
        assert "#3" in ben.shows("1001: written in the tunnel")
        # Her own line and his come by two ways: both, in whichever order.
        while not (_any(ann, "#2", "1002: where are you?") and _any(ann, "#3", "you: written in the tunnel ✓")):
            ann.shows("#")

        # Taken back.
        ann.types("/recall #3")
        assert "#3" in ann.shows("you: (taken back)")
        assert "#3" in ben.shows("1001: (taken back)")

        # What was said, from the beginning; and nothing twice.
        ben.types("/to 1001")
        ben.shows("== you and 1001 ==")
        assert "#1" in ben.shows("1001: 你好")
        assert "#2" in ben.shows("you: where are you?")
        assert "#3" in ben.shows("1001: (taken back)")
        ben.types("/history")
        ben.shows("this is the beginning")
        assert sum("1001: written in the tunnel" in line for line in ben.shown) == 1
        assert (ann.hangs_up(), ben.hangs_up()) == (0, 0)


def _any(terminal: Terminal, *parts: str) -> bool:
    return any(all(part in line for part in parts) for line in terminal.shown)
