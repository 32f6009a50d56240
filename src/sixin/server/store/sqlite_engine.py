"""The SQLite engine itself: one connection, everything synchronous. It runs in a process of its own."""

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from typing import Any, Final, TypeVar

import msgspec

from sixin.core.contact import Contact, Hidden, UserHead
from sixin.core.ids import MsgId, SessionId, Slot, Tick, Uid, tick_of_message
from sixin.core.limits import INT64_MAX, PAGE_BYTES_MAX
from sixin.core.message import Message
from sixin.core.rows import Loaded, PreviewWithout, UnreadUpTo
from sixin.core.session import Session, SlotHead
from sixin.core.timeline import (
    ContactPage,
    HiddenPage,
    MessagePage,
    page_after,
    page_before,
    page_of_contacts,
    page_of_hidden,
)
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
    ReadUser,
    StoredMessages,
)
from sixin.server.store.sqlite_rows import Columns, Stored, contact_of, message_of, profile_of

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

    # What people ask.

    def contact(self, asked: ReadContact) -> Contact | None:
        """`Store.contact`."""
        found = self._one("contact", owner=asked.owner, session_id=asked.session_id)
        return None if found is None else contact_of(found)

    def user(self, asked: ReadUser) -> UserHead:
        """`Store.user`."""
        return UserHead(*(self._one("user", uid=asked.uid) or (asked.uid,)))

    def revocations(self) -> list[tuple[Uid, int]]:
        """`Store.revocations`."""
        found: list[tuple[Uid, int]] = self._connection.execute(_SQL["revocations"]).fetchall()
        return found

    def session(self, asked: ReadSession) -> Session:
        """`Store.session`."""
        return Session(*(self._one("session", session_id=asked.session_id) or (asked.session_id,)))

    def pull_new(self, asked: PullNew) -> MessagePage:
        """`Store.pull_new`."""
        with self._snapshot():
            last_del_msg_id, cleared_sort_key = self._sight(asked.owner, asked.session_id)
            found = self._messages(
                "pull_new",
                owner=asked.owner,
                session_id=asked.session_id,
                after_version=asked.after_version,
                born_up_to=INT64_MAX if asked.born_up_to is None else asked.born_up_to,
                last_del_msg_id=last_del_msg_id,
                cleared_sort_key=cleared_sort_key,
                page_max=asked.limit + 1,
            )
            return page_after(found, limit=asked.limit, version_id=self._session_version(asked.session_id))

    def pull_old(self, asked: PullOld) -> MessagePage:
        """`Store.pull_old`."""
        with self._snapshot():
            last_del_msg_id, cleared_sort_key = self._sight(asked.owner, asked.session_id)
            found = self._messages(
                "pull_old",
                owner=asked.owner,
                session_id=asked.session_id,
                before_sort_key=INT64_MAX if asked.before_sort_key is None else asked.before_sort_key,
                last_del_msg_id=last_del_msg_id,
                cleared_sort_key=cleared_sort_key,
                page_max=asked.limit + 1,
            )
            return page_before(found, limit=asked.limit, version_id=self._session_version(asked.session_id))

    def pull_contacts(self, asked: PullContacts) -> ContactPage:
        """`Store.pull_contacts`."""
        with self._snapshot():
            values = {"owner": asked.owner, "after_version": asked.after_version, "page_max": asked.limit + 1}
            with closing(self._connection.execute(_SQL["pull_contacts"], values)) as cursor:
                found = _up_to_a_page(
                    map(contact_of, cursor), lambda row: len(row.last_message.content) if row.last_message else 0
                )
            head = self.user(ReadUser(asked.owner))
            return page_of_contacts(
                found, limit=asked.limit, version_id=head.version_id, unread_total=head.unread_total
            )

    def pull_hidden(self, asked: PullHidden) -> HiddenPage:
        """`Store.pull_hidden`."""
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
            return page_of_hidden(found, limit=asked.limit, version_id=self.user(ReadUser(asked.owner)).version_id)

    def messages(self, asked: StoredMessages) -> list[Message]:
        """`Store.messages`."""
        found = self._connection.execute(
            _SQL["stored_messages"],
            {
                "session_id": asked.session_id,
                "before_sort_key": INT64_MAX if asked.before_sort_key is None else asked.before_sort_key,
                "page_max": asked.limit,
            },
        )
        return [message_of(row) for row in found]

    def _messages(self, name: str, **values: object) -> list[Message]:
        # Closed at once: a statement that was not read to its end would hold the snapshot open.
        with closing(self._connection.execute(_SQL[name], values)) as cursor:
            return _up_to_a_page(map(message_of, cursor), lambda row: len(row.content))

    def _sight(self, owner: int, session_id: str) -> tuple[int, int]:
        """The owner's clear watermark and its sort key: 0 and 0 for somebody without a contact."""
        found = self._one("sight", owner=owner, session_id=session_id)
        return (0, 0) if found is None else (found[0], found[1])

    def _session_version(self, session_id: str) -> int:
        return self.session(ReadSession(session_id)).version_id

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


def _up_to_a_page(rows: Iterable[T], size_of: Callable[[T], int]) -> list[T]:
    """Rows until they are more than a page can hold: what lies behind is not read."""
    taken: list[T] = []
    total = 0
    for row in rows:
        taken.append(row)
        total += size_of(row)
        if total > PAGE_BYTES_MAX:
            break
    return taken
