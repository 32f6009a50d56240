"""Keeps the write-ahead log short, and free of what was recalled."""

import sqlite3
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, Literal

from sixin.core.limits import SQLITE_CHECKPOINT_EVERY_S, SQLITE_WAL_BYTES_MAX, SQLITE_WIPE_WITHIN_S
from sixin.server.store.sqlite_file import WRITER_WAIT_S, connect

_COPIED_BYTES_MIN: Final = 1024 * 1024
"""A log shorter than this is left alone: each copy costs two fsyncs."""

_FRAME_BYTES: Final = 4_096 + 24
"""A page in the log, with its header (https://sqlite.org/fileformat2.html#walformat)."""

_COPIES_BEFORE_RESTART: Final = 3

_AGAIN_S: Final = 0.1
"""When to try again after a reader stood in the way."""


class Checkpoints:
    """Copies the log into the file, in three ways.

    PASSIVE, beside the commits: a thread does it every quarter of a second on a connection of its own. It disturbs
    nobody (SQLite runs without the interpreter's lock), but under constant load it never comes to the log's end.
    RESTART, between two commits: it does, and the log begins anew in the same file, for one that has become too long.
    An empty file would have to grow again, block by block: that doubled the p99 of a send at 5,000 a second.
    TRUNCATE, between two commits: an empty file. Soon after messages were emptied, because the log holds the pages as
    they were before.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """`connection`: the writer's, used by the thread that calls `run` alone."""
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._connection = connection
        # What a process that was killed left in the log may have been emptied since.
        self._wipe_at: float | None = 0.0
        self._not_before = 0.0
        self._used_bytes = 0
        """Of the log, as of the last copy: the file keeps the size it once had."""
        self._kept_bytes = 0
        """The size the file had when the log began anew in it: one that has grown since is full to its end."""
        self._copying = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._copy_now_and_then, name="checkpoints")
        self._thread.start()

    def close(self) -> None:
        """End the thread. What is in the log stays there."""
        self._stopped.set()
        self._thread.join()

    def emptied(self) -> None:
        """Messages were emptied by the last commit: the log must go soon."""
        if self._wipe_at is None:
            self._wipe_at = time.monotonic() + SQLITE_WIPE_WITHIN_S

    def due_in_s(self) -> float | None:
        """When `run` has something to do though nothing is written; None if never."""
        if self._wipe_at is None:
            return None
        return max(0.0, max(self._wipe_at, self._not_before) - time.monotonic())

    def run(self) -> None:
        """Empty the log, if it is time to."""
        now = time.monotonic()
        if now < self._not_before:
            return
        wipe = self._wipe_at is not None and now >= self._wipe_at
        size = self._bytes()
        if wipe or size > 2 * SQLITE_WAL_BYTES_MAX:
            done = self._begin_anew("TRUNCATE")
            if done:
                self._wipe_at = None
                self._kept_bytes = 0
        elif self._is_too_long(size):
            # A copy that goes on stands in the way of ours, and does what ours would do: waiting for it costs nothing,
            # and on a slow disk, where it takes long, the log would grow all the while.
            with self._copying:
                done = self._begin_anew("RESTART")
            if done:
                self._kept_bytes = size
        else:
            return
        if done:
            self._used_bytes = 0
        else:
            self._not_before = time.monotonic() + _AGAIN_S

    def _is_too_long(self, size: int) -> bool:
        """Whether the log is. How much of its file it fills is known after a copy. Where this comes too late, on a slow
        disk, the file has grown by more than a quarter meanwhile, and one that grows is full to its end."""
        grown = size > max(self._kept_bytes, SQLITE_WAL_BYTES_MAX * 5 // 4)
        return grown or self._used_bytes > SQLITE_WAL_BYTES_MAX

    def _begin_anew(self, how: Literal["RESTART", "TRUNCATE"]) -> bool:
        try:
            ((busy, _, _),) = self._connection.execute(f"PRAGMA wal_checkpoint({how})")
        except sqlite3.Error:
            # A full disk, most likely: nothing is lost, and the commits will say so.
            return False
        return not busy

    def _bytes(self) -> int:
        return self._look()[0]

    def _look(self) -> tuple[int, int]:
        """Size and time of the log's last change."""
        try:
            found = self._log.stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_size, found.st_mtime_ns

    def _copy_now_and_then(self) -> None:
        while not self._stopped.wait(SQLITE_CHECKPOINT_EVERY_S):
            if self._bytes() < _COPIED_BYTES_MIN:
                continue
            # Tried again with the next round, on a connection that knows nothing of what went wrong.
            with suppress(sqlite3.Error), closing(connect(self._path, wait_s=WRITER_WAIT_S)) as connection:
                copied = (0, 0)
                while not self._stopped.wait(SQLITE_CHECKPOINT_EVERY_S):
                    found = self._look()
                    if found[0] < _COPIED_BYTES_MIN or found == copied:
                        continue
                    with self._copying:
                        self._used_bytes = _copy(connection)
                    copied = found


def _copy(connection: sqlite3.Connection) -> int:
    """Copy what is in the log, as far as nobody is in the way. Bytes of the log that are used then.

    One that is too long is copied again for what came meanwhile, and for what came while that was copied: the writer,
    who then begins it anew, waits only for the little that is left.
    """
    used_bytes = 0
    for _ in range(_COPIES_BEFORE_RESTART):
        ((_, frames, _),) = connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        used_bytes = max(0, frames) * _FRAME_BYTES
        if used_bytes <= SQLITE_WAL_BYTES_MAX:
            break
    return used_bytes
