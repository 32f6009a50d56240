"""The seam of moving: where a deployment's rows come from, and where they go. Both give rows in one form.

A row is a tuple of integers, texts, bytes, booleans and tuples of texts, in the order of the columns of the SQLite
tables. A page of rows comes with the place after it: a list of integers and texts that only its source understands.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final

Row = tuple[Any, ...]
"""One row; what stands where is said by its table."""

Place = list[int | str]
"""How far into a table a source has been read."""

TABLES: Final = ("profiles", "messages", "sessions", "contacts", "hidden", "users")
"""In the order they are moved."""

UNREAD: Final = 10
"""The column of a contact."""

PAGE_ROWS: Final = 2_000
"""Rows that are read, written and recorded as done together: at 16 KiB a message, 32 MiB."""


def above(contact: Row) -> int:
    """The larger of a contact's two watermarks: what lies above it may be unread."""
    last_del, last_read = int(contact[7]), int(contact[8])
    return max(last_del, last_read)


class Refused(Exception):
    """The move cannot be made; the message says why and what to do."""


class Source(ABC):
    """Rows that nobody changes while they are read."""

    name: str
    """Where it is, without passwords."""

    @abstractmethod
    async def open(self) -> None:
        """Take it. Raises `Refused` or `StoreRefused`."""

    @abstractmethod
    async def close(self) -> None:
        """Let go."""

    @abstractmethod
    async def page(self, table: str, after: Place | None) -> tuple[list[Row], Place]:
        """The next rows of a table, and the place after them; no rows at its end."""


class Target(Source):
    """Where rows go. It is a source too, so that what arrived can be compared with what left."""

    @abstractmethod
    async def begin(self, source: str) -> dict[str, Place]:
        """Get ready for a copy of this source, or go on with an unfinished one: how far each table has come.

        Raises `Refused` where there is anything else than an unfinished copy of the same source.
        """

    @abstractmethod
    async def add(self, table: str, rows: Sequence[Row], source: str, after: Place) -> None:
        """Add rows and record the place, both or neither."""

    @abstractmethod
    async def counted_unread(self, contacts: Sequence[Row]) -> list[int]:
        """For each of these contacts, how many messages count as unread, from the messages themselves."""

    @abstractmethod
    async def wrong_totals(self) -> list[int]:
        """Some uids whose total is not the sum over their contacts; none where all are right."""

    @abstractmethod
    async def finish(self) -> None:
        """It is whole and was compared: let servers have it."""
