"""A SQLite file as a source or a target of a move."""

import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from sixin.server.move.base import PAGE_ROWS, Place, Refused, Row, Source, Target, above
from sixin.server.store.sql import migrations, statements
from sixin.server.store.sqlite_file import (
    DATABASE_NAME,
    Lock,
    apply,
    connect,
    database_path,
    open_for_reading,
    prepare_folder,
    refused_clearly,
    sync_folder,
)

SQL: Final = statements("sqlite_move")

_WAIT_S: Final = 5.0
_CHECKPOINT_PAGES: Final = 4_000

_FIRST: Final[dict[str, Place]] = {
    "messages": [0],
    "sessions": [""],
    "users": [0],
    "contacts": [0, ""],
    "hidden": [0, 0],
    "profiles": [0],
}
"""The place before the first row of each table."""

_labels: Final = msgspec.json.Decoder(tuple[str, ...])


class _OwnFile:
    """A file that this process alone has, for as long as it is open."""

    _lock: Lock | None = None
    _connection: sqlite3.Connection

    async def close(self) -> None:
        """Let others have it."""
        with suppress(AttributeError):
            self._connection.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None


class SqliteSource(_OwnFile, Source):
    """The file of a data folder whose server is stopped, or a backup."""

    def __init__(self, path: Path) -> None:
        """`path`: the data folder, or the file of a backup."""
        self._folder = path if path.is_dir() else None
        self._path = database_path(path) if path.is_dir() else path
        self.name = f"sqlite:{self._path.resolve()}"

    async def open(self) -> None:
        """Take the folder's lock, so that no server writes it."""
        if not self._path.exists():
            raise Refused(f"There is no {self._path}.")
        if self._folder is not None:
            self._lock = Lock(self._folder, os.getpid())
        try:
            with refused_clearly(self._path):
                self._connection = open_for_reading(self._path)
                ((level,),) = self._connection.execute("PRAGMA user_version")
            if level != len(migrations("sqlite")):
                raise Refused(f"{self._path} is at another schema level: run sixin migrate on it first.")
        except BaseException:
            await self.close()
            raise

    async def page(self, table: str, after: Place | None) -> tuple[list[Row], Place]:
        """The next rows of a table."""
        return _page(self._connection, table, after)


class SqliteTarget(_OwnFile, Target):
    """A file that gets its name when it is whole; until then it lies beside it."""

    def __init__(self, path: Path) -> None:
        """`path`: a data folder (it may be missing), or a file to be, ending in `.db`."""
        self._folder = None if path.suffix == ".db" else path
        self._path = path if path.suffix == ".db" else path / DATABASE_NAME
        self._unfinished = self._path.with_name(f"{self._path.name}.copying")
        self.name = f"sqlite:{self._path.resolve()}"

    async def open(self) -> None:
        """Take the folder."""
        if self._folder is not None:
            prepare_folder(self._folder)
            self._lock = Lock(self._folder, os.getpid())
        try:
            if self._path.exists():
                raise Refused(f"{self._path} exists already; nothing is overwritten.")
            with refused_clearly(self._unfinished):
                os.close(os.open(self._unfinished, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
                self._connection = connect(self._unfinished, wait_s=_WAIT_S)
                self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
                apply(self._connection, migrations("sqlite"))
        except BaseException:
            await self.close()
            raise

    async def begin(self, source: str) -> dict[str, Place]:
        """Start, or go on with what lies beside."""
        ((is_copying,),) = self._connection.execute(SQL["is_copying"])
        if not is_copying:
            self._connection.execute(SQL["make_progress"])
        rows = self._connection.execute(SQL["progress"]).fetchall()
        if any(begun != source for _, begun, _ in rows):
            raise Refused(f"{self._unfinished} is an unfinished copy of {rows[0][1]}: remove it, or finish that one.")
        return {name: json.loads(after) for name, _, after in rows}

    async def page(self, table: str, after: Place | None) -> tuple[list[Row], Place]:
        """The next rows of a table."""
        return _page(self._connection, table, after)

    async def add(self, table: str, rows: Sequence[Row], source: str, after: Place) -> None:
        """One transaction."""
        with refused_clearly(self._unfinished):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(SQL[f"add_{table}"], [_STORED.get(table, _same)(row) for row in rows])
                self._connection.execute(SQL["put_progress"], (table, source, json.dumps(after)))
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    async def counted_unread(self, contacts: Sequence[Row]) -> list[int]:
        """One question for each."""
        return [
            self._connection.execute(
                SQL["count_unread"], {"owner": contact[0], "session_id": contact[1], "above": above(contact)}
            ).fetchone()[0]
            for contact in contacts
        ]

    async def wrong_totals(self) -> list[int]:
        """Over the whole file."""
        return [uid for (uid,) in self._connection.execute(SQL["wrong_totals"])]

    async def finish(self) -> None:
        """One file, durable, under its name."""
        with refused_clearly(self._unfinished):
            self._connection.execute(SQL["drop_progress"])
            self._connection.execute("PRAGMA journal_mode = DELETE")
            self._connection.close()
            with self._unfinished.open("rb+") as file:
                os.fsync(file.fileno())
            self._unfinished.rename(self._path)
            sync_folder(self._path.parent)


def _page(connection: sqlite3.Connection, table: str, after: Place | None) -> tuple[list[Row], Place]:
    place = _FIRST[table] if after is None else after
    width = len(place)
    bound = {"page": PAGE_ROWS, **{f"c{nth}": value for nth, value in enumerate(place)}}
    found = connection.execute(SQL[table], bound).fetchall()
    rows = [_GIVEN.get(table, _same)(row[width:]) for row in found]
    return rows, list(found[-1][:width]) if found else place


def _same(row: Row) -> Row:
    return row


def _contact_given(row: Row) -> Row:
    """SQLite has neither booleans nor arrays."""
    fields: list[Any] = list(row)
    for nth in _FLAGS:
        fields[nth] = bool(fields[nth])
    fields[_LABELS] = _labels.decode(fields[_LABELS])
    return tuple(fields)


def _contact_stored(row: Row) -> Row:
    fields = list(row)
    for nth in _FLAGS:
        fields[nth] = int(fields[nth])
    fields[_LABELS] = msgspec.json.encode(fields[_LABELS]).decode()
    return tuple(fields)


def _profile_given(row: Row) -> Row:
    return (*row[:4], bool(row[4]), row[5])


_FLAGS: Final = (11, 12, 15)
_LABELS: Final = 13
_GIVEN: Final[dict[str, Callable[[Row], Row]]] = {"contacts": _contact_given, "profiles": _profile_given}
_STORED: Final[dict[str, Callable[[Row], Row]]] = {"contacts": _contact_stored}
