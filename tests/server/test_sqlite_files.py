"""What can be wrong with the file, its folder and its disk: a clear word, and nothing acknowledged lost."""

import os
import resource
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sixin.core import errors
from sixin.core.message import Message
from sixin.server.store import sqlite_file
from sixin.server.store.base import StoreRefused
from sixin.server.store.sqlite import SqliteStore
from tests.server.sqlite_kit import ANN, ANN_BEN, Talk, talking


async def refusal(data: Path) -> str:
    """Why a folder is not opened."""
    store = SqliteStore(data)
    with pytest.raises(StoreRefused) as refused:
        await store.open()
    await store.close()
    return str(refused.value)


async def some_talk(data: Path, count: int = 3) -> None:
    async with talking(data) as talk:
        for nth in range(count):
            await talk.send(f"number {nth}")


async def test_a_missing_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "deep" / "down"
    async with talking(data) as talk:
        await talk.send()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in data.iterdir()}

    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert modes.keys() >= {"sixin.db", "sixin.db-wal", "sixin.lock"}
    assert set(modes.values()) == {0o600}


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here is no folder")

    assert str(tmp_path / "file") in await refusal(tmp_path / "file")
    assert "cannot be made" in await refusal(tmp_path / "file" / "below")


@pytest.fixture
def read_only_folder(tmp_path: Path) -> Path:
    """One in which even root may not write, where that is who runs the tests."""
    if os.geteuid() == 0:
        return Path("/proc/self/net")
    tmp_path.chmod(0o500)
    return tmp_path


async def test_a_read_only_folder_is_refused(read_only_folder: Path) -> None:
    assert "cannot be written" in await refusal(read_only_folder)


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "sixin.db"
    path.write_bytes(b"somebody's letters\n" * 500)
    before = path.read_bytes()

    assert "is not a database" in await refusal(tmp_path)
    assert path.read_bytes() == before


async def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "sixin.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    before = path.read_bytes()

    assert "another program" in await refusal(tmp_path)
    assert path.read_bytes() == before


async def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    await some_talk(tmp_path, 200)
    path = tmp_path / "sixin.db"
    damaged = bytearray(path.read_bytes())
    for page in range(2, len(damaged) // 4096, 2):
        damaged[page * 4096 : page * 4096 + 64] = bytes(64)
    path.write_bytes(damaged)

    assert "is damaged" in await refusal(tmp_path)
    assert path.read_bytes() == damaged


async def test_a_file_damaged_while_it_is_open_gives_a_clear_error_and_heals_with_it(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        message = await talk.send()
    path = tmp_path / "sixin.db"
    original = path.read_bytes()
    async with talking(tmp_path) as talk:
        # Everything behind the first page: the reader has not seen it yet.
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (len(original) - 4096))
        with pytest.raises(errors.Unavailable, match="damaged"):
            await talk.store.messages(ANN_BEN, before_sort_key=None, limit=10)

        path.write_bytes(original)
        assert await talk.stored() == [message]


async def test_an_empty_file_is_made_into_a_database(tmp_path: Path) -> None:
    (tmp_path / "sixin.db").touch()
    await some_talk(tmp_path)
    async with talking(tmp_path) as talk:
        assert len(await talk.stored()) == 3


async def test_a_disk_that_fails_a_write_loses_nothing_and_the_store_heals(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        acknowledged = [await talk.send("before")]
        pid = talk.store.writer.pid
        assert pid is not None
        log = tmp_path / "sixin.db-wal"
        # The log cannot grow any more: the system refuses the write in the middle of a commit.
        unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (log.stat().st_size + 8_192, unlimited[1]))
        await send_until_refused(talk, acknowledged)
        assert await talk.stored() == acknowledged

        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
        acknowledged.append(await talk.send_until_it_works(5, "after"))
        assert await talk.stored() == acknowledged
        assert talk.store.writer.pid == pid
    async with talking(tmp_path) as talk:
        assert await talk.stored() == acknowledged


async def send_until_refused(talk: Talk, acknowledged: list[Message]) -> None:
    for nth in range(200):
        try:
            acknowledged.append(await talk.send_as(1_000 + nth, "x" * 8_000))
        except errors.Unavailable as error:
            assert "disk" in str(error)  # noqa: PT017 - it is the loop that ends with it
            return
    pytest.fail("the disk never failed")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False)
    if mounted.returncode:
        pytest.skip("mounting a small disk takes root, and a container that lets it")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


async def test_a_disk_that_is_really_full_does_the_same(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(256 * 1024))
    async with talking(small_disk / "data") as talk:
        acknowledged: list[Message] = [await talk.send("before")]
        await send_until_refused(talk, acknowledged)
        for _ in range(3):
            with pytest.raises(errors.Unavailable, match="disk is full"):
                await talk.send("x" * 8_000)
        assert await talk.stored() == acknowledged
        assert (await talk.store.user(ANN)).version_id == len(acknowledged)
        ballast.unlink()
        acknowledged.append(await talk.send_until_it_works(5, "after"))
        assert await talk.stored() == acknowledged
    async with talking(small_disk / "data") as talk:
        assert await talk.stored() == acknowledged


async def test_a_backup_is_one_moment_of_a_running_server(tmp_path: Path) -> None:
    data, target = tmp_path / "data", tmp_path / "copy" / "sixin.db"
    target.parent.mkdir()
    async with talking(data) as talk:
        before = [await talk.send(f"number {nth}") for nth in range(20)]
        sqlite_file.backup(data, target)
        await talk.send("after the backup")

    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in target.parent.iterdir()] == ["sixin.db"]
    async with talking(target.parent) as talk:
        assert await talk.stored() == before
        assert (await talk.send("goes on")).ordinal == 21


async def test_a_backup_overwrites_nothing_and_needs_a_database(tmp_path: Path) -> None:
    await some_talk(tmp_path)
    target = tmp_path / "precious"
    target.write_text("precious")

    with pytest.raises(StoreRefused, match="exists already"):
        sqlite_file.backup(tmp_path, target)
    assert target.read_text() == "precious"
    with pytest.raises(StoreRefused, match="There is no"):
        sqlite_file.backup(tmp_path / "nowhere", tmp_path / "copy")
