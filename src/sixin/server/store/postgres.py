"""PostgreSQL as a store: several nodes write at once, each batch in one transaction.

A batch takes one round trip where what the writer remembers still holds, and four where nodes write the same: BEGIN,
lock and load, write, COMMIT. Reads share theirs (postgres_reads.py). What the locks promise is written down in
docs/decisions/postgres-locking.md; the SQL stands in sql/postgres/.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sixin.core import errors
from sixin.core.contact import Contact, UserHead
from sixin.core.ids import SessionId, Uid
from sixin.core.limits import INT64_MAX, POSTGRES_OPEN_WAIT_S
from sixin.core.message import Message
from sixin.core.rows import Changes, Keys, Loaded
from sixin.core.session import Session
from sixin.core.timeline import (
    ContactPage,
    HiddenPage,
    MessagePage,
    page_after,
    page_before,
    page_of_contacts,
    page_of_hidden,
)
from sixin.server.store.base import Collided, Heads, SharedStore, Transaction
from sixin.server.store.postgres_link import Connection, Link, is_lost, translated
from sixin.server.store.postgres_reads import CONTACT, PULL_CONTACTS, PULL_NEW, PULL_OLD, USER, Reads
from sixin.server.store.postgres_rows import (
    load_arguments,
    loaded_from,
    messages_from,
    relied_arguments,
    session_from,
    session_key,
    write_arguments,
)
from sixin.server.store.postgres_schema import migrate
from sixin.server.store.sql import statements

log = logging.getLogger(__name__)

STATEMENTS = statements("postgres")


class PostgresStore(SharedStore):
    """Timelines in a PostgreSQL database that may be shared with other nodes, and with an application's own tables."""

    def __init__(self, url: str, *, open_wait_s: float = POSTGRES_OPEN_WAIT_S) -> None:
        """`url`: `postgresql://user:password@host:port/database`, several hosts separated by commas, and
        parameters as libpq knows them, such as `?sslmode=verify-full&sslrootcert=…`."""
        self._link = Link(url, open_wait_s=open_wait_s)
        self._reads = Reads(self._link)

    async def open(self) -> None:
        """Connect and bring the schema to this version; of nodes that start together, one after the other."""
        await self._link.open()
        try:
            async with self._link.transaction() as connection:
                await migrate(connection)
                if await connection.fetchval("SHOW fsync") == "off":
                    log.warning("postgres_fsync_is_off", extra={"consequence": "a power cut loses what was promised"})
        except BaseException:
            await self._link.close()
            raise

    async def close(self) -> None:
        """End the reads, and close the pool."""
        await self._reads.close()
        await self._link.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One transaction on one connection."""
        async with self._link.transaction() as connection:
            yield _PostgresTransaction(connection)

    async def peek(self, keys: Keys) -> Loaded:
        """One round trip."""
        async with self._link.connection() as connection:
            return await _load(connection, keys, locking=False)

    async def commit_if(self, relied_on: Heads, changes: Changes) -> None:
        """One round trip: the statement is the transaction."""
        arguments = (*relied_arguments(relied_on), *write_arguments(changes))
        async with self._link.connection() as connection:
            await connection.execute(STATEMENTS["commit_batch"], *arguments)

    async def held(self, keys: Keys) -> tuple[Keys, Keys]:
        """In a transaction that is rolled back: what it locks for a moment need not be synced."""
        sessions = [session_key(session_id) for session_id in keys.sessions]
        async with self._link.transaction() as connection:
            (row,) = await connection.fetch(STATEMENTS["held"], list(keys.slots), sessions, list(keys.users))
        held = Keys(set(row["held_slots"]), set(row["held_sessions"]), set(row["held_users"]))
        return held, Keys(set(), set(row["missing_sessions"]), set(row["missing_users"]))

    async def contact(self, owner: Uid, session_id: SessionId) -> Contact | None:
        """One contact."""
        return await self._reads.ask(CONTACT, (owner, session_id))

    async def user(self, uid: Uid) -> UserHead:
        """A user's head."""
        return await self._reads.ask(USER, uid)

    async def revocations(self) -> list[tuple[Uid, int]]:
        """Whose tokens were revoked."""
        return [(row["uid"], row["tokens_from_s"]) for row in await self._rows("revocations")]

    async def session(self, session_id: SessionId) -> Session:
        """A session's head."""
        rows = await self._rows("session", *session_key(session_id))
        return session_from(rows[0]) if rows else Session(session_id)

    async def pull_new(
        self, owner: Uid, session_id: SessionId, *, after_version: int, born_up_to: int | None, limit: int
    ) -> MessagePage:
        """Visible messages by version."""
        up_to = INT64_MAX if born_up_to is None else born_up_to
        ask = (owner, *session_key(session_id), after_version, up_to, limit + 1)
        found = await self._reads.ask(PULL_NEW, ask, rows_max=limit + 1)
        return page_after(found.rows, limit=limit, version_id=found.head)

    async def pull_old(
        self, owner: Uid, session_id: SessionId, *, before_sort_key: int | None, limit: int
    ) -> MessagePage:
        """Visible messages by sort_key."""
        ask = (owner, *session_key(session_id), _before(before_sort_key), None, limit + 1)
        found = await self._reads.ask(PULL_OLD, ask, rows_max=limit + 1)
        return page_before(found.rows, limit=limit, version_id=found.head)

    async def pull_contacts(self, owner: Uid, *, after_version: int, limit: int) -> ContactPage:
        """Contacts by version."""
        ask = (owner, after_version, limit + 1)
        found = await self._reads.ask(PULL_CONTACTS, ask, rows_max=limit + 1)
        return page_of_contacts(found.rows, limit=limit, version_id=found.head, unread_total=found.unread_total)

    async def pull_hidden(self, owner: Uid, session_id: SessionId, *, after_version: int, limit: int) -> HiddenPage:
        """Hidden messages by version."""
        (row,) = await self._rows("pull_hidden", owner, session_id, after_version, limit + 1)
        found = [(hidden["version_id"], hidden["msg_id"]) for hidden in row["page"] or ()]
        return page_of_hidden(found, limit=limit, version_id=row["head"] or 0)

    async def messages(self, session_id: SessionId, *, before_sort_key: int | None, limit: int) -> list[Message]:
        """Messages as they are stored."""
        return messages_from(await self._rows("messages", *session_key(session_id), _before(before_sort_key), limit))

    async def _rows(self, statement: str, *arguments: Any) -> list[Any]:
        async with self._link.reading() as connection:
            return await connection.fetch(STATEMENTS[statement], *arguments)


def _before(sort_key: int | None) -> int:
    return INT64_MAX if sort_key is None else sort_key


class _PostgresTransaction(Transaction):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def load(self, keys: Keys) -> Loaded:
        """Lock and load."""
        with translated():
            return await _load(self._connection, keys, locking=True)

    async def commit(self, changes: Changes) -> None:
        """Write and commit. Where the link breaks before COMMIT is answered, only the next load can tell."""
        try:
            with translated():
                await self._connection.execute(STATEMENTS["write_batch"], *write_arguments(changes))
        except errors.Unavailable as error:
            if not is_lost(self._connection):
                raise
            # Nobody said COMMIT, so nothing is written: as where PostgreSQL ended a session that was idle for too long.
            raise Collided("the connection was lost before COMMIT") from error
        with translated():
            await self._connection.execute("COMMIT")


async def _load(connection: Connection, keys: Keys, *, locking: bool) -> Loaded:
    (row,) = await connection.fetch(STATEMENTS["load_batch"], locking, *load_arguments(keys))
    return loaded_from(row, keys)
