"""Every statement walks an index, and none sorts or scans."""

import re
import sqlite3
from collections.abc import Iterator
from importlib import resources

import pytest

from sixin.server.store.sql import migrations, statements

SQL = statements("sqlite")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    for script in migrations("sqlite"):
        connection.executescript(script)
    yield connection
    connection.close()


def plan_of(connection: sqlite3.Connection, sql: str) -> list[str]:
    """The steps of a statement's plan."""
    names = re.findall(r":(\w+)", sql)
    values: object = {name: "[]" if name in ("keys", "msg_ids") else 1 for name in names} if names else None
    if values is None:
        values = (1,) * (5 if "?5" in sql else sql.count("?"))
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]  # type: ignore[arg-type]


def whole_walks(steps: list[str]) -> list[str]:
    """The steps that go through all of something, or sort. The array of keys is walked once: it is what was asked."""
    return [
        step
        for step in steps
        if ("SCAN" in step and "VIRTUAL TABLE" not in step) or "TEMP B-TREE" in step or "AUTOMATIC" in step
    ]


WHOLE_ON_PURPOSE = {"revocations"}
"""Asked once, at the start; its index holds the revoked alone."""


@pytest.mark.parametrize("name", sorted(SQL.keys() - WHOLE_ON_PURPOSE))
def test_every_statement_walks_an_index(connection: sqlite3.Connection, name: str) -> None:
    assert whole_walks(plan_of(connection, SQL[name])) == []


def test_the_check_finds_a_scan_and_a_sort(connection: sqlite3.Connection) -> None:
    assert whole_walks(plan_of(connection, "SELECT msg_id FROM messages WHERE content = :content"))
    assert whole_walks(plan_of(connection, "SELECT owner FROM contacts WHERE owner = :owner ORDER BY unread"))


def test_pull_new_merges_two_walks_in_order(connection: sqlite3.Connection) -> None:
    steps = plan_of(connection, SQL["pull_new"])

    assert steps[0] == "MERGE (UNION ALL)"
    assert any("messages_by_sort_key (session_id=? AND sort_key>? AND sort_key<?)" in step for step in steps)
    assert any("messages_changed (session_id=? AND version_id>?)" in step for step in steps)


def test_a_send_does_not_touch_the_index_of_changed_messages(connection: sqlite3.Connection) -> None:
    connection.execute(SQL["add_messages"], (1, "1:2", 1, 1, 1, 1, 1, "normal", b"{}", b"", 1, 1))
    rows = "SELECT count(*) FROM messages INDEXED BY messages_changed WHERE version_id <> sort_key"
    assert connection.execute(rows).fetchone() == (0,)
    connection.execute(SQL["empty_message"], ("recalled", b"", 2, 2, 1))
    assert connection.execute(rows).fetchone() == (1,)


@pytest.mark.parametrize("file", ["reads.sql", "loads.sql", "writes.sql"])
def test_every_statement_says_what_it_does(file: str) -> None:
    text = (resources.files("sixin.server.store.sql") / "sqlite" / file).read_text(encoding="utf-8")
    named = re.findall(r"^-- (\w+) --\n(.*)", text, re.MULTILINE)
    assert named
    assert all(below.startswith("-- ") for _, below in named)
