"""The SQLite engine itself: one connection, everything synchronous. It runs in a process of its own."""

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from typing import Any, Final, TypeVar

import msgspec

from sixin.core.contact import Hidden, UserHead
from sixin.core.ids import MsgId, SessionId, Slot, Tick, Uid, tick_of_message
from sixin.core.limits import INT64_MAX, PAGE_BYTES_MAX
from sixin.core.message import Message
from sixin.core.rows import Loaded, PreviewWithout, UnreadUpTo
from sixin.core.session import Session, SlotHead
from sixin.server.store.sql import statements
from sixin.server.store.sqlite_requests import (
    Commit,
    Load,
    PullContacts,
    PullHidden,
    PullNew,
    PullOld,
    ReadContact,
    ReadSession,
    ReadTails,
    ReadUser,
    StoredMessages,
)
from sixin.server.store.sqlite_rows import (
    MESSAGE_CONTENT,
    PREVIEW_CONTENT,
    Columns,
    Stored,
    contact_of,
    message_of,
    profile_of,
)

T = TypeVar("T")

_SQL: Final = statements("sqlite")
_ONE_ROW: Final = re.compile(r"(?<=VALUES )\((?:\?, )*\?\)")

ROWS_AT_ONCE: Final = (64, 16, 4, 1)
"""Rows of one statement. A few sizes only, so that each is prepared once and stays in the connection's cache."""


def _for_rows(name: str) -> dict[int, str]:
    """An INSERT of one row, for several."""
    one = _SQL[name]
    row = _ONE_ROW.search(one)
    assert row is not None, name  # noqa: S101 - our own file, read once at start
    return {count: _ONE_ROW.sub(", ".join([row[0]] * count), one) for count in ROWS_AT_ONCE}


_ADD_MESSAGES: Final = _for_rows("add_messages")
_PUT_SESSIONS: Final = _for_rows("put_sessions")
_PUT_USERS: Final = _for_rows("put_users")
_PUT_CONTACTS: Final = _for_rows("put_contacts")
_ADD_HIDDEN: Final = _for_rows("add_hidden")
_PUT_PROFILES: Final = _for_rows("put_profiles")


