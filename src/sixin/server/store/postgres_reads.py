"""Reads of PostgreSQL: those that wait together are asked together, in one statement and one round trip.

A round trip costs a node more than what it brings, and the database as well. So a read waits until the turn of the loop
is over, or until a connection is free, and goes with all of its kind that came meanwhile: the busier, the cheaper. Each
still gets what one snapshot holds, because a statement is one.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar, cast

from msgspec import Struct

from sixin.core import errors
from sixin.core.contact import Contact, UserHead
from sixin.core.limits import (
    POSTGRES_READ_BATCHES_MAX,
    POSTGRES_READ_ROWS_MAX,
    READS_WAITING_MAX,
    STORE_TIMEOUT_S,
)
from sixin.core.message import Message
from sixin.server.store.postgres_link import Link
from sixin.server.store.postgres_rows import Record, contact_found, user_from
from sixin.server.store.sql import statements

log = logging.getLogger(__name__)

T = TypeVar("T")

STATEMENTS = statements("postgres")


class Found(Struct, Generic[T]):
    """What one ask for a page was answered: rows in the order of the page, and the head they were read under."""

    rows: list[T]
    head: int = 0
    unread_total: int = 0


class Kind(Struct, Generic[T], frozen=True):
    """One sort of read: the statement, and how its rows become one answer for each ask."""

    statement: str
    answers: Callable[[Sequence[Any], Sequence[Record]], list[T]]


def _message_pages(asks: Sequence[Any], rows: Sequence[Record]) -> list[Found[Message]]:
    pages: list[Found[Message]] = [Found([]) for _ in asks]
    for row in rows:
        page = pages[row[0] - 1]
        page.head = row[1] or 0
        if row[2] is not None:
            page.rows.append(Message(*row[2:]))
    return pages


def _contact_pages(asks: Sequence[Any], rows: Sequence[Record]) -> list[Found[Contact]]:
    pages: list[Found[Contact]] = [Found([]) for _ in asks]
    for row in rows:
        page = pages[row[0] - 1]
        page.head, page.unread_total = row[1] or 0, row[2] or 0
        if row[3] is not None:
            page.rows.append(contact_found(row[3:]))
    return pages


def _contacts(asks: Sequence[Any], rows: Sequence[Record]) -> list[Contact | None]:
    found: list[Contact | None] = [None] * len(asks)
    for row in rows:
        found[row[0] - 1] = contact_found(row[3:])
    return found


def _users(asks: Sequence[Any], rows: Sequence[Record]) -> list[UserHead]:
    heads = {row[0]: user_from(row) for row in rows}
    return [heads.get(uid) or UserHead(uid) for uid in asks]


PULL_NEW: Final = Kind("pull_new", _message_pages)
PULL_OLD: Final = Kind("pull_old", _message_pages)
PULL_CONTACTS: Final = Kind("pull_contacts", _contact_pages)
CONTACT: Final = Kind("contact", _contacts)
USER: Final = Kind("user", _users)


class _Waiting(Struct, frozen=True, gc=False):
    """One read that has not been answered."""

    kind: Kind[Any]
    ask: Any
    rows_max: int
    answer: asyncio.Future[Any]


class Reads:
    """Gathers reads and asks for them. Owns a task for each batch under way."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._waiting: dict[str, deque[_Waiting]] = {}
        """By kind; the kind that has waited longest comes first."""
        self._unanswered = 0
        self._batches: set[asyncio.Task[None]] = set()
        self._begin_soon: asyncio.Handle | None = None

    async def ask(self, kind: Kind[T], ask: Any, *, rows_max: int = 1) -> T:
        """One read: `ask` is what its statement is given in an array, `rows_max` how many rows may come.

        Raises `Unavailable` when too many wait, or when there is no answer in time.
        """
        if self._unanswered >= READS_WAITING_MAX:
            raise errors.Unavailable("Too much is waiting to be read; try again in a moment.")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._waiting.setdefault(kind.statement, deque()).append(_Waiting(kind, ask, rows_max, answer))
        if self._begin_soon is None:
            self._begin_soon = loop.call_soon(self._begin)
        self._unanswered += 1
        try:
            # The batch has its own limit, but it may begin late, behind others that hang.
            async with asyncio.timeout(STORE_TIMEOUT_S):
                return await answer
        except TimeoutError:
            raise errors.Unavailable("The database does not answer in time; try again in a moment.") from None
        finally:
            self._unanswered -= 1

    async def close(self) -> None:
        """End what is under way; whoever waits is told `Unavailable`."""
        while self._waiting:
            _fail(self._next_batch(), errors.Unavailable("The store is closed."))
        for batch in tuple(self._batches):
            batch.cancel()
        await asyncio.gather(*self._batches, return_exceptions=True)

    def _begin(self) -> None:
        self._begin_soon = None
        while self._waiting and len(self._batches) < POSTGRES_READ_BATCHES_MAX:
            task = asyncio.get_running_loop().create_task(self._read(self._next_batch()))
            self._batches.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._batches.discard(task)
        # At once, and not in the next turn: what waits has waited for this connection.
        self._begin()

    def _next_batch(self) -> list[_Waiting]:
        """What waits of one kind, up to the limit; what is left of it waits behind the other kinds."""
        name = next(iter(self._waiting))
        queue = self._waiting.pop(name)
        batch: list[_Waiting] = []
        rows = 0
        while queue and (not batch or rows + queue[0].rows_max <= POSTGRES_READ_ROWS_MAX):
            waiting = queue.popleft()
            if not waiting.answer.done():  # else whoever asked has given up
                batch.append(waiting)
                rows += waiting.rows_max
        if queue:
            self._waiting[name] = queue
        return batch

    async def _read(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        kind = batch[0].kind
        asks = [waiting.ask for waiting in batch]
        try:
            async with self._link.reading() as connection:
                rows = await connection.fetch(STATEMENTS[kind.statement], asks)
            answers = kind.answers(asks, cast("list[Record]", rows))
        except errors.Internal as error:
            await self._one_by_one(batch, error)
        except errors.SixinError as error:
            _fail(batch, error)
        except asyncio.CancelledError:
            _fail(batch, errors.Unavailable("The store is closed."))
            raise
        except Exception:
            log.exception("read_failed", extra={"kind": kind.statement})
            _fail(batch, errors.Internal())
        else:
            for waiting, answer in zip(batch, answers, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(answer)

    async def _one_by_one(self, batch: list[_Waiting], error: errors.SixinError) -> None:
        """PostgreSQL cannot do what was asked: who asked for it finds out alone, the others get their answers."""
        if len(batch) == 1:
            _fail(batch, error)
            return
        for waiting in batch:
            await self._read([waiting])


def _fail(batch: list[_Waiting], error: errors.SixinError) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            # One of its own for each: an exception remembers where it was raised.
            waiting.answer.set_exception(type(error)(error.message))
