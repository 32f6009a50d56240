"""The SQLite file: where it is, whose it is, which schema it has, and copies of it."""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from sixin.core.limits import (
    SQLITE_CACHE_KIB,
    SQLITE_CHECKED_BYTES_MAX,
    SQLITE_LOCK_WAIT_S,
)
from sixin.server.store.base import StoreRefused
from sixin.server.store.sql import migrations

DATABASE_NAME: Final = "sixin.db"
LOCK_NAME: Final = "sixin.lock"

APPLICATION_ID: Final = 0x53697869
"""`Sixi` in ASCII, at byte 68 of the file: so that it is never taken for another program's, nor another's for ours."""

SQLITE_LEVEL_MIN: Final = (3, 37, 0)
"""The first SQLite with STRICT tables."""

WRITER_WAIT_S: Final = 0.025
"""How long a checkpoint waits for a reader before it is put off. The writer has to wait for nobody else."""

READER_WAIT_S: Final = 2.0
"""How long a reader waits where a writer that starts anew goes through the log that the last one left."""


def database_path(data: Path) -> Path:
    """The database of a data folder."""
    return data / DATABASE_NAME


def prepare_folder(data: Path) -> None:
    """Make the data folder if it is missing, for its owner alone. Raises `StoreRefused`."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreRefused(f"The data folder {data} cannot be made: {error.strerror}.") from None


class Lock:
    """The right to write a data folder. Held by one process until it ends, however it ends."""

    def __init__(self, data: Path, server_pid: int) -> None:
        """Wait a moment for it: the writer of a server that was just killed may not be gone yet.

        `server_pid` is who will be named to those who are refused. Raises `StoreRefused`.
        """
        path = data / LOCK_NAME
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreRefused(f"{path} cannot be written: {error.strerror}.") from None
        try:
            self._take(path)
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{server_pid}\n".encode(), 0)
        except OSError as error:
            os.close(self._file)
            raise StoreRefused(f"{path} cannot be written: {error.strerror}.") from None
        except BaseException:
            os.close(self._file)
            raise

    def _take(self, path: Path) -> None:
        deadline = time.monotonic() + SQLITE_LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < deadline:
                    time.sleep(0.02)
                    continue
                holder = os.pread(self._file, 32, 0).decode(errors="replace").strip() or "unknown"
                raise StoreRefused(
                    f"Another server has {path.parent} open: process {holder}. Stop it, or use another data folder."
                ) from None
            return

    def release(self) -> None:
        """Let others have it."""
        os.close(self._file)


def connect(path: Path, *, wait_s: float) -> sqlite3.Connection:
    """A connection set up as every one of ours, which waits so long for a lock. Raises `sqlite3.Error`."""
    if sqlite3.sqlite_version_info < SQLITE_LEVEL_MIN:
        needed = ".".join(map(str, SQLITE_LEVEL_MIN))
        raise StoreRefused(f"SQLite {needed} or newer is needed; this Python has {sqlite3.sqlite_version}.")
    connection = sqlite3.connect(
        path,
        timeout=wait_s,
        isolation_level=None,
        cached_statements=256,
        check_same_thread=False,  # each is used by one thread at a time; the checkpoints' is made by another
    )
    try:
        connection.executescript(
            f"""
            PRAGMA synchronous = FULL;
            PRAGMA secure_delete = ON;
            PRAGMA wal_autocheckpoint = 0;
            PRAGMA temp_store = MEMORY;
            PRAGMA trusted_schema = OFF;
            PRAGMA cache_size = -{SQLITE_CACHE_KIB};
            """
        )
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_writing(data: Path) -> tuple[sqlite3.Connection, int]:
    """The database of a folder whose lock is held, made or migrated where needed, and the level it was at before.

    Raises `StoreRefused` for what this version cannot use; the file is as it was then.
    """
    path = database_path(data)
    with refused_clearly(path):
        # Made by us and not by SQLite, so that nobody else can read it, not even for a moment.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = connect(path, wait_s=WRITER_WAIT_S)
        try:
            return connection, _bring_to_level(connection, path)
        except BaseException:
            connection.close()
            raise


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A database that a writer has opened before. Raises `sqlite3.Error`."""
    connection = connect(path, wait_s=READER_WAIT_S)
    try:
        connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _bring_to_level(connection: sqlite3.Connection, path: Path) -> int:
    level = _level(connection, path)
    if path.stat().st_size <= SQLITE_CHECKED_BYTES_MAX:
        ((verdict,),) = connection.execute("PRAGMA quick_check(1)")
        if verdict != "ok":
            raise StoreRefused(_damaged(path, verdict))
    ((mode,),) = connection.execute("PRAGMA journal_mode = WAL")
    if mode != "wal":
        raise StoreRefused(f"{path} cannot use a write-ahead log here; is it on a network file system?")
    apply(connection, migrations("sqlite"))
    return level


