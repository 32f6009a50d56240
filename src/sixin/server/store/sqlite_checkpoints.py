"""Keeps the write-ahead log short, and free of what was recalled."""

import sqlite3
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from sixin.core.limits import SQLITE_CHECKPOINT_EVERY_S, SQLITE_WAL_BYTES_MAX, SQLITE_WIPE_WITHIN_S
from sixin.server.store.sqlite_file import WRITER_WAIT_S, connect

_COPIED_BYTES_MIN: Final = 1024 * 1024
"""A log shorter than this is left alone: each copy costs two fsyncs."""

_AGAIN_S: Final = 0.1
"""When to try again after a reader stood in the way."""


class Checkpoints:
    """Copies the log into the file, in two ways.

    PASSIVE, beside the commits: a thread does it every quarter of a second on a connection of its own. It disturbs
    nobody (SQLite runs without the interpreter's lock), but under constant load it never comes to the log's end.
    TRUNCATE, between two commits: it does, and leaves an empty log. For a log that has become too long, and soon after
    messages were emptied: the log holds the pages as they were before.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """`connection`: the writer's, used by the thread that calls `run` alone."""
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._connection = connection
        # What a process that was killed left in the log may have been emptied since.
        self._wipe_at: float | None = 0.0
        self._not_before = 0.0
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
        if not wipe and self._bytes() <= SQLITE_WAL_BYTES_MAX:
            return
        if self._truncate():
            self._wipe_at = None
        else:
            self._not_before = time.monotonic() + _AGAIN_S

    def _truncate(self) -> bool:
        try:
            ((busy, _, _),) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error:
            # A full disk, most likely: nothing is lost, and the commits will say so.
            return False
        return not busy

    def _bytes(self) -> int:
        try:
            return self._log.stat().st_size
        except FileNotFoundError:
            return 0

    def _copy_now_and_then(self) -> None:
        while not self._stopped.wait(SQLITE_CHECKPOINT_EVERY_S):
            if self._bytes() < _COPIED_BYTES_MIN:
                continue
            # Tried again with the next round, on a connection that knows nothing of what went wrong.
            with suppress(sqlite3.Error), closing(connect(self._path, wait_s=WRITER_WAIT_S)) as connection:
                while not self._stopped.wait(SQLITE_CHECKPOINT_EVERY_S):
                    if self._bytes() >= _COPIED_BYTES_MIN:
                        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
