"""What was recalled is gone from the disk: from the file, and soon from the log beside it."""

import asyncio
import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import msgspec
import pytest

from sixin.core import commands
from sixin.core.content import canonical
from sixin.core.ids import Uid, pair_session_id
from sixin.core.limits import SQLITE_WAL_BYTES_MAX
from sixin.core.message import Message
from sixin.server.store import sqlite_checkpoints, sqlite_file
from sixin.server.store.sqlite_checkpoints import Checkpoints
from sixin.server.store.sqlite_file import database_path, open_for_writing, prepare_folder
from tests.server.sqlite_kit import ANN, Talk, kill, talking, until


def on_disk(data: Path, text: bytes) -> list[str]:
    """The files that hold these bytes."""
    return [path.name for path in sorted(data.iterdir()) if text in path.read_bytes()]


async def test_a_recalled_text_is_in_neither_file_a_second_later(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        secret = await talk.send("meet me behind the old mill")
        await talk.send("something else")
        assert on_disk(tmp_path, b"old mill")
        await talk.recall(secret)
        started = asyncio.get_running_loop().time()
        await until(lambda: not on_disk(tmp_path, b"old mill"))

        # The promise is about a second; the rest is for a machine that is busy with other things.
        assert asyncio.get_running_loop().time() - started < 5
        assert on_disk(tmp_path, b"something else")


async def test_it_goes_also_while_others_keep_writing(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        secret = await talk.send("meet me behind the old mill")
        stop = asyncio.Event()

        async def keep_writing() -> None:
            while not stop.is_set():
                await talk.send("and on and on")

        async with asyncio.TaskGroup() as writing:
            for _ in range(4):
                writing.create_task(keep_writing())
            await talk.recall(secret)
            try:
                await until(lambda: not on_disk(tmp_path, b"old mill"))
            finally:
                stop.set()


async def test_it_goes_after_the_writer_was_killed_right_after_the_recall(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        secret = await talk.send("meet me behind the old mill")
        await talk.recall(secret)
        kill(talk.store.writer.pid, signal.SIGKILL)
        await until(lambda: not on_disk(tmp_path, b"old mill"))


async def test_it_goes_as_soon_as_a_long_read_lets_it(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        secret = await talk.send("meet me behind the old mill")
        with closing(sqlite3.connect(tmp_path / "sixin.db", isolation_level=None)) as backup:
            backup.execute("BEGIN")
            backup.execute("SELECT count(*) FROM messages").fetchall()
            await talk.recall(secret)
            for _ in range(20):
                await talk.send("writing goes on meanwhile")
            backup.execute("COMMIT")
        await until(lambda: not on_disk(tmp_path, b"old mill"))


async def test_no_copy_is_left_by_rows_that_were_moved(tmp_path: Path) -> None:
    # Ids of many slots, made in the same seconds, in an order that is not theirs; contents of all sizes. A B-tree that
    # puts rows between others leaves old copies in its pages, which secure_delete does not reach.
    random = Random(7)
    async with talking(tmp_path) as talk:
        said = [message for nth in range(12) for message in await _a_burst(talk, random, nth)]
        gone = random.sample(said, len(said) // 2)
        for start in range(0, len(gone), 100):
            await asyncio.gather(
                *(
                    talk.do(commands.Recall(message.sender, message.session_id, message.msg_id))
                    for message in gone[start : start + 100]
                )
            )
        ids = {message.msg_id for message in gone}
        tokens = {message.msg_id: message.content[9:33] for message in said}
        kept = {token for msg_id, token in tokens.items() if msg_id not in ids}
        await until(lambda: _tokens_on_disk(tmp_path) <= kept)
        assert _tokens_on_disk(tmp_path) == kept


async def _a_burst(talk: Talk, random: Random, nth: int) -> list[Message]:
    sends = []
    for number in range(150):
        peer = Uid(2_000 + random.randrange(60))
        token = f"{nth:08}{number:08}{random.getrandbits(32):08x}"
        size = random.choice([1, 30, 300, 900, 3_000, 9_000])
        content = canonical(msgspec.json.encode({"type": "text", "text": token + "x" * size}))
        seq_id = nth * 1_000 + number + 1
        sends.append(commands.Send(ANN, pair_session_id(ANN, peer), seq_id, content.encoded, content.digest))
    decisions = await asyncio.gather(*(talk.do(send) for send in sends))
    return [decision.answer for decision in decisions if isinstance(decision.answer, Message)]


def _tokens_on_disk(data: Path) -> set[bytes]:
    files = (path.read_bytes() for path in sorted(data.iterdir()))
    return {token for content in files for token in re.findall(rb"[0-9]{16}[0-9a-f]{8}", content)}


async def test_the_log_does_not_grow_without_end(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        log, largest = tmp_path / "sixin.db-wal", 0
        for _ in range(25):
            await asyncio.gather(*(talk.send("x" * 15_000) for _ in range(256)))
            largest = max(largest, log.stat().st_size)

        assert (tmp_path / "sixin.db").stat().st_size > 20_000_000
        # More than this was written, and it has all gone through the log.
        assert largest < SQLITE_WAL_BYTES_MAX * 5 // 4 + 8_000_000 < 25 * 256 * 15_000


def test_a_log_that_has_become_too_long_begins_anew_before_a_copy_has_told_how_long_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a disk so slow that the first copy takes longer than all of this.
    monkeypatch.setattr(sqlite_checkpoints, "SQLITE_CHECKPOINT_EVERY_S", 3_600.0)
    monkeypatch.setattr(sqlite_checkpoints, "SQLITE_WAL_BYTES_MAX", 1_000_000)
    prepare_folder(tmp_path)
    connection, _ = open_for_writing(tmp_path)
    connection.execute("CREATE TABLE filling (content BLOB) STRICT")
    checkpoints, largest = Checkpoints(database_path(tmp_path), connection), 0
    checkpoints.run()  # what an earlier process may have left goes first
    for _ in range(40):
        connection.execute("INSERT INTO filling VALUES (zeroblob(100000))")
        checkpoints.run()
        largest = max(largest, (tmp_path / "sixin.db-wal").stat().st_size)
    checkpoints.close()
    connection.close()

    # A quarter more than it may be, and then one commit later each time, by growing again.
    assert 1_250_000 < largest < 1_250_000 + 5 * 110_000


async def test_a_checkpoint_never_loses_a_commit(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        acknowledged = []
        for nth in range(40):
            acknowledged.append(await talk.send(f"number {nth}"))
            if nth % 4 == 0:
                await talk.recall(acknowledged[-1])
                acknowledged[-1] = (await talk.stored())[-1]
        kill(talk.store.writer.pid, signal.SIGKILL)
        kill(talk.store.reader.pid, signal.SIGKILL)
        assert await talk.stored() == acknowledged


async def test_the_page_of_a_copy_holds_nothing_recalled(tmp_path: Path) -> None:
    async with talking(tmp_path / "data") as talk:
        secret = await talk.send("meet me behind the old mill")
        await talk.recall(secret)
        (tmp_path / "copy").mkdir()
        sqlite_file.backup(tmp_path / "data", tmp_path / "copy" / "sixin.db")

    assert on_disk(tmp_path / "copy", b"old mill") == []
