"""The copy in one SQLite file: WAL, one process at a time; once closed, it holds nothing of what was taken back."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from sixin.client.errors import StoreFailed, StoreRefused
from sixin.client.held import Held
from sixin.client.model import Applied, Entry, State, Writes
from sixin.client.store.base import Store
from sixin.core.contact import Contact
from sixin.core.ids import MsgId, SessionId
from sixin.core.message import Message

APPLICATION_ID: Final = 0x53786E63
""""Sxnc" in the header of the file: so that no other program's file is taken for ours, nor the server's."""

T = TypeVar("T")

_encode = msgspec.msgpack.Encoder().encode
_contact = msgspec.msgpack.Decoder(Contact).decode
_held = msgspec.msgpack.Decoder(Held).decode
_entry = msgspec.msgpack.Decoder(Entry).decode


def _read(name: str) -> str:
    return resources.files("sixin.client.store").joinpath("sql", name).read_text("utf-8")


def _queries(text: str) -> dict[str, str]:
    """Named statements: each stands under a line `-- name --`."""
    queries: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("-- ") and line.endswith(" --"):
            name = line[3:-3]
            queries[name] = ""
        elif name:
            queries[name] += line + "\n"
    return queries


MIGRATIONS: Final = ("001_first.sql",)
"""In order; the number of those applied is the file's `user_version`. One that was released never changes."""

_SQL: Final = _queries(_read("queries.sql"))


