"""The copy: page by page, resumable at every page, and compared row by row when it is done."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from msgspec import Struct, msgpack

from sixin.server.move.base import TABLES, UNREAD, Place, Refused, Row, Source, Target

Tell = Callable[[str], None]
"""Told how far it is, in words for a person."""

_DIGEST_BYTES: Final = 16

_encode: Final = msgpack.Encoder().encode


class Sum(Struct):
    """What a table holds, whatever the order in which it is read: how many rows, and the sum of their digests."""

    rows: int = 0
    digest: int = 0

    def add(self, row: Row) -> None:
        """One row more."""
        self.rows += 1
        found = int.from_bytes(blake2b(_encode(row), digest_size=_DIGEST_BYTES).digest())
        self.digest = (self.digest + found) % (1 << (8 * _DIGEST_BYTES))


async def copy(source: Source, target: Target, tell: Tell) -> dict[str, int]:
    """Move everything; the rows of each table. Raises `Refused` or `StoreRefused`; the target is then no deployment,
    and the same copy may be tried again."""
    await source.open()
    try:
        await target.open()
        try:
            done = await target.begin(source.name)
            for table in TABLES:
                await _copy_table(source, target, table, done.get(table), tell)
            counts = await compare(source, target, tell)
            await target.finish()
            return counts
        finally:
            await target.close()
    finally:
        await source.close()


async def _copy_table(source: Source, target: Target, table: str, after: Place | None, tell: Tell) -> None:
    if after is not None:
        tell(f"{table}: goes on where it was left")
    copied = 0
    while True:
        rows, place = await source.page(table, after)
        if not rows:
            tell(f"{table}: {copied} rows copied")
            return
        await target.add(table, rows, source.name, place)
        after = place
        copied += len(rows)
        tell(f"{table}: {copied} rows copied so far")


async def compare(source: Source, target: Target, tell: Tell) -> dict[str, int]:
    """Read both sides again, whole, and recount what can be counted. Raises `Refused` where they differ."""
    counts = {}
    for table in TABLES:
        left = await _sum(source, table)
        arrived = await _sum(target, table, recount=table == "contacts")
        if left != arrived:
            raise Refused(
                f"{table}: {arrived.rows} rows arrived of {left.rows}, and they are not the same. The source was "
                "written between two attempts: empty the target, and copy again."
            )
        counts[table] = left.rows
        tell(f"{table}: {left.rows} rows compared")
    wrong = await target.wrong_totals()
    if wrong:
        raise Refused(f"The total of unread messages is not the sum over the contacts, of uid {wrong[0]} and others.")
    return counts


async def _sum(side: Source, table: str, *, recount: bool = False) -> Sum:
    total = Sum()
    after: Place | None = None
    while True:
        rows, after = await side.page(table, after)
        if not rows:
            return total
        for row in rows:
            total.add(row)
        if recount and isinstance(side, Target):
            await _recount(side, rows)


async def _recount(target: Target, contacts: list[Row]) -> None:
    for contact, counted in zip(contacts, await target.counted_unread(contacts), strict=True):
        if contact[UNREAD] != counted:
            raise Refused(
                f"uid {contact[0]} has {contact[UNREAD]} unread in {contact[1]}, and {counted} can be counted. "
                "The source was so already: run sixin verify on it."
            )
