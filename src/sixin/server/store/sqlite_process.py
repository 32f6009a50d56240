"""The main program of a process that works on the SQLite file: one that writes, one that reads.

Started by `sqlite_child.py`, never by hand. It does what comes through its socket, in order, and ends when the socket
does: so it cannot outlive its server, however that ended, by more than what it is just doing.
"""

import os
import select
import signal
import socket
import sqlite3
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, assert_never

from sixin.server.store.base import StoreRefused
from sixin.server.store.sql import migrations
from sixin.server.store.sqlite_checkpoints import Checkpoints
from sixin.server.store.sqlite_engine import SqliteEngine
from sixin.server.store.sqlite_file import (
    Lock,
    database_path,
    open_for_reading,
    open_for_writing,
    prepare_folder,
    refused_clearly,
)
from sixin.server.store.sqlite_requests import (
    Answer,
    AnyRequest,
    Commit,
    Failure,
    Frames,
    Load,
    Open,
    PullContacts,
    PullHidden,
    PullNew,
    PullOld,
    Read,
    ReadContact,
    ReadRevocations,
    ReadSession,
    ReadTails,
    ReadUser,
    StoredMessages,
    answer_frame,
    failure_frame,
    request_of,
)

_RECEIVED_BYTES_MAX: Final = 256 * 1024
_UNAVAILABLE: Final = {
    sqlite3.SQLITE_FULL: "The disk is full: nothing can be written until there is space again.",
    sqlite3.SQLITE_READONLY: "The database cannot be written: its file or folder has become read-only.",
    sqlite3.SQLITE_PERM: "The database cannot be used: its permissions have changed.",
    sqlite3.SQLITE_CANTOPEN: "The database cannot be opened.",
    sqlite3.SQLITE_IOERR: "The disk reported an error.",
    sqlite3.SQLITE_CORRUPT: "The database is damaged.",
    sqlite3.SQLITE_NOTADB: "The database is damaged.",
    sqlite3.SQLITE_BUSY: "The database is in use by another program.",
    sqlite3.SQLITE_LOCKED: "The database is in use by another program.",
    sqlite3.SQLITE_PROTOCOL: "The database is in use by another program.",
    sqlite3.SQLITE_NOMEM: "There is no memory left.",
}
"""What is not our mistake, in words for whoever asked."""

_CONNECTION_IS_FINE: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CONSTRAINT}
"""After anything else the file is opened anew: what the connection remembers of it may be wrong."""


class NotFollowed(Exception):
    """The commit that this one was decided on was not written."""


class Role(Protocol):
    """What a process does."""

    def open(self) -> None:
        """Open the file. Raises `StoreRefused`, `sqlite3.Error`."""

    def close(self) -> None:
        """Close the file, if it is open."""

    answers_bytes: int
    """Answers are sent together up to this size, while more requests are at hand."""

    def answer(self, request: AnyRequest) -> Answer:
        """Do it. Raises `sqlite3.Error`, `NotFollowed`; opens the file again where it is closed."""

    def idle_in_s(self) -> float | None:
        """When `idle` has something to do; None if never."""

    def idle(self) -> None:
        """What is to be done beside the requests."""


class Writing:
    """Loads and commits, with the lock of the data folder."""

    answers_bytes = 0
    """Each commit is answered when it is durable, whatever comes behind it."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._lock: Lock | None = None
        self._engine: SqliteEngine | None = None
        self._connection: sqlite3.Connection | None = None
        self._checkpoints: Checkpoints | None = None
        self._last_commit = 0

    def open(self) -> None:
        """Take the lock, open the file, bring it to this version's schema."""
        if self._lock is None:
            prepare_folder(self._data)
            self._lock = Lock(self._data, os.getppid())
        connection, _ = open_for_writing(self._data)
        self._connection = connection
        try:
            with refused_clearly(database_path(self._data)):
                self._engine = SqliteEngine(connection)
        except StoreRefused:
            self.close()
            raise
        self._checkpoints = Checkpoints(database_path(self._data), connection)

    def close(self) -> None:
        """Close the file; the lock goes with the process."""
        self._engine = None
        if self._checkpoints is not None:
            self._checkpoints.close()
            self._checkpoints = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def answer(self, request: AnyRequest) -> Answer:
        """Load or commit."""
        if self._engine is None:
            self.open()
        assert self._engine is not None  # noqa: S101 - for the type checker
        assert self._checkpoints is not None  # noqa: S101
        match request:
            case Load():
                return self._engine.load(request)
            case Commit():
                if request.follows not in (0, self._last_commit):
                    raise NotFollowed
                self._engine.commit(request)
                self._last_commit = request.number
                if request.emptied:
                    self._checkpoints.emptied()
                return None
            case Open():
                return len(migrations("sqlite"))
            case _:
                raise TypeError(f"{type(request).__name__} is not for the writer")

    def idle_in_s(self) -> float | None:
        """When the log is to be emptied."""
        return self._checkpoints.due_in_s() if self._checkpoints is not None else None

    def idle(self) -> None:
        """Empty the log where it is time to."""
        if self._checkpoints is not None:
            self._checkpoints.run()