class SqliteStore(Store):
    """One file. Deleting it, with its `-wal`, costs what is in the outbox and a few pulls."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._connection: sqlite3.Connection | None = None
        self._durable: bool | None = None
        self._to_wipe = 0

    def open(self) -> State:
        """Take the file."""
        try:
            self._connection = self._connect()
            self._migrate()
            return self._state()
        except sqlite3.Error as error:
            self.close()
            raise StoreRefused(f"{self._path} cannot be opened: {_why(error)}") from error
        except StoreRefused:
            self.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        # 0 s: whoever has the file has it for as long as he runs, so there is nothing to wait for.
        connection = self._connection = sqlite3.connect(self._path, timeout=0, isolation_level=None)
        # Exclusive: two processes with one copy would each follow their own notices and undo the other's cursors.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA secure_delete = ON")
        self._refuse_foreign(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
        return connection

    def _refuse_foreign(self, connection: sqlite3.Connection) -> None:
        """Before anything is changed: even the journal mode stands in the file."""
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (level,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if application_id != APPLICATION_ID and (application_id or tables):
            raise StoreRefused(f"{self._path} is not a client's store. Nothing was changed in it.")
        if level > len(MIGRATIONS):
            raise StoreRefused(f"{self._path} was written by a newer version (level {level}). Update this program.")

    def _migrate(self) -> None:
        connection = self._open_connection
        (level,) = connection.execute("PRAGMA user_version").fetchone()
        for applied, name in enumerate(MIGRATIONS[level:], level + 1):
            # The numbers are ours, not anybody's input; PRAGMA takes no parameters.
            connection.executescript(
                f"BEGIN;\n{_read(name)}\nPRAGMA application_id = {APPLICATION_ID};\n"
                f"PRAGMA user_version = {applied};\nCOMMIT;"
            )

    def _state(self) -> State:
        row = self._open_connection.execute(_SQL["owner"]).fetchone()
        uid, device_id, contact_version, last_seq_id, self._to_wipe = row
        return State(
            uid=uid,
            device_id=device_id,
            contact_version=contact_version,
            last_seq_id=last_seq_id,
            contacts=self._all("contacts", _contact),
            held=self._all("held", _held),
            entries=self._all("entries", _entry),
        )

    def _all(self, query: str, decode: Callable[[bytes], T]) -> list[T]:
        return [decode(row) for (row,) in self._open_connection.execute(_SQL[query])]

    def adopt(self, uid: int, device_id: str) -> None:
        """Whose this is."""
        (owner, *_) = self._open_connection.execute(_SQL["owner"]).fetchone()
        if owner not in (0, uid):
            raise StoreRefused(f"{self._path} belongs to user {owner}, not to {uid}. Give each user a file of his own.")
        with self._transaction(durable=True) as run:
            run("adopt", uid=uid, device_id=device_id)

    def apply(self, writes: Writes) -> Applied:
        """One transaction. Its commit waits for the disk only where an outbox entry is in it."""
        applied = Applied()
        with self._transaction(durable=bool(writes.entries) or writes.last_seq_id is not None) as run:
            if writes.forget:
                for statement in _SQL["forget"].strip().split("\n"):
                    self._open_connection.execute(statement)
            for message in writes.messages:
                self._put(run, message, applied)
            self._drop(run, writes)
            for contact in writes.contacts:
                run("put_contact", session_id=contact.session_id, row=_encode(contact))
            if writes.contact_version is not None:
                run("set_contact_version", contact_version=writes.contact_version)
            for held in writes.held:
                run("put_held", session_id=held.session_id, row=_encode(held))
            for entry in writes.entries:
                run("put_entry", number=entry.number, row=_encode(entry))
            for number in writes.settled:
                run("drop_entry", number=number)
            if writes.last_seq_id is not None:
                run("set_last_seq_id", last_seq_id=writes.last_seq_id)
            to_wipe = int(self._to_wipe or _takes_back(writes, applied))
            if to_wipe != self._to_wipe:
                run("set_to_wipe", to_wipe=to_wipe)
        self._to_wipe = to_wipe
        if applied.changed or writes.forget or writes.hidden or writes.cleared:
            self._empty_log()
        return applied

    def _empty_log(self) -> None:
        """Words that were taken back are overwritten in the file; in the log they would stand until it is closed."""
        # Where it cannot be done now, another process reads: then the end of this one does it.
        with contextlib.suppress(sqlite3.Error):
            self._open_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _put(self, run: "_Run", message: Message, applied: Applied) -> None:
        known = run("version_of", msg_id=message.msg_id).fetchone()
        if known is not None and message.version_id <= known[0]:
            return
        if run("is_hidden", msg_id=message.msg_id).fetchone() is not None:
            return
        run("put_message", **msgspec.structs.asdict(message))
        (applied.born if known is None else applied.changed).append(message)

    def _drop(self, run: "_Run", writes: Writes) -> None:
        for hidden in writes.hidden:
            for msg_id in hidden.msg_ids:
                run("hide", msg_id=msg_id, session_id=hidden.session_id)
                run("drop_message", msg_id=msg_id)
        for cleared in writes.cleared:
            run("drop_cleared", session_id=cleared.session_id, up_to=cleared.up_to)
        for gap in writes.gaps:
            run("drop_gap", session_id=gap.session_id, low=gap.low, high=gap.high)

    def page(self, session_id: SessionId, *, low: int, high: int, limit: int) -> list[Message]:
        """Messages, newest first."""
        with _translated():
            rows = self._open_connection.execute(
                _SQL["page"], {"session_id": session_id, "low": low, "high": high, "page_max": limit}
            )
            return [_message(row) for row in rows]

    def message(self, session_id: SessionId, msg_id: MsgId) -> Message | None:
        """One message."""
        with _translated():
            row = self._open_connection.execute(
                _SQL["message"], {"session_id": session_id, "msg_id": msg_id}
            ).fetchone()
            return None if row is None else _message(row)

    def close(self) -> None:
        """Let go; the last one out empties the write-ahead log into the file, and with it what was taken back.

        secure_delete overwrites a row that is emptied or deleted. But a row that grows, or is put between others, makes
        SQLite move its neighbours to other pages, and where they lay their words stay. So a file from which something
        was taken back is written anew, which leaves the rows that are there and nothing else.
        """
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._to_wipe:
            # Where the disk has no room for it, the next time has: it stands in the file that there is something to do.
            with contextlib.suppress(sqlite3.Error):
                connection.execute("VACUUM")
                connection.execute(_SQL["set_to_wipe"], {"to_wipe": 0})
        connection.close()

    @property
    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreFailed("The store is closed.")
        return self._connection

    @contextlib.contextmanager
    def _transaction(self, *, durable: bool) -> Iterator["_Run"]:
        connection = self._open_connection
        with _translated():
            if durable != self._durable:
                connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._durable = durable
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield lambda name, **values: connection.execute(_SQL[name], values)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


_Run = Callable[..., sqlite3.Cursor]


def _takes_back(writes: Writes, applied: Applied) -> bool:
    """Whether words that are in this file, or were in a preview, are to be gone from it."""
    return bool(
        applied.changed
        or writes.forget
        or writes.hidden
        or writes.cleared
        or writes.gaps
        or any(_changed_behind_preview(contact) for contact in writes.contacts)
    )


def _changed_behind_preview(contact: Contact) -> bool:
    """Whether the last change of the session was not the preview's birth: then it may be the end of one before it."""
    preview = contact.last_message
    return preview is None or not preview.content or preview.version_id < contact.message_version


def _message(row: tuple[Any, ...]) -> Message:
    return Message(*(*row[:9], b"", *row[9:]))


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreFailed(_why(error)) from error


def _why(error: sqlite3.Error) -> str:
    if "locked" in str(error):
        return "another process has it open."
    if "not a database" in str(error):
        return "it is not an SQLite file."
    return f"{error}."