class SqliteEngine:
    """Loads, commits and reads over an open file. Raises `sqlite3.Error`.

    Slots are not stored. The ids that a slot may give out next lie above every id in the file at the time it was
    opened, or above the last one this engine committed for that slot, whichever is larger. That keeps ids unique: an
    id that was ever told to anybody was committed before, so it is in the file (rows of messages are never removed;
    whoever adds a way to remove them keeps the largest), and only one process has the file. And it keeps them in
    order, because a session's own last id is among those in the file.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """`connection`: without implicit transactions, on a file at this version's schema level."""
        self._connection = connection
        self._ticks: dict[int, int] = {}
        ((last_msg_id,),) = connection.execute(_SQL["last_msg_id"])
        self._first_tick = tick_of_message(MsgId(last_msg_id))

    # What the writer asks.

    def load(self, keys: Load) -> Loaded:
        """`Transaction.load`."""
        with self._snapshot():
            messages = {
                row.msg_id: row
                for row in chain(
                    self._load("load_messages", keys.messages, message_of),
                    self._load("load_messages_by_seq", keys.seqs, message_of),
                )
            }
            return Loaded(
                slots=[SlotHead(Slot(slot), Tick(self._ticks.get(slot, self._first_tick))) for slot in keys.slots],
                sessions=self._load("load_sessions", keys.sessions, lambda row: Session(*row)),
                users=self._load("load_users", keys.users, lambda row: UserHead(*row)),
                contacts=self._load("load_contacts", keys.contacts, contact_of),
                messages=list(messages.values()),
                hidden=self._load("load_hidden", keys.hidden, lambda row: Hidden(*row)),
                profiles=self._load("load_profiles", keys.profiles, profile_of),
                unread=[(fact, self._unread_up_to(fact)) for fact in keys.unread],
                previews=[(fact, self._preview_without(fact)) for fact in keys.previews],
            )

    def _load(self, name: str, keys: Sequence[object], row_of: Callable[[Stored], T]) -> list[T]:
        if not keys:
            return []
        found = self._connection.execute(_SQL[name], {"keys": msgspec.json.encode(keys).decode()})
        return [row_of(row) for row in found]

    def _unread_up_to(self, fact: UnreadUpTo) -> int:
        """Counts on the shorter side of `up_to`: reading to the end of a long history is as quick as of a short one."""
        owner, session_id = fact.owner, fact.session_id
        contact = self._one("marks_of_contact", owner=owner, session_id=session_id)
        up_to = self._one("place_of_message", msg_id=fact.up_to, session_id=session_id)
        if contact is None or up_to is None or fact.up_to <= contact[0]:
            return 0
        mark, unread, last_msg_id, message_version = contact
        if fact.up_to >= last_msg_id:
            return int(unread)
        above = self._one("place_of_message", msg_id=mark, session_id=session_id) or (0,)
        if up_to[0] - above[0] <= message_version - up_to[0]:
            return self._count_unread(owner, session_id, above[0], up_to[0])
        return int(unread) - self._count_unread(owner, session_id, up_to[0], INT64_MAX)

    def _count_unread(self, owner: Uid, session_id: SessionId, above: int, up_to: int) -> int:
        counted = self._one(
            "count_unread", owner=owner, session_id=session_id, above_sort_key=above, up_to_sort_key=up_to
        )
        return int(counted[0]) if counted else 0

    def _preview_without(self, fact: PreviewWithout) -> Message | None:
        last_del_msg_id, cleared_sort_key = self._sight(fact.owner, fact.session_id)
        found = self._one(
            "newest_seen_without",
            owner=fact.owner,
            session_id=fact.session_id,
            last_del_msg_id=last_del_msg_id,
            cleared_sort_key=cleared_sort_key,
            msg_ids=msgspec.json.encode(fact.msg_ids).decode(),
        )
        return None if found is None else message_of(found)

    def commit(self, rows: Commit) -> None:
        """`Transaction.commit`."""
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            self._write(_ADD_MESSAGES, rows.born)
            self._empty(rows.emptied)
            self._write(_PUT_SESSIONS, rows.sessions)
            self._write(_PUT_USERS, rows.users)
            self._write(_PUT_CONTACTS, rows.contacts)
            self._write(_ADD_HIDDEN, rows.hidden)
            self._write(_PUT_PROFILES, rows.profiles)
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise
        self._ticks.update(rows.slots)

    def _write(self, sql: dict[int, str], rows: list[Columns]) -> None:
        """Sorted by key, so that neighbours are written together."""
        rows.sort()
        start = 0
        for count in ROWS_AT_ONCE:
            while len(rows) - start >= count:
                values = list(chain.from_iterable(rows[start : start + count]))
                self._connection.execute(sql[count], values)
                start += count

    def _empty(self, rows: list[Columns]) -> None:
        for row in rows:
            if self._connection.execute(_SQL["empty_message"], row).rowcount != 1:
                raise LookupError("there is no such message to be emptied")

    # What people ask: rows as they are stored, which become pages in the server (`sqlite.py`).

    def contact(self, asked: ReadContact) -> Stored | None:
        """`Store.contact`."""
        return self._one("contact", owner=asked.owner, session_id=asked.session_id)

    def user(self, asked: ReadUser) -> Stored:
        """`Store.user`."""
        return self._one("user", uid=asked.uid) or (asked.uid, 0, 0)

    def revocations(self) -> list[Stored]:
        """`Store.revocations`."""
        found: list[Stored] = self._connection.execute(_SQL["revocations"]).fetchall()
        return found

    def session(self, asked: ReadSession) -> Stored:
        """`Store.session`."""
        return self._one("session", session_id=asked.session_id) or (asked.session_id, 0, 0, 0)

    def pull_new(self, asked: PullNew) -> tuple[int, list[Stored]]:
        """`Store.pull_new`: the session's version, and the rows."""
        with self._snapshot():
            last_del_msg_id, cleared_sort_key = self._sight(asked.owner, asked.session_id)
            found = self._up_to_a_page(
                "pull_new",
                MESSAGE_CONTENT,
                owner=asked.owner,
                session_id=asked.session_id,
                after_version=asked.after_version,
                born_up_to=INT64_MAX if asked.born_up_to is None else asked.born_up_to,
                last_del_msg_id=last_del_msg_id,
                cleared_sort_key=cleared_sort_key,
                page_max=asked.limit + 1,
            )
            return self._session_version(asked.session_id), found

    def pull_old(self, asked: PullOld) -> tuple[int, list[Stored]]:
        """`Store.pull_old`: the session's version, and the rows."""
        with self._snapshot():
            last_del_msg_id, cleared_sort_key = self._sight(asked.owner, asked.session_id)
            found = self._up_to_a_page(
                "pull_old",
                MESSAGE_CONTENT,
                owner=asked.owner,
                session_id=asked.session_id,
                before_sort_key=INT64_MAX if asked.before_sort_key is None else asked.before_sort_key,
                last_del_msg_id=last_del_msg_id,
                cleared_sort_key=cleared_sort_key,
                page_max=asked.limit + 1,
            )
            return self._session_version(asked.session_id), found

    def pull_contacts(self, asked: PullContacts) -> tuple[Stored, list[Stored]]:
        """`Store.pull_contacts`: the owner's head, and the rows."""
        with self._snapshot():
            found = self._up_to_a_page(
                "pull_contacts",
                PREVIEW_CONTENT,
                owner=asked.owner,
                after_version=asked.after_version,
                page_max=asked.limit + 1,
            )
            return self.user(ReadUser(asked.owner)), found

    def pull_hidden(self, asked: PullHidden) -> tuple[int, list[Stored]]:
        """`Store.pull_hidden`: the owner's contact version, and the rows."""
        with self._snapshot():
            found = self._connection.execute(
                _SQL["pull_hidden"],
                {
                    "owner": asked.owner,
                    "session_id": asked.session_id,
                    "after_version": asked.after_version,
                    "page_max": asked.limit + 1,
                },
            ).fetchall()
            return self.user(ReadUser(asked.owner))[1], found

    def read_tails(self, asked: ReadTails) -> list[Stored]:
        """`Store.read_tails`: the rows of whole sessions, each with its session's version behind its own columns."""
        values = {"keys": msgspec.json.encode(asked.session_ids).decode(), "versions_max": asked.versions_max}
        with self._snapshot():
            born, total = list[Stored](), 0
            with closing(self._connection.execute(_SQL["tails_born"], values)) as cursor:
                for row in cursor:
                    born.append(row)
                    total += len(row[MESSAGE_CONTENT])
                    if total > PAGE_BYTES_MAX:
                        # Too much for one answer: the session that this one cuts is left out, and all after it.
                        whole = [one for one in born if one[1] != row[1]]
                        known = {one[1] for one in whole}
                        return whole + [one for one in self._changed_of(values) if one[1] in known]
            return born + self._changed_of(values)

    def _changed_of(self, values: dict[str, object]) -> list[Stored]:
        found: list[Stored] = self._connection.execute(_SQL["tails_changed"], values).fetchall()
        return found

    def messages(self, asked: StoredMessages) -> list[Stored]:
        """`Store.messages`."""
        found: list[Stored] = self._connection.execute(
            _SQL["stored_messages"],
            {
                "session_id": asked.session_id,
                "before_sort_key": INT64_MAX if asked.before_sort_key is None else asked.before_sort_key,
                "page_max": asked.limit,
            },
        ).fetchall()
        return found

    def _up_to_a_page(self, name: str, content: int, **values: object) -> list[Stored]:
        """Rows until they are more than a page can hold: what lies behind is not read. `content`: its column."""
        taken: list[Stored] = []
        total = 0
        # Closed at once: a statement that was not read to its end would hold the snapshot open.
        with closing(self._connection.execute(_SQL[name], values)) as cursor:
            for row in cursor:
                taken.append(row)
                total += len(row[content] or b"")
                if total > PAGE_BYTES_MAX:
                    break
        return taken

    def _sight(self, owner: int, session_id: str) -> tuple[int, int]:
        """The owner's clear watermark and its sort key: 0 and 0 for somebody without a contact."""
        found = self._one("sight", owner=owner, session_id=session_id)
        return (0, 0) if found is None else (found[0], found[1])

    def _session_version(self, session_id: str) -> int:
        return int(self.session(ReadSession(session_id))[1])

    def _one(self, name: str, **values: object) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self._connection.execute(_SQL[name], values).fetchone()
        return found

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")
