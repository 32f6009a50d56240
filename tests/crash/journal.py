"""What a device was promised, written down before it can be forgotten: the witness that outlives every kill.

One JSON array a line, each in one `write`: what a process had written is there after SIGKILL, and a torn end is the
last line at most. Times are CLOCK_MONOTONIC in nanoseconds, one clock for all processes of a machine.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec
from msgspec import Struct


class Intent(Struct, frozen=True, array_like=True, tag="i", gc=False):
    """A text is about to be given to the SDK. If nothing follows, it was sent once or not at all."""

    at_ns: int
    session_id: str
    text: str


class Queued(Struct, frozen=True, array_like=True, tag="q", gc=False):
    """`send` returned: the SDK has it in its outbox, and it must arrive."""

    session_id: str
    seq_id: int
    text: str


class Acknowledged(Struct, frozen=True, array_like=True, tag="a", gc=False):
    """`delivered` returned: the server has it, for ever."""

    at_ns: int
    session_id: str
    seq_id: int
    msg_id: int
    ordinal: int
    sort_key: int


Op = Literal["recall", "delete_all", "delete_me", "clear", "read", "delete_contact"]


class Done(Struct, frozen=True, array_like=True, tag="d", gc=False):
    """Another operation was answered: it holds, for ever, whatever comes later."""

    op: Op
    session_id: str
    msg_id: int
    """The message, or the one up to which it was read or cleared."""


class Started(Struct, frozen=True, array_like=True, tag="s", gc=False):
    """The process began, or began again."""

    outbox: int
    """Entries it found in its outbox."""


Line = Intent | Queued | Acknowledged | Done | Started

_encode = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


class Journal:
    """One device's, open for writing. Cuts off what the last kill left torn."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1

    def __enter__(self) -> Self:
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        written = self._path.read_bytes()
        os.ftruncate(self._file, written.rfind(b"\n") + 1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def write(self, line: Line) -> None:
        os.write(self._file, _encode(line) + b"\n")

    def lines(self) -> list[Line]:
        """What it holds by now."""
        return read_journal(self._path)


def read_journal(path: Path) -> list[Line]:
    """All whole lines; none where the device never began."""
    if not path.exists():
        return []
    return decode_lines(path.read_bytes().split(b"\n")[:-1])


def decode_lines(lines: Iterable[bytes]) -> list[Line]:
    return [_decoder.decode(line) for line in lines]


def now_ns() -> int:
    """The clock of all journals."""
    return time.monotonic_ns()
