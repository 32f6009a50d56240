"""The rows on a disk: the reference's dicts, or the real SQLite engine in the process of the simulation."""

import sqlite3
from collections.abc import Sequence

from sixin.core.contact import Contact, UserHead
from sixin.core.ids import SessionId, Uid
from sixin.core.message import Message
from sixin.core.rows import Keys, Loaded
from sixin.core.session import Session
from sixin.core.timeline import ContactPage, HiddenPage, MessagePage, TailRead
from sixin.server.store.base import Changes
from sixin.server.store.memory import MemoryStore
from sixin.server.store.sql import migrations
from sixin.server.store.sqlite_engine import SqliteEngine
from sixin.server.store.sqlite_file import apply
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
    ReadContact,
    ReadSession,
    ReadTails,
    ReadUser,
    StoredMessages,
    commit_of,
    load_of,
)


class SqliteRows(MemoryStore):
    """The engine of the embedded store over a database in memory: what it has committed is what is durable."""

    def __init__(self) -> None:
        super().__init__()
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        apply(self._connection, migrations("sqlite"))
        self._engine = SqliteEngine(self._connection)

    def reopen(self) -> None:
        """Another process opens the file: what the engine knew beside it is gone."""
        self._engine = SqliteEngine(self._connection)

    def load(self, keys: Keys) -> Loaded:
        """The rows that exist of those named."""
        return self._engine.load(load_of(keys))

    def write(self, changes: Changes) -> None:
        """All of it."""
        self._engine.commit(commit_of(changes, 0))

    async def contact(self, owner: Uid, session_id: SessionId) -> Contact | None:
        """One contact."""
        return contact_found(self._engine.contact(ReadContact(owner, session_id)))

    async def user(self, uid: Uid) -> UserHead:
        """A user's head."""
        return user_found(self._engine.user(ReadUser(uid)))

    async def revocations(self) -> list[tuple[Uid, int]]:
        """Whose tokens were revoked."""
        return [(uid, from_s) for uid, from_s in self._engine.revocations()]

    async def session(self, session_id: SessionId) -> Session:
        """A session's head."""
        return session_found(self._engine.session(ReadSession(session_id)))

    async def pull_new(
        self, owner: Uid, session_id: SessionId, *, after_version: int, born_up_to: int | None, limit: int
    ) -> MessagePage:
        """Visible messages by version."""
        asked = PullNew(owner, session_id, after_version, born_up_to, limit)
        return new_found(asked, self._engine.pull_new(asked))

    async def pull_old(
        self, owner: Uid, session_id: SessionId, *, before_sort_key: int | None, limit: int
    ) -> MessagePage:
        """Visible messages by sort_key."""
        asked = PullOld(owner, session_id, before_sort_key, limit)
        return old_found(asked, self._engine.pull_old(asked))

    async def pull_contacts(self, owner: Uid, *, after_version: int, limit: int) -> ContactPage:
        """Contacts by version."""
        asked = PullContacts(owner, after_version, limit)
        return contacts_found(asked, self._engine.pull_contacts(asked))

    async def pull_hidden(self, owner: Uid, session_id: SessionId, *, after_version: int, limit: int) -> HiddenPage:
        """Hidden messages by version."""
        asked = PullHidden(owner, session_id, after_version, limit)
        return hidden_found(asked, self._engine.pull_hidden(asked))

    async def read_tails(self, session_ids: Sequence[SessionId], *, versions_max: int) -> list[TailRead]:
        """The ends of several sessions' timelines."""
        asked = ReadTails(list(session_ids), versions_max)
        return tails_found(asked, self._engine.read_tails(asked))

    async def messages(self, session_id: SessionId, *, before_sort_key: int | None, limit: int) -> list[Message]:
        """Messages as they are stored."""
        return messages_found(self._engine.messages(StoredMessages(session_id, before_sort_key, limit)))