def _level(connection: sqlite3.Connection, path: Path) -> int:
    """The schema level of a file. Refuses another program's file, and a newer version's."""
    ((application_id,),) = connection.execute("PRAGMA application_id")
    ((level,),) = connection.execute("PRAGMA user_version")
    ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_schema")
    if application_id != APPLICATION_ID and (application_id, level, tables) != (0, 0, 0):
        raise StoreRefused(f"{path} is a database of another program.")
    known = len(migrations("sqlite"))
    if level > known:
        raise StoreRefused(
            f"{path} was written by a newer version of Sixin (schema level {level}; this one knows {known}). "
            "Install that version, or restore a backup made before the upgrade."
        )
    return int(level)


def apply(connection: sqlite3.Connection, scripts: Sequence[str]) -> None:
    """Bring a database to the level of the newest script, in one transaction: all of it or nothing.

    The level is recorded in the file's header (`PRAGMA user_version`), which belongs to the transaction.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        ((level,),) = connection.execute("PRAGMA user_version")
        for script in scripts[level:]:
            for statement in _statements_of(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(scripts)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements_of(script: str) -> Iterator[str]:
    # Not `executescript`, which commits first.
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if any(line.strip() and not line.lstrip().startswith("--") for line in statement.splitlines()):
        raise ValueError("the last statement of a migration has no end")


def migrate(data: Path) -> tuple[int, int]:
    """Bring a data folder to this version's schema, with its server stopped.

    Gives the levels before and after; equal where there was nothing to do. Raises `StoreRefused`.
    """
    if not database_path(data).exists():
        raise StoreRefused(f"There is no {DATABASE_NAME} in {data}.")
    lock = Lock(data, os.getpid())
    try:
        connection, before = open_for_writing(data)
        connection.close()
        return before, len(migrations("sqlite"))
    finally:
        lock.release()


def backup(data: Path, target: Path) -> None:
    """Copy the database of a data folder as it is at one moment; its server may be running and go on writing.

    The copy is one file, checked and durable when this returns. Raises `StoreRefused`, also where `target` exists.
    """
    if target.exists():
        raise StoreRefused(f"{target} exists already; a backup does not overwrite.")
    source = database_path(data)
    if not source.exists():
        raise StoreRefused(f"There is no {DATABASE_NAME} in {data}.")
    _copy_durably(source, target)


def restore(source: Path, data: Path) -> None:
    """Make a data folder's database from a backup, also from one of an earlier version: its server migrates it.

    Raises `StoreRefused`, also where there is a database already.
    """
    prepare_folder(data)
    target = database_path(data)
    lock = Lock(data, os.getpid())
    try:
        if target.exists():
            raise StoreRefused(f"{target} exists already; nothing is overwritten.")
        if not source.is_file():
            raise StoreRefused(f"There is no file {source}.")
        _copy_durably(source, target)
    finally:
        lock.release()


def _copy_durably(source: Path, target: Path) -> None:
    """The copy has its name only when it is whole and on disk."""
    unfinished = target.with_name(f"{target.name}.unfinished")
    with refused_clearly(source):
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        try:
            _copy(source, unfinished)
            unfinished.rename(target)
            sync_folder(target.parent)
        finally:
            unfinished.unlink(missing_ok=True)


def _copy(source: Path, unfinished: Path) -> None:
    with (
        closing(open_for_reading(source)) as original,
        closing(sqlite3.connect(unfinished, isolation_level=None)) as copy,
    ):
        _level(original, source)
        # In one step: one snapshot. Nobody waits for it, but the write-ahead log grows until it is done.
        original.backup(copy, pages=-1)
        # One file, complete in itself; the server that opens it turns the log on again.
        copy.execute("PRAGMA journal_mode = DELETE")
        ((verdict,),) = copy.execute("PRAGMA quick_check(1)")
        if verdict != "ok":
            raise StoreRefused(_damaged(source, verdict))
    with unfinished.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def refused_clearly(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say while a file is opened into what to do about it."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreRefused(_why(error, path)) from error
    except OSError as error:
        raise StoreRefused(f"{path} cannot be opened: {error.strerror}.") from error


def _why(error: sqlite3.Error, path: Path) -> str:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_NOTADB:
            return f"{path} is not a database. Restore a backup, or move the file away to start anew."
        case sqlite3.SQLITE_CORRUPT:
            return _damaged(path, str(error))
        case sqlite3.SQLITE_FULL:
            return f"The disk of {path} is full."
        case sqlite3.SQLITE_READONLY:
            return f"{path} or its folder cannot be written."
        case sqlite3.SQLITE_BUSY:
            return f"{path} is in use by another program."
        case _:
            return f"{path} cannot be used: {error}."


def _damaged(path: Path, verdict: str) -> str:
    return f"{path} is damaged ({verdict}). Restore a backup; nothing was changed."