class Reading:
    """Answers reads. It needs no lock, and goes on while the writer is away."""

    answers_bytes = 64 * 1024

    def __init__(self, data: Path) -> None:
        self._path = database_path(data)
        self._engine: SqliteEngine | None = None
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the file that the writer has prepared."""
        try:
            with refused_clearly(self._path):
                self._connection = open_for_reading(self._path)
                self._engine = SqliteEngine(self._connection)
        except StoreRefused:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._engine = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def answer(self, request: AnyRequest) -> Answer:
        """One read."""
        if self._engine is None:
            self.open()
        assert self._engine is not None  # noqa: S101 - for the type checker
        if isinstance(request, Open):
            return len(migrations("sqlite"))
        if isinstance(request, Load | Commit):
            raise TypeError(f"{type(request).__name__} is not for the reader")
        return _read(self._engine, request)

    def idle_in_s(self) -> float | None:
        """Never."""
        return None

    def idle(self) -> None:
        """Nothing."""


def _read(engine: SqliteEngine, request: Read) -> Answer:
    match request:
        case PullNew():
            return engine.pull_new(request)
        case PullOld():
            return engine.pull_old(request)
        case PullContacts():
            return engine.pull_contacts(request)
        case ReadContact():
            return engine.contact(request)
        case ReadUser():
            return engine.user(request)
        case ReadRevocations():
            return engine.revocations()
        case ReadSession():
            return engine.session(request)
        case PullHidden():
            return engine.pull_hidden(request)
        case ReadTails():
            return engine.read_tails(request)
        case StoredMessages():
            return engine.messages(request)
        case _:
            assert_never(request)


def serve(requests: socket.socket, role: Role) -> None:
    """Do what comes, until the other end is gone."""
    frames = Frames()
    poll = select.poll()
    poll.register(requests, select.POLLIN)
    while True:
        idle_in_s = role.idle_in_s()
        # The reader is never idle: `recv` waits as well, and asking first is one more way into the kernel.
        if idle_in_s is None or poll.poll(idle_in_s * 1_000):
            data = requests.recv(_RECEIVED_BYTES_MAX)
            if not data:
                return
            answers = bytearray()
            for body in frames.receive(data):
                answers += _answered(role, body)
                if len(answers) >= role.answers_bytes:
                    requests.sendall(answers)
                    answers.clear()
            if answers:
                requests.sendall(answers)
        role.idle()


def _answered(role: Role, body: bytes) -> bytes:
    request = request_of(body)
    try:
        return answer_frame(role.answer(request))
    except StoreRefused as error:
        if isinstance(request, Open):
            return failure_frame(Failure("refused", str(error)))
        return failure_frame(Failure("unavailable", "The database cannot be opened.", str(error)))
    except NotFollowed:
        return failure_frame(Failure("unavailable", "What came before it was not written."))
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code not in _CONNECTION_IS_FINE:
            role.close()
        detail = f"{getattr(error, 'sqlite_errorname', type(error).__name__)}: {error}"
        if code in _UNAVAILABLE:
            return failure_frame(Failure("unavailable", _UNAVAILABLE[code], detail))
        return failure_frame(Failure("internal", _INTERNAL, detail))
    except Exception:  # noqa: BLE001 - a mistake of ours: whoever asked must be told, and the next request may be fine
        role.close()
        return failure_frame(Failure("internal", _INTERNAL, traceback.format_exc()))


_INTERNAL: Final = "The server made a mistake; it is in its log."


def main() -> None:
    """`python -m sixin.server.store.sqlite_process writer|reader DATA DESCRIPTOR`."""
    # Ctrl-C and a service manager's SIGTERM reach the whole group. The server drains; we end when it lets go.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.umask(0o077)
    name, data, descriptor = sys.argv[1:]
    roles: dict[str, Callable[[Path], Role]] = {"writer": Writing, "reader": Reading}
    role = roles[name](Path(data))
    with socket.socket(fileno=int(descriptor)) as requests:
        try:
            serve(requests, role)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server ended while it was being answered
        finally:
            role.close()


if __name__ == "__main__":
    main()
