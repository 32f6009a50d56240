"""Migrations: numbered, whole or not at all, and never backwards."""

import asyncio
import os
import signal
import sqlite3
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from sixin.server.store import sqlite_file
from sixin.server.store.base import StoreRefused
from sixin.server.store.sql import migrations
from tests.server.sqlite_kit import WAIT_S, Open, talking

LEVEL = len(migrations("sqlite"))


def level_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        ((level,),) = connection.execute("PRAGMA user_version")
    return int(level)


def set_level(path: Path, level: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {level}")


async def test_a_new_file_has_the_newest_level_and_our_mark(tmp_path: Path) -> None:
    async with Open(tmp_path):
        pass

    assert level_of(tmp_path / "sixin.db") == LEVEL
    with closing(sqlite3.connect(tmp_path / "sixin.db")) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (sqlite_file.APPLICATION_ID,)


async def test_a_file_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        await talk.send()
    path = tmp_path / "sixin.db"
    set_level(path, LEVEL + 1)
    before = path.read_bytes()

    with pytest.raises(StoreRefused, match=f"newer version of Sixin .schema level {LEVEL + 1}; this one knows {LEVEL}"):
        async with Open(tmp_path):
            pass
    with pytest.raises(StoreRefused, match="newer version"):
        sqlite_file.migrate(tmp_path)
    assert path.read_bytes() == before


async def test_migrate_says_from_where_to_where_it_went(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="There is no"):
        sqlite_file.migrate(tmp_path)
    (tmp_path / "sixin.db").touch()

    assert sqlite_file.migrate(tmp_path) == (0, LEVEL)
    assert sqlite_file.migrate(tmp_path) == (LEVEL, LEVEL)


async def test_migrate_is_refused_while_a_server_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "SQLITE_LOCK_WAIT_S", 0.0)
    async with Open(tmp_path):
        with pytest.raises(StoreRefused, match=f"process {os.getpid()}"):
            sqlite_file.migrate(tmp_path)


def columns(connection: sqlite3.Connection) -> list[str]:
    return [row[1] for row in connection.execute("PRAGMA table_info(users)")]


async def test_a_migration_that_fails_leaves_the_file_at_its_old_level(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        message = await talk.send()
    with closing(sqlite_file.connect(tmp_path / "sixin.db", wait_s=1)) as connection:
        broken = [*migrations("sqlite"), "ALTER TABLE users ADD COLUMN extra TEXT;\nINSERT INTO nowhere VALUES (1);\n"]
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            sqlite_file.apply(connection, broken)
        assert "extra" not in columns(connection)

    assert level_of(tmp_path / "sixin.db") == LEVEL
    async with talking(tmp_path) as talk:
        assert await talk.stored() == [message]


async def test_a_migration_runs_once_and_in_order(tmp_path: Path) -> None:
    scripts = [*migrations("sqlite"), "CREATE TABLE a (x); -- first\n-- and\nINSERT INTO a VALUES (';');\n"]
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as connection:
        sqlite_file.apply(connection, scripts)
        sqlite_file.apply(connection, scripts)
        assert connection.execute("SELECT x FROM a").fetchall() == [(";",)]
        sqlite_file.apply(connection, [*scripts, "UPDATE a SET x = 'b';\n"])
        assert connection.execute("SELECT x FROM a").fetchall() == [("b",)]
        with pytest.raises(ValueError, match="no end"):
            sqlite_file.apply(connection, [*scripts, "", "UPDATE a SET x = 'c'"])
        assert connection.execute("PRAGMA user_version").fetchone() == (LEVEL + 2,)


KILLED = textwrap.dedent("""
    import os, signal, sys
    from pathlib import Path
    from sixin.server.store import sqlite_file
    from sixin.server.store.sql import migrations

    connection = sqlite_file.connect(Path(sys.argv[1]), wait_s=1)
    connection.execute("PRAGMA cache_size = 1")  # so that pages reach the log before the commit
    last = "UPDATE users SET extra = 'new';\\nUPDATE users SET version_id = 77;\\n"
    fill = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < 5000) "
    fill += "INSERT INTO users SELECT x + 5000, 1, 1, 'filled' FROM n;\\n"
    # Killed where the statement that it waits for begins.
    die = lambda sql: os.kill(os.getpid(), signal.SIGKILL) if sys.argv[2] in sql else None
    connection.set_trace_callback(die)
    sqlite_file.apply(
        connection, [*migrations("sqlite"), "ALTER TABLE users ADD COLUMN extra TEXT;\\n" + fill + last]
    )
""")


@pytest.mark.parametrize("where", ["ALTER", "INSERT INTO users", "SET extra", "version_id = 77", "COMMIT"])
async def test_a_migration_killed_anywhere_leaves_the_old_file(tmp_path: Path, where: str) -> None:
    async with talking(tmp_path) as talk:
        message = await talk.send()
    path = tmp_path / "sixin.db"
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, str(path), where)
    async with asyncio.timeout(WAIT_S):
        assert await killed.wait() == -signal.SIGKILL

    assert level_of(path) == LEVEL
    with closing(sqlite3.connect(path)) as connection:
        assert "extra" not in columns(connection)
    async with talking(tmp_path) as talk:
        assert await talk.stored() == [message]
        assert (await talk.send()).ordinal == 2
