"""Every frame of a device, written down as it passes, so that the contract's checker can judge the run."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

from tests.crash.journal import now_ns

SENT: Final = b">"
ARRIVED: Final = b"<"
CLOSED: Final = b"|"
"""The connection is gone, and with it every answer that had not come; also the beginning of a process."""

Way = Literal[b">", b"<", b"|"]


class Recording:
    """One device's frames, one a line; each in one `write`, so that a kill loses none that had passed."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.passes(CLOSED, b"")

    def passes(self, way: Way, frame: bytes) -> None:
        """A frame is about to be sent, or has arrived. JSON as it is written here has no line breaks in it."""
        os.write(self._file, b"%b%d %b\n" % (way, now_ns(), frame))

    def close(self) -> None:
        """No more frames."""
        os.close(self._file)


class Passed(NamedTuple):
    """One line of it."""

    way: bytes
    at_ns: int
    frame: bytes


def read_recording(path: Path) -> Iterator[Passed]:
    """All whole lines."""
    for line in path.read_bytes().split(b"\n")[:-1]:
        at_ns, _, frame = line[1:].partition(b" ")
        yield Passed(line[:1], int(at_ns), frame)
