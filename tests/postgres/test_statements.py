"""The SQL itself: each statement names its distribution column, stays with its kind, and walks an index."""

import asyncio
import re
from collections.abc import AsyncIterator
from importlib import resources

import asyncpg
import pytest
from msgspec import Struct

from sixin.core.contact import Contact, Hidden, Profile, UserHead
from sixin.core.ids import Uid
from sixin.core.limits import SLOTS
from sixin.core.message import Message
from sixin.core.session import Session, SlotHead
from sixin.server.store.postgres import PostgresStore
from tests.conformance.engines import Postgres
from tests.conformance.scene import ANN, ANN_BEN, BEN, Place, Scene, send_of
from tests.postgres.nodes import DEADLINE_S, session_of

STILL_THERE = (
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'sixin' AND datname = current_database())"
)

DISTRIBUTED = {
    "slots": ("slot", "by slot"),
    "sessions": ("slot", "by slot"),
    "messages": ("slot", "by slot"),
    "users": ("uid", "by owner"),
    "contacts": ("owner", "by owner"),
    "hidden": ("owner", "by owner"),
    "profiles": ("uid", "by owner"),
}
"""Each table with its distribution column and the tables it lives together with (docs/storage.md)."""

TABLE = re.compile(r"\b(FROM|JOIN|UPDATE|INSERT INTO) sixin\.(\w+)\b(?!\()(?: AS (\w+))?")


def crossings(statement: str) -> list[str]:
    """What of a statement a cluster could not answer from the shards it names; nothing, if all is well."""
    found = list(TABLE.finditer(statement))
    wrong = []
    for nth, match in enumerate(found):
        verb, table, alias = match.groups()
        column, _ = DISTRIBUTED[table]
        # The conditions on a table stand between it and the next one.
        end = found[nth + 1].start() if nth + 1 < len(found) else len(statement)
        words = statement[match.end() : end]
        named = rf"^[^)]*\b{column}\b" if verb == "INSERT INTO" else rf"\b{alias}\.{column} = "
        if not re.search(named, words):
            wrong.append(f"{table} without {column}")
    kinds = {DISTRIBUTED[match.group(2)][1] for match in found}
    if len(kinds) > 1:
        wrong.append("tables that do not live together")
    return wrong


def statements() -> list[str]:
    """Every statement a node runs or a function contains, comments left out."""
    folder = resources.files("sixin.server.store.sql") / "postgres"
    files = [folder / "statements.sql", *(folder / "migrations").iterdir()]
    texts = [re.sub(r"--[^\n]*", "", file.read_text("utf-8")) for file in files]
    # A loop over what one statement finds begins another one.
    return [part.strip() for text in texts for part in re.split(r";|\bLOOP\b", text) if TABLE.search(part)]


ON_EVERY_SHARD = "tokens_from_s > 0"
"""Revoked tokens are asked for on purpose on every shard: few rows, at the start of a node and every few seconds."""


@pytest.mark.parametrize("statement", [text for text in statements() if ON_EVERY_SHARD not in text])
def test_a_statement_names_its_shards_and_does_not_cross_over(statement: str) -> None:
    assert crossings(statement) == []


def test_all_tables_are_looked_at() -> None:
    assert {match.group(2) for text in statements() for match in TABLE.finditer(text)} == set(DISTRIBUTED)


@pytest.mark.parametrize(
    ("statement", "wrong"),
    [
        ("SELECT m.content FROM sixin.messages AS m WHERE m.msg_id = 1", ["messages without slot"]),
        ("UPDATE sixin.users AS u SET version_id = 1", ["users without uid"]),
        (
            "INSERT INTO sixin.hidden (msg_id, version_id) SELECT r.msg_id, r.owner FROM unnest(x) AS r",
            ["hidden without owner"],
        ),
        (
            "SELECT FROM sixin.contacts AS c JOIN sixin.messages AS m ON m.slot = 1 WHERE c.owner = 1",
            ["contacts without owner", "tables that do not live together"],
        ),
    ],
)
def test_a_statement_that_would_cross_is_found(statement: str, wrong: list[str]) -> None:
    assert crossings(statement) == wrong


@pytest.mark.parametrize(
    ("row_type", "struct", "renamed"),
    [
        ("slot_row", SlotHead, {}),
        ("session_row", Session, {}),
        ("message_row", Message, {}),
        ("user_row", UserHead, {}),
        ("contact_row", Contact, {"last_message": "preview_msg_id"}),
        ("hidden_row", Hidden, {}),
        ("profile_row", Profile, {}),
    ],
)
async def test_a_row_travels_with_the_fields_of_the_core_in_their_order(
    cleared_postgres_url: str, row_type: str, struct: type[Struct], renamed: dict[str, str]
) -> None:
    store = PostgresStore(cleared_postgres_url)
    await store.open()
    await store.close()
    async with session_of(cleared_postgres_url) as session:
        rows = await session.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) ORDER BY attnum", f"sixin.{row_type}"
        )
    fields = [renamed.get(name, name) for name in struct.__struct_fields__]
    assert [name for (name,) in rows if name != "slot" or "slot" in fields] == fields


