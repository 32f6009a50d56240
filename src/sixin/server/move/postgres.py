"""A PostgreSQL database as a source or a target of a move."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import asyncpg

from sixin.core.ids import slot_of, slot_of_message
from sixin.server.move.base import PAGE_ROWS, Place, Refused, Row, Source, Target, above
from sixin.server.store.postgres_link import Link
from sixin.server.store.postgres_schema import migrate
from sixin.server.store.sql import statements

SQL: Final = statements("postgres_move")

_CONNECT_TIMEOUT_S: Final = 10.0
_ALONE_TRIES: Final = 10
_ALONE_PAUSE_S: Final = 0.2
_LOCK_WAIT: Final = "10s"
_ONE_COPY: Final = 0x73_69_78_69_6F
"""The advisory lock that one copy into a database holds."""

_FIRST: Final[dict[str, Place]] = {
    "messages": [-1, 0],
    "sessions": [-1, ""],
    "users": [0],
    "contacts": [0, ""],
    "hidden": [0, 0],
    "profiles": [0],
}
"""The place before the first row of each table."""

_COLUMNS: Final = {
    "messages": "slot msg_id session_id sender seq_id ordinal version_id sort_key status content digest sent_at_ms"
    " changed_at_ms",
    "sessions": "slot session_id version_id last_ordinal last_msg_id",
    "users": "uid version_id unread_total",
    "contacts": "owner session_id peer version_id sort_key last_msg_id preview_msg_id last_del_msg_id"
    " last_read_msg_id peer_read_msg_id unread pinned muted labels status peer_ack message_version hidden_version"
    " last_seq_id",
    "hidden": "owner session_id msg_id version_id",
    "profiles": "uid kind name avatar registered tokens_from_s",
}
_PREVIEW: Final = 6
_LABELS: Final = 13


class PostgresSource(Source):
    """One snapshot of a database."""

    def __init__(self, url: str, *, hold: bool) -> None:
        """`hold`: keep every node from writing until the end, and refuse where one stands; else they go on."""
        self._url = url
        self._hold = hold
        self.name = f"postgresql:{Link(url).place}"
        self._connection: asyncpg.Connection | None = None

    async def open(self) -> None:
        """Begin the transaction that reads everything."""
        await _bring_to_level(self._url)
        connection = self._connection = await _connected(self._url)
        try:
            if await connection.fetchval(SQL["is_copying"]):
                raise Refused(f"{self.name} is an unfinished copy itself: finish that one first.")
            if self._hold:
                await _alone(connection, self.name)
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            if self._hold:
                await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'")
                await connection.execute(SQL["hold"])
        except asyncpg.PostgresError as error:
            await self.close()
            raise Refused(f"{self.name} cannot be read as a whole: {error}.") from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End the transaction; nothing was changed."""
        await _close(self._connection)
        self._connection = None

    async def page(self, table: str, after: Place | None) -> tuple[list[Row], Place]:
        """The next rows of a table."""
        assert self._connection is not None  # noqa: S101 - opened
        return await _page(self._connection, table, after)


