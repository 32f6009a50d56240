"""A database that is lent with its tables is as a migration leaves it, whatever was said in it before."""

import asyncio
from contextlib import suppress

import asyncpg

from sixin.core.contact import Contact, Hidden, Profile, UserHead
from sixin.core.errors import Unavailable
from sixin.core.ids import Tick, slot_of
from sixin.core.session import Session, SlotHead
from sixin.server.store.base import Changes
from sixin.server.store.postgres import PostgresStore
from tests.conformance.scene import ANN, ANN_BEN, BEN
from tests.conformance.test_rows import FIRST, message_of
from tests.services.postgres import PostgresServer

ONE_OF_EACH = Changes(
    slots=(SlotHead(slot_of(ANN_BEN), Tick(1)),),
    sessions=(Session(ANN_BEN, 1, 1, FIRST),),
    users=(UserHead(ANN, 3, 8),),
    contacts=(Contact(ANN, ANN_BEN, BEN),),
    born=(message_of(1),),
    hidden=(Hidden(ANN, ANN_BEN, FIRST, 2),),
    profiles=(Profile(ANN),),
)


async def test_a_cleared_database_is_as_a_migration_leaves_it(postgres_server: PostgresServer) -> None:
    name = await asyncio.to_thread(postgres_server.lend_database)
    url = postgres_server.url_of(name)
    store = PostgresStore(url)
    await store.open()
    as_migrated = await rows_of(url)
    async with store.transaction() as transaction:
        await transaction.commit(ONE_OF_EACH)
    said = await rows_of(url)
    assert {table for table in said if said[table] == as_migrated[table]} == {"levels"}

    # Somebody is still there, in the middle of something.
    with suppress(Unavailable):
        async with store.transaction() as transaction:
            await asyncio.to_thread(postgres_server.clear, name)
    await store.close()
    assert await asyncio.to_thread(postgres_server.lend_cleared) == name
    assert await rows_of(url) == as_migrated
    await asyncio.to_thread(postgres_server.clear, name)


async def rows_of(url: str) -> dict[str, list[asyncpg.Record]]:
    """Every row of every table of Sixin's."""
    link = await asyncpg.connect(url)
    tables = [row["tablename"] for row in await link.fetch("SELECT * FROM pg_tables WHERE schemaname = 'sixin'")]
    rows = {table: await link.fetch(f"SELECT * FROM sixin.{table} ORDER BY 1, 2") for table in tables}  # noqa: S608
    await link.close()
    return rows