async def test_every_slot_is_there_to_be_locked(empty_postgres_url: str) -> None:
    store = PostgresStore(empty_postgres_url)
    await store.open()
    await store.close()
    async with session_of(empty_postgres_url) as session:
        assert await session.fetchval("SELECT count(*) FROM sixin.slots") == SLOTS
        assert await session.fetchval("SELECT sixin.messages_of('{}') IS NULL")
    assert f"% {SLOTS})::smallint" in (
        resources.files("sixin.server.store.sql") / "postgres/migrations/0002_pages.sql"
    ).read_text("utf-8")


class NeverUsed(Postgres):
    """Nobody has counted anything in it yet."""

    database = "empty_postgres_url"


@pytest.fixture
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    async with Place(NeverUsed(request)) as place, Scene(place) as scene:
        yield scene


async def test_whatever_people_do_no_table_is_read_from_end_to_end(scene: Scene, empty_postgres_url: str) -> None:
    async def scans() -> int:
        await scene.store.close()
        async with session_of(empty_postgres_url) as session:
            total = await counted(session, "CASE WHEN relname = 'levels' THEN 0 ELSE seq_scan END")
        await scene.restart()
        return total

    before = await scans()
    messages = [await scene.send(ANN, BEN, f"number {nth}") for nth in range(20)]
    await scene.recall(messages[3])
    await scene.hide(BEN, messages[5])
    await scene.read(BEN, messages[8])
    await scene.clear(ANN, ANN_BEN, messages[2].msg_id)
    for owner in (ANN, BEN):
        await scene.pull_new(owner, 3)
        await scene.pull_old(owner, 12)
        await scene.store.pull_contacts(owner, after_version=0, limit=10)
        await scene.store.pull_hidden(owner, ANN_BEN, after_version=0, limit=100)
        await scene.store.contact(owner, ANN_BEN)
        await scene.store.user(owner)
    await scene.store.session(ANN_BEN)
    await scene.store.messages(ANN_BEN, before_sort_key=None, limit=100)

    assert await scans() == before


async def read_so_far(scene: Scene, url: str) -> int:
    """Rows that were fetched by an index until now, on tables that the planner has looked at."""
    await scene.store.close()
    async with session_of(url) as session:
        await session.execute("ANALYZE")
        total = await counted(session, "idx_tup_fetch")
    await scene.restart()
    return total


async def test_a_long_conversation_costs_no_more_than_a_short_one(scene: Scene, empty_postgres_url: str) -> None:
    await scene.send_many(ANN, BEN, [f"number {nth}" for nth in range(1, 3_001)])
    for nth in range(300):
        await scene.send(Uid(5_000 + nth), Uid(6_000 + nth), "a short one")
    before = await read_so_far(scene, empty_postgres_url)
    newest = (await scene.store.messages(ANN_BEN, before_sort_key=None, limit=3))[::-1]
    await scene.read(BEN, newest[0])
    await scene.read(BEN, newest[2])
    await scene.recall(newest[1])
    await scene.hide(BEN, newest[2])
    await scene.store.pull_new(BEN, ANN_BEN, after_version=2_999, born_up_to=None, limit=10)
    await scene.store.pull_old(BEN, ANN_BEN, before_sort_key=None, limit=10)
    again = send_of(ANN, BEN, newest[0].seq_id, "number 2998")
    assert (await scene.do(again)).answer == newest[0]

    # The first read counts what was unread: everything. Nothing else may cost more than its own few rows.
    assert await read_so_far(scene, empty_postgres_url) - before < 3_000 + 200


async def counted(session: asyncpg.Connection, what: str) -> int:
    """A sum over the tables of what the sessions counted that a store had: they tell when they end."""
    async with asyncio.timeout(DEADLINE_S):
        while await session.fetchval(STILL_THERE):  # noqa: ASYNC110 - it happens in the server
            await asyncio.sleep(0.01)
    total: int = await session.fetchval(f"SELECT sum({what}) FROM pg_stat_user_tables WHERE schemaname = 'sixin'")  # noqa: S608
    return total


async def test_a_page_of_a_very_long_list_costs_no_more_than_its_band(empty_postgres_url: str) -> None:
    # A plan for an average owner, which is what a session gets once it has planned often enough.
    store = PostgresStore(f"{empty_postgres_url}?plan_cache_mode=force_generic_plan")
    await store.open()
    async with session_of(empty_postgres_url) as session:
        await session.execute(
            """
            INSERT INTO sixin.contacts
            SELECT o.owner, o.owner || ':' || n, n, n, n, 0, NULL, 0, 0, 0, 0, 0, 0, 0, false, false, false,
                   'normal', '{}'
              FROM (SELECT 7, 30000 UNION ALL SELECT g, 3 FROM generate_series(100, 40100) AS g) AS o (owner, count),
                   generate_series(1, o.count) AS n
            """
        )
        await session.execute("ANALYZE")
        await store.close()
        before = await counted(session, "idx_tup_fetch")
        await store.open()
        starts = (0, 15_000, 29_950)
        for after_version in starts:
            page = await store.pull_contacts(Uid(7), after_version=after_version, limit=20)
            versions = [contact.version_id for contact in page.contacts]
            assert versions == list(range(after_version + 1, after_version + 21))
        await store.close()

        assert await counted(session, "idx_tup_fetch") - before < len(starts) * 2 * 4_096
