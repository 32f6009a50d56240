"""The link to PostgreSQL: a bounded pool that heals by itself, and the border where the driver's errors become ours."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

import asyncpg
from asyncpg.connect_utils import SessionAttribute
from asyncpg.pool import PoolConnectionProxy

from sixin.core import errors
from sixin.core.limits import (
    POSTGRES_CANCEL_TIMEOUT_S,
    POSTGRES_IDLE_IN_TRANSACTION_S,
    POSTGRES_LOCK_TIMEOUT_S,
    POSTGRES_OPEN_WAIT_S,
    POSTGRES_READERS_MAX,
    POSTGRES_ROLLBACK_TIMEOUT_S,
    READS_WAITING_MAX,
    STORE_TIMEOUT_S,
)
from sixin.server.store.base import Collided, Held, StoreRefused

log = logging.getLogger(__name__)

Connection = PoolConnectionProxy

CONNECT_TIMEOUT_S: Final = 5.0
RETRY_S: Final = 0.25
VERSION_MIN: Final = 15

SETTINGS: Final = {
    "application_name": "sixin",
    # Every statement walks an index (tests/postgres/test_statements.py). A plan that was made while the tables
    # were empty must not scan them when they are large.
    "enable_seqscan": "off",
    "jit": "off",  # compiling takes longer than any statement here
    "statement_timeout": f"{STORE_TIMEOUT_S:.0f}s",
    "lock_timeout": f"{POSTGRES_LOCK_TIMEOUT_S:.0f}s",
    # A node that was paused or cut off in the middle of a batch holds locks that all other nodes need.
    "idle_in_transaction_session_timeout": f"{POSTGRES_IDLE_IN_TRANSACTION_S:.0f}s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}

_ROLLED_BACK: Final = {"40001", "40P01"}
"""Serialization failure, deadlock: nothing was written, and the same again may work."""

_AWAY: Final = ("08", "53", "57", "58", "25006", "25P03", "25P04", "XX")
"""Beginnings of SQLSTATEs that speak of the server, not of the statement: connection, resources, shutdown or timeout,
system error, read-only (a standby after a failover), too long idle."""

_LOCK_DID_NOT_COME: Final = "55P03"

_WRONG_URL: Final = (
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.InterfaceError,
    ValueError,
)


class Link:
    """Connections for one writer and a bounded number of readers."""

    def __init__(self, url: str, *, open_wait_s: float = POSTGRES_OPEN_WAIT_S) -> None:
        """`open_wait_s`: how long `open` waits for a server that is not there yet."""
        self._url = url
        self._open_wait_s = open_wait_s
        self._readers = asyncio.Semaphore(POSTGRES_READERS_MAX)
        self._reading = 0
        self._pool: asyncpg.Pool | None = None

    @property
    def place(self) -> str:
        """Where the database is, without user and password."""
        parts = urlsplit(self._url)
        return f"{parts.netloc.rpartition('@')[2]}{parts.path}"

    async def open(self) -> None:
        """Connect. Waits for a server that starts or cannot be reached yet; raises `StoreRefused`."""
        deadline = asyncio.get_running_loop().time() + self._open_wait_s
        while self._pool is None:
            try:
                self._pool = await self._connected()
            except _WRONG_URL as error:
                raise StoreRefused(_advice(error, self.place)) from None
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InternalClientError) as error:
                if asyncio.get_running_loop().time() >= deadline:
                    reason = str(error) or type(error).__name__
                    raise StoreRefused(
                        f"PostgreSQL at {self.place} cannot be reached ({reason}): "
                        "check that it runs, and the host and port of the URL."
                    ) from None
                log.warning("postgres_not_there_yet", extra={"place": self.place, "reason": str(error)})
                await asyncio.sleep(RETRY_S)

    async def _connected(self) -> asyncpg.Pool:
        pool: asyncpg.Pool = await asyncpg.create_pool(
            self._url,
            min_size=1,
            max_size=POSTGRES_READERS_MAX + 1,
            max_queries=10**9,  # a connection does not wear out
            max_cached_statement_lifetime=0,
            timeout=CONNECT_TIMEOUT_S,
            server_settings=SETTINGS,
            target_session_attrs=SessionAttribute.primary,  # of several hosts, the one that is no standby now
            init=_prepare,
            reset=_keep,
        )
        return pool

    async def close(self) -> None:
        """Let every connection go, within a bound."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(POSTGRES_ROLLBACK_TIMEOUT_S):
                await pool.close()
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pool.terminate()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection for one read. Raises `Unavailable` when too many wait, or it takes too long."""
        if self._reading >= READS_WAITING_MAX:
            raise errors.Unavailable("Too much is waiting to be read; try again in a moment.")
        self._reading += 1
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S), self._readers, self.connection() as connection:
                yield connection
        except TimeoutError:
            raise _unavailable("no answer in time") from None
        finally:
            self._reading -= 1

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside a transaction. Whatever was not committed when it is left is rolled back."""
        async with self.connection() as connection:
            await connection.execute("BEGIN")
            try:
                yield connection
            finally:
                await _roll_back(connection)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of the writer's. What the driver raises is translated."""
        if self._pool is None:
            raise errors.Unavailable("The store is closed.")
        pool = self._pool
        with translated():
            connection = await pool.acquire(timeout=STORE_TIMEOUT_S)
            try:
                yield connection
            except asyncpg.ReadOnlySQLTransactionError:
                # After a failover the other connections may lead to the old primary too: look again.
                await pool.expire_connections()
                raise
            finally:
                await _let_go(pool, connection)


