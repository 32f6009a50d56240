"""A backup is everything at one moment, made while people go on talking; and it can be restored to either engine."""

import asyncio
import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from sixin.cli.main import main
from sixin.core.ids import Uid, pair_session_id
from sixin.server.store.base import Store
from sixin.server.store.postgres import PostgresStore
from sixin.server.store.sqlite import SqliteStore
from tests.conformance.scene import send_of
from tests.move.town import UIDS, everything, live, writer_on

pytestmark = pytest.mark.timeout(120)

ANN, BEN = Uid(1), Uid(2)


async def run(*words: str, code: int = 0) -> str:
    """A command, and what it says: about its work, or about why it refused."""
    said, complained = io.StringIO(), io.StringIO()
    with redirect_stdout(said), redirect_stderr(complained):
        assert await asyncio.to_thread(main, words) == code, complained.getvalue()
    return complained.getvalue() if code else said.getvalue()


async def talking(store: Store, backup: tuple[str, ...]) -> int:
    """Two people talk while a backup is made; how many messages were acknowledged before it began."""
    async with writer_on(store) as writer:
        for seq_id in range(1, 51):
            await writer.change(send_of(ANN, BEN, seq_id, "before"))
        making = asyncio.create_task(run(*backup))
        seq_id = 50
        while not making.done():
            seq_id += 1
            await writer.change(send_of(ANN, BEN, seq_id, "meanwhile"))
        await making
        assert seq_id > 51
    return 50


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_a_backup_is_made_while_people_talk_and_holds_what_was_acknowledged_before_it(
    tmp_path: Path, empty_postgres_url: str, engine: str
) -> None:
    file = str(tmp_path / "backup.db")
    store: Store = SqliteStore(tmp_path / "old") if engine == "sqlite" else PostgresStore(empty_postgres_url)
    place = ("--store", "sqlite" if engine == "sqlite" else empty_postgres_url, "--data", str(tmp_path / "old"))
    before = await talking(store, ("backup", file, *place))
    await run("restore", file, "--data", str(tmp_path / "new"))
    restored = (await everything(SqliteStore(tmp_path / "new"), [BEN]))[BEN]
    messages = restored[1][pair_session_id(ANN, BEN)]
    assert len(messages) >= before
    assert [message.ordinal for message in messages] == list(range(1, len(messages) + 1))
    assert restored[0][0].unread == len(messages)


async def test_what_was_backed_up_from_one_engine_is_restored_to_the_other(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    await live(SqliteStore(tmp_path / "old"), seed=1, sends=100)
    before = await everything(SqliteStore(tmp_path / "old"))
    await run("backup", str(tmp_path / "one.db"), "--data", str(tmp_path / "old"))
    await run("restore", str(tmp_path / "one.db"), "--store", empty_postgres_url)
    assert await everything(PostgresStore(empty_postgres_url)) == before

    await run("backup", str(tmp_path / "two.db"), "--store", empty_postgres_url)
    await run("restore", str(tmp_path / "two.db"), "--data", str(tmp_path / "new"))
    assert await everything(SqliteStore(tmp_path / "new"), UIDS) == before


async def test_neither_a_backup_nor_a_restore_overwrites_anything(tmp_path: Path) -> None:
    await live(SqliteStore(tmp_path / "old"), seed=2, sends=50)
    file = tmp_path / "one.db"
    await run("backup", str(file), "--data", str(tmp_path / "old"))
    kept = file.read_bytes()
    assert "does not overwrite" in await run("backup", str(file), "--data", str(tmp_path / "old"), code=1)
    assert "nothing is overwritten" in await run("restore", str(file), "--data", str(tmp_path / "old"), code=1)
    assert "must end in .db" in await run("backup", str(tmp_path / "one"), "--data", str(tmp_path / "old"), code=2)
    assert "no file" in await run("restore", str(tmp_path / "none.db"), "--data", str(tmp_path / "new"), code=1)
    (tmp_path / "bad.db").write_bytes(b"not a database" * 100)
    assert "not a database" in await run("restore", str(tmp_path / "bad.db"), "--data", str(tmp_path / "new"), code=1)
    assert file.read_bytes() == kept