class PostgresTarget(Target):
    """An empty database, on which no node starts before the copy is whole."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.name = f"postgresql:{Link(url).place}"
        self._connection: asyncpg.Connection | None = None

    @property
    def _open(self) -> asyncpg.Connection:
        assert self._connection is not None  # noqa: S101 - opened
        return self._connection

    async def open(self) -> None:
        """Connect, and bring the schema to this version."""
        await _bring_to_level(self._url)
        self._connection = await _connected(self._url)

    async def close(self) -> None:
        """Let go of the lock and the connection."""
        await _close(self._connection)
        self._connection = None

    async def begin(self, source: str) -> dict[str, Place]:
        """Start in an empty database, or go on."""
        if not await self._open.fetchval("SELECT pg_try_advisory_lock($1)", _ONE_COPY):
            raise Refused(f"Another copy into {self.name} is running.")
        if not await self._open.fetchval(SQL["is_copying"]):
            await _alone(self._open, self.name)
            async with self._open.transaction():
                await self._open.execute(SQL["hold"])
                if not await self._open.fetchval(SQL["is_empty"]):
                    raise Refused(f"{self.name} is not empty; nothing is overwritten.")
                await self._open.execute(SQL["forget_locked_heads"])
                await self._open.execute(SQL["forget_locked_users"])
                await self._open.execute(SQL["make_progress"])
        rows = await self._open.fetch(SQL["progress"])
        if any(row["source"] != source for row in rows):
            raise Refused(
                f"{self.name} holds an unfinished copy of {rows[0]['source']}: DROP SCHEMA sixin CASCADE, or finish it."
            )
        return {row["name"]: json.loads(row["after"]) for row in rows}

    async def page(self, table: str, after: Place | None) -> tuple[list[Row], Place]:
        """The next rows of a table."""
        return await _page(self._open, table, after)

    async def add(self, table: str, rows: Sequence[Row], source: str, after: Place) -> None:
        """One transaction."""
        records = [_STORED.get(table, tuple)(row) for row in rows]
        async with self._open.transaction():
            await self._open.copy_records_to_table(
                table, records=records, columns=_COLUMNS[table].split(), schema_name="sixin"
            )
            await self._open.execute(SQL["put_progress"], table, source, json.dumps(after))

    async def counted_unread(self, contacts: Sequence[Row]) -> list[int]:
        """One statement for all of them."""
        rows = await self._open.fetch(
            SQL["count_unread"],
            [contact[0] for contact in contacts],
            [slot_of(contact[1]) for contact in contacts],
            [contact[1] for contact in contacts],
            [above(contact) for contact in contacts],
        )
        return [row[0] for row in rows]

    async def wrong_totals(self) -> list[int]:
        """Over the whole database."""
        return [row[0] for row in await self._open.fetch(SQL["wrong_totals"])]

    async def finish(self) -> None:
        """From now on, nodes start on it."""
        async with self._open.transaction():
            await self._open.execute(SQL["put_slots"])
            await self._open.execute(SQL["drop_progress"])
        for table in _COLUMNS:
            await self._open.execute(f"ANALYZE sixin.{table}")


async def _connected(url: str) -> asyncpg.Connection:
    settings = {"application_name": "sixin copy", "enable_seqscan": "off", "jit": "off", "synchronous_commit": "on"}
    return await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT_S, server_settings=settings)


async def _alone(connection: asyncpg.Connection, place: str) -> None:
    """Wait a moment: PostgreSQL may not have noticed yet that a node has gone."""
    for _ in range(_ALONE_TRIES):
        nodes = await connection.fetchval(SQL["nodes"])
        if not nodes:
            return
        await asyncio.sleep(_ALONE_PAUSE_S)
    raise Refused(f"Nodes have {nodes} connections to {place}: stop them first.")


async def _bring_to_level(url: str) -> None:
    """As a node does. Raises `StoreRefused` where it cannot be reached, or is another version's."""
    link = Link(url)
    await link.open()
    try:
        async with link.transaction() as connection:
            await migrate(connection, of_a_copy=True)
    finally:
        await link.close()


async def _close(connection: asyncpg.Connection | None) -> None:
    if connection is None:
        return
    with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        await connection.close(timeout=_CONNECT_TIMEOUT_S)


async def _page(connection: asyncpg.Connection, table: str, after: Place | None) -> tuple[list[Row], Place]:
    place = _FIRST[table] if after is None else after
    width = len(place)
    found = await connection.fetch(SQL[table], PAGE_ROWS, *place)
    rows = [tuple(row)[width:] for row in found]
    if table == "contacts":
        rows = [(*row[:_LABELS], tuple(row[_LABELS]), *row[_LABELS + 1 :]) for row in rows]
    return rows, list(tuple(found[-1])[:width]) if found else place


def _message_stored(row: Row) -> Row:
    return (slot_of_message(row[0]), *row)


def _session_stored(row: Row) -> Row:
    return (slot_of(row[0]), *row)


def _contact_stored(row: Row) -> Row:
    fields: list[Any] = list(row)
    fields[_PREVIEW] = fields[_PREVIEW] or None
    return tuple(fields)


_STORED: Final[dict[str, Callable[[Row], Row]]] = {
    "messages": _message_stored,
    "sessions": _session_stored,
    "contacts": _contact_stored,
}