@contextmanager
def translated() -> Iterator[None]:
    """Turns what the driver raises into `Collided`, `Held`, `Unavailable`, or `Internal` with a line in the log."""
    try:
        yield
    except asyncpg.PostgresError as error:
        state = error.sqlstate or ""
        if state in _ROLLED_BACK:
            raise Collided(str(error)) from error
        if state == _LOCK_DID_NOT_COME:
            raise Held("Somebody else is changing the same; try again in a moment.") from error
        if state.startswith(_AWAY):
            raise _unavailable(str(error)) from error
        log.exception("postgres_refused_a_statement", extra={"sqlstate": state})
        raise errors.Internal from error
    except asyncpg.DataError as error:
        log.exception("postgres_cannot_hold_a_value")
        raise errors.Internal from error
    except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise _unavailable(str(error)) from error


def _unavailable(reason: str) -> errors.Unavailable:
    log.warning("postgres_unavailable", extra={"reason": reason})
    return errors.Unavailable("The database cannot be reached; try again in a moment.")


def is_lost(connection: Connection) -> bool:
    """Whether it is of no more use."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True  # the pool has taken it back


async def _let_go(pool: asyncpg.Pool, connection: Connection) -> None:
    """Give it back. Where a statement was interrupted, the driver asks the server to stop it and waits until it has;
    a server that hangs never does, and whoever interrupted is in a hurry."""
    with suppress(TimeoutError):  # the pool has closed it
        await pool.release(connection, timeout=POSTGRES_CANCEL_TIMEOUT_S)


async def _roll_back(connection: Connection) -> None:
    """End a transaction that was not committed; a connection that cannot even do that is given up."""
    try:
        if connection.is_in_transaction():
            # Around the driver's own limit, which leaves out how long it waits for an interrupted statement.
            async with asyncio.timeout(POSTGRES_ROLLBACK_TIMEOUT_S):
                await connection.execute("ROLLBACK")
    except asyncpg.InterfaceError:
        pass  # it broke, and the pool has taken it back
    except (OSError, TimeoutError, asyncpg.PostgresError):
        connection.terminate()


async def _prepare(connection: asyncpg.Connection) -> None:
    """Never acknowledge what is not on disk, whatever the server's default."""
    if await connection.fetchval("SHOW synchronous_commit") == "off":
        await connection.execute("SET synchronous_commit = on")


async def _keep(connection: asyncpg.Connection) -> None:
    """What `_prepare` set stays; nothing here leaves anything else behind, so a round trip is saved."""


def _advice(error: BaseException, place: str) -> str:
    match error:
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return f"PostgreSQL at {place} refuses the login: check the user and the password in the URL ({error})."
        case asyncpg.InvalidCatalogNameError():
            return f"There is no such database at {place}: create it first, for example with createdb ({error})."
        case asyncpg.InsufficientPrivilegeError():
            return f"PostgreSQL at {place} does not let this user in: GRANT CONNECT and CREATE on it ({error})."
        case _:
            return f"The URL of the store is not valid: {error}."
