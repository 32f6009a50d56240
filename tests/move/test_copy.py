"""A deployment moves from one engine to the other: every row arrives as it was, however often the copy is killed."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest

from sixin.core.ids import Uid, pair_session_id
from sixin.server.move.base import Place, Refused, Row
from sixin.server.move.copy import copy
from sixin.server.move.places import source_of, target_of
from sixin.server.move.sqlite import SqliteSource, SqliteTarget
from sixin.server.store.base import Store, StoreRefused
from sixin.server.store.postgres import PostgresStore
from sixin.server.store.sqlite import SqliteStore
from tests.conformance.scene import send_of
from tests.move.town import UIDS, everything, live, writer_on
from tests.postgres.nodes import session_of

pytestmark = pytest.mark.timeout(120)


def quiet(_: str) -> None:
    """Nobody watches."""


async def test_every_row_arrives_in_postgresql_and_comes_back(tmp_path: Path, empty_postgres_url: str) -> None:
    await live(SqliteStore(tmp_path / "old"), seed=1, sends=400)
    before = await everything(SqliteStore(tmp_path / "old"))

    counts = await copy(source_of(str(tmp_path / "old"), hold=True), target_of(empty_postgres_url), quiet)
    assert counts["messages"] == 400
    assert counts["users"] == len(UIDS)
    assert counts["hidden"] > 0
    assert counts["profiles"] == 1
    assert await everything(PostgresStore(empty_postgres_url)) == before

    await copy(source_of(empty_postgres_url, hold=True), target_of(str(tmp_path / "new")), quiet)
    assert await everything(SqliteStore(tmp_path / "new")) == before


async def test_life_goes_on_after_a_move_with_ids_versions_and_retries_as_they_were(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    ann, ben = UIDS[0], UIDS[1]
    session_id = pair_session_id(ann, ben)
    await live(SqliteStore(tmp_path), seed=2, sends=100)
    async with writer_on(SqliteStore(tmp_path)) as writer:
        first = (await writer.change(send_of(ann, ben, 10_000, "the last before the move"))).answer

    await copy(SqliteSource(tmp_path), target_of(empty_postgres_url), quiet)
    store = PostgresStore(empty_postgres_url)
    async with writer_on(store) as writer:
        retried = await writer.change(send_of(ann, ben, 10_000, "the last before the move"))
        assert retried.answer == first
        assert not retried.changed
        await writer.change(send_of(ann, ben, 10_001, "the first after it"))
        newest, older = await store.messages(session_id, before_sort_key=None, limit=2)
        assert (newest.ordinal, newest.sort_key) == (older.ordinal + 1, older.version_id + 1)
        assert newest.msg_id > older.msg_id


async def test_a_copy_that_is_killed_goes_on_where_it_was(tmp_path: Path, empty_postgres_url: str) -> None:
    await fill(SqliteStore(tmp_path / "old"), 7_000)
    before = await everything(SqliteStore(tmp_path / "old"), [Uid(1), Uid(2)])
    for way in ((str(tmp_path / "old"), empty_postgres_url), (empty_postgres_url, str(tmp_path / "new"))):
        copying = command("copy", *way)
        await wait_for_line(copying, "messages: ")
        os.kill(copying.pid, signal.SIGKILL)
        copying.communicate()

        again = await asyncio.to_thread(subprocess.run, arguments("copy", *way), capture_output=True, text=True)
        assert again.returncode == 0, again.stderr
        assert "messages: goes on where it was left" in again.stderr
    assert await everything(PostgresStore(empty_postgres_url), [Uid(1), Uid(2)]) == before
    assert await everything(SqliteStore(tmp_path / "new"), [Uid(1), Uid(2)]) == before


async def test_no_node_starts_on_half_a_copy_and_no_other_source_is_mixed_in(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    await live(SqliteStore(tmp_path / "old"), seed=3, sends=50)
    await live(SqliteStore(tmp_path / "other"), seed=4, sends=50)
    with pytest.raises(Unplugged):
        await copy(Unplug(tmp_path / "old", at="contacts"), target_of(empty_postgres_url), quiet)

    with pytest.raises(StoreRefused, match="unfinished copy"):
        await PostgresStore(empty_postgres_url).open()
    with pytest.raises(Refused, match="unfinished copy of"):
        await copy(SqliteSource(tmp_path / "other"), target_of(empty_postgres_url), quiet)
    with pytest.raises(Refused, match="finish that one"):
        await copy(source_of(empty_postgres_url, hold=True), target_of(str(tmp_path / "new")), quiet)

    await copy(SqliteSource(tmp_path / "old"), target_of(empty_postgres_url), quiet)
    assert await everything(PostgresStore(empty_postgres_url)) == await everything(SqliteStore(tmp_path / "old"))


async def test_a_source_that_was_written_between_two_attempts_is_noticed(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    await live(SqliteStore(tmp_path), seed=5, sends=50)
    with pytest.raises(Unplugged):
        await copy(Unplug(tmp_path, at="contacts"), target_of(empty_postgres_url), quiet)
    async with writer_on(SqliteStore(tmp_path)) as writer:
        await writer.change(send_of(UIDS[0], UIDS[1], 20_000, "meanwhile"))
    with pytest.raises(Refused, match="written between two attempts"):
        await copy(SqliteSource(tmp_path), target_of(empty_postgres_url), quiet)


async def test_nothing_is_overwritten(tmp_path: Path, empty_postgres_url: str) -> None:
    await live(SqliteStore(tmp_path / "one"), seed=6, sends=50)
    await copy(SqliteSource(tmp_path / "one"), target_of(empty_postgres_url), quiet)
    for target in (empty_postgres_url, str(tmp_path / "one")):
        await live(SqliteStore(tmp_path / f"two {target[:3]}"), seed=7, sends=50)
        with pytest.raises(Refused, match="nothing is overwritten"):
            await copy(SqliteSource(tmp_path / f"two {target[:3]}"), target_of(target), quiet)


async def test_a_deployment_whose_servers_run_is_not_moved(tmp_path: Path, empty_postgres_url: str) -> None:
    async with writer_on(SqliteStore(tmp_path)):
        with pytest.raises(StoreRefused, match="Another server"):
            await copy(SqliteSource(tmp_path), target_of(empty_postgres_url), quiet)
    async with writer_on(PostgresStore(empty_postgres_url)):
        with pytest.raises(Refused, match="stop them first"):
            await copy(source_of(empty_postgres_url, hold=True), SqliteTarget(tmp_path / "new.db"), quiet)


async def test_a_database_that_is_moved_cannot_be_written_meanwhile(tmp_path: Path, empty_postgres_url: str) -> None:
    await live(PostgresStore(empty_postgres_url), seed=8, sends=50)
    source = source_of(empty_postgres_url, hold=True)
    await source.open()
    try:
        async with session_of(empty_postgres_url) as operator:
            await operator.execute("SET lock_timeout = '100ms'")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await operator.execute("UPDATE sixin.users SET unread_total = 7")
            assert await operator.fetchval("SELECT count(*) FROM sixin.users") == len(UIDS)
    finally:
        await source.close()


@pytest.mark.parametrize(
    ("damage", "refusal"),
    [
        ("UPDATE contacts SET unread = unread + 1 WHERE owner = 1", "can be counted"),
        ("UPDATE users SET unread_total = unread_total + 1 WHERE uid = 1", "not the sum"),
    ],
)
async def test_counts_that_are_wrong_are_not_moved(
    tmp_path: Path, empty_postgres_url: str, damage: str, refusal: str
) -> None:
    await live(SqliteStore(tmp_path), seed=9, sends=100)
    damage_file(tmp_path, damage)
    with pytest.raises(Refused, match=refusal):
        await copy(SqliteSource(tmp_path), target_of(empty_postgres_url), quiet)


async def test_a_row_that_is_lost_or_changed_on_the_way_is_noticed(tmp_path: Path) -> None:
    await live(SqliteStore(tmp_path / "old"), seed=10, sends=50)

    class Lossy(SqliteTarget):
        async def add(self, table: str, rows: list[Row], source: str, after: Place) -> None:  # type: ignore[override]
            changed = [(*row[:11], row[11] + 1) for row in rows[:1]] if table == "messages" else rows[:1]
            await super().add(table, [*changed, *rows[1:]], source, after)

    with pytest.raises(Refused, match="messages"):
        await copy(SqliteSource(tmp_path / "old"), Lossy(tmp_path / "new"), quiet)
    assert not (tmp_path / "new" / "sixin.db").exists()


async def test_a_place_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="mysql is not known"):
        target_of("mysql://somewhere")
    with pytest.raises(Refused, match="There is no"):
        await copy(SqliteSource(tmp_path / "nowhere"), SqliteTarget(tmp_path / "new.db"), quiet)


class Unplugged(Exception):
    """The copy stopped as if it were killed."""


class Unplug(SqliteSource):
    """A source that stops in the middle."""

    def __init__(self, path: Path, *, at: str) -> None:
        super().__init__(path)
        self._at = at

    async def page(self, table: str, after: Place | None) -> tuple[list[Row], Place]:
        if table == self._at:
            raise Unplugged
        return await super().page(table, after)


def damage_file(data: Path, statement: str) -> None:
    """Change the file of a stopped server behind its back."""
    with closing(sqlite3.connect(data / "sixin.db", isolation_level=None)) as connection:
        connection.execute(statement)


async def fill(store: Store, sends: int) -> None:
    """Two people who say a lot."""
    async with writer_on(store) as writer:
        for start in range(0, sends, 1_000):
            await asyncio.gather(
                *(writer.change(send_of(Uid(1), Uid(2), start + nth, f"{start + nth}")) for nth in range(1_000))
            )


def arguments(*words: str) -> list[str]:
    return [sys.executable, "-m", "sixin.cli.main", *words]


def command(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(arguments(*words), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


async def wait_for_line(process: subprocess.Popen[str], word: str) -> None:
    """Read what it says until a line holds this."""
    assert process.stderr is not None
    while True:
        line = await asyncio.to_thread(process.stderr.readline)
        assert line, "it ended before it said so"
        if word in line:
            return
