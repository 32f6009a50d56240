"""The embedded store: one SQLite file, written by one process and read by another, so that the loop never waits.

    server  ── load, commit: one batch at a time ──▶  writer process  ── holds the lock ──▶  sixin.db, sixin.db-wal
            ── reads, many at a time ────────────▶  reader process  ── snapshots ───────▶

A commit is answered after the fsync. A process that dies fails what it was asked with `Unavailable` and is started
again; the next `load` sees what was written. See docs/storage.md.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from sixin.core.contact import Contact, UserHead
from sixin.core.ids import SessionId, Uid
from sixin.core.limits import READS_WAITING_MAX
from sixin.core.message import Message
from sixin.core.rows import Keys, Loaded
from sixin.core.session import Session
from sixin.core.timeline import ContactPage, HiddenPage, MessagePage, TailRead
from sixin.server.store.base import Changes, FollowedStore, Transaction
from sixin.server.store.sqlite_child import SqliteChild
from sixin.server.store.sqlite_pages import (
    contact_found,
    contacts_found,
    hidden_found,
    messages_found,
    new_found,
    old_found,
    session_found,
    tails_found,
    user_found,
)
from sixin.server.store.sqlite_requests import (
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
    commit_of,
    load_of,
)

_WRITES_WAITING_MAX: Final = 16
"""The writer has one request in flight; more wait only behind one whose caller has given up."""

_loaded: Final = msgspec.msgpack.Decoder(Loaded)
_rows: Final = msgspec.msgpack.Decoder()
"""Rows are not checked once more: they come from STRICT tables, by way of a process of our own."""


class SqliteStore(FollowedStore):
    """Timelines in `sixin.db` of a data folder, which belongs to one server at a time."""

    def __init__(self, data: Path, *, reads_waiting_max: int = READS_WAITING_MAX) -> None:
        """`data`: the folder; made, for its owner alone, when it is missing."""
        self.writer = SqliteChild("writer", data, waiting_max=_WRITES_WAITING_MAX)
        self.reader = SqliteChild("reader", data, waiting_max=reads_waiting_max)
        self._one_at_a_time = asyncio.Lock()
        self._commits = 0

    async def open(self) -> None:
        """Start both processes. Raises `StoreRefused` when the file is another server's, damaged or too new."""
        await self.writer.start()
        try:
            await self.reader.start()
        except BaseException:
            await self.writer.stop()
            raise

    async def close(self) -> None:
        """End both processes; the writer last, so that it leaves one file and no log."""
        await self.reader.stop()
        await self.writer.stop()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One transaction. Nobody else writes, so what it loaded stays true without a lock in the file."""
        async with self._one_at_a_time:
            yield _SqliteTransaction(self)

    def commit(self, changes: Changes, *, follows: bool) -> asyncio.Future[memoryview]:
        """Send it, whole: there is nothing to undo before it, and nothing half done after it."""
        before = self._commits
        self._commits += 1
        return self.writer.ask(commit_of(changes, self._commits, before if follows else 0))

    def follow(self, changes: Changes) -> asyncio.Future[Any]:
        """It lies in the writer's socket when that is done with the commit before."""
        return self.commit(changes, follows=True)

    async def contact(self, owner: Uid, session_id: SessionId) -> Contact | None:
        """One contact."""
        return contact_found(await self._read(ReadContact(owner, session_id)))

    async def user(self, uid: Uid) -> UserHead:
        """A user's head."""
        return user_found(await self._read(ReadUser(uid)))

    async def revocations(self) -> list[tuple[Uid, int]]:
        """Whose tokens were revoked."""
        return [(uid, from_s) for uid, from_s in await self._read(ReadRevocations())]

    async def session(self, session_id: SessionId) -> Session:
        """A session's head."""
        return session_found(await self._read(ReadSession(session_id)))

    async def pull_new(
        self, owner: Uid, session_id: SessionId, *, after_version: int, born_up_to: int | None, limit: int
    ) -> MessagePage:
        """Visible messages by version."""
        asked = PullNew(owner, session_id, after_version, born_up_to, limit)
        return new_found(asked, await self._read(asked))

    async def pull_old(
        self, owner: Uid, session_id: SessionId, *, before_sort_key: int | None, limit: int
    ) -> MessagePage:
        """Visible messages by sort_key."""
        asked = PullOld(owner, session_id, before_sort_key, limit)
        return old_found(asked, await self._read(asked))

    async def pull_contacts(self, owner: Uid, *, after_version: int, limit: int) -> ContactPage:
        """Contacts by version."""
        asked = PullContacts(owner, after_version, limit)
        return contacts_found(asked, await self._read(asked))

    async def pull_hidden(self, owner: Uid, session_id: SessionId, *, after_version: int, limit: int) -> HiddenPage:
        """Hidden messages by version."""
        asked = PullHidden(owner, session_id, after_version, limit)
        return hidden_found(asked, await self._read(asked))

    async def read_tails(self, session_ids: Sequence[SessionId], *, versions_max: int) -> list[TailRead]:
        """The ends of several sessions' timelines, in one question: what costs is the way there and back."""
        asked = ReadTails(list(session_ids), versions_max)
        return tails_found(asked, await self._read(asked))

    async def messages(self, session_id: SessionId, *, before_sort_key: int | None, limit: int) -> list[Message]:
        """Messages as they are stored."""
        return messages_found(await self._read(StoredMessages(session_id, before_sort_key, limit)))

    async def _read(self, request: Read) -> Any:
        return _rows.decode(await self.reader.ask(request))


class _SqliteTransaction(Transaction):
    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def load(self, keys: Keys) -> Loaded:
        """The rows that exist of those named."""
        return _loaded.decode(await self._store.writer.ask(load_of(keys)))

    async def commit(self, changes: Changes) -> None:
        """Answered after the fsync."""
        await self._store.commit(changes, follows=False)
