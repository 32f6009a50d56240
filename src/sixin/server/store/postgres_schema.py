"""The schema of PostgreSQL: brought to this version under a lock, and refused where it is newer."""

from typing import Final

import asyncpg

from sixin.server.store.base import StoreRefused
from sixin.server.store.postgres_link import VERSION_MIN, Connection
from sixin.server.store.sql import migrations

_LOCK: Final = 0x73_69_78_69_6E  # "sixin": nodes that start together migrate one after the other
_LOCK_WAIT_S: Final = 60.0


async def migrate(connection: Connection, *, of_a_copy: bool = False) -> None:
    """Bring the schema to the newest level. Raises `StoreRefused`, where not `of_a_copy` also on a database that is
    only half copied. Runs inside a transaction and commits it."""
    await _check_server(connection)
    await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT_S:.0f}s'")
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    held = 0
    if await connection.fetchval("SELECT to_regclass('sixin.levels') IS NOT NULL"):
        held = await connection.fetchval("SELECT max(l.level) FROM sixin.levels AS l")
    if not of_a_copy and await connection.fetchval("SELECT to_regclass('sixin.copying') IS NOT NULL"):
        raise StoreRefused("The database is an unfinished copy: run sixin copy again until it is done.")
    steps = migrations("postgres")
    newest = len(steps)
    if held > newest:
        raise StoreRefused(
            f"The database is at schema level {held}, which this version of sixin does not know (it knows {newest}): "
            "start the version that wrote it, or a newer one."
        )
    try:
        for level, script in enumerate(steps[held:], held + 1):
            await connection.execute(script)
            await connection.execute("INSERT INTO sixin.levels (level) VALUES ($1)", level)
    except asyncpg.InsufficientPrivilegeError as error:
        raise StoreRefused(
            f"The user may not create the schema ({error}): "
            "GRANT CREATE ON DATABASE to it, or create a schema `sixin` that it owns."
        ) from None
    await connection.execute("COMMIT")


async def _check_server(connection: Connection) -> None:
    version = connection.get_server_version()
    if version.major < VERSION_MIN:
        raise StoreRefused(f"PostgreSQL {version.major} is too old: at least {VERSION_MIN} is needed.")
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise StoreRefused(f"The database's encoding is {encoding}: create one with ENCODING 'UTF8'.")
