"""The processes of the SQLite store: killed, orphaned, stuck, and never two servers on one folder."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sixin.core import errors
from sixin.core.ids import Uid
from sixin.core.message import Message
from sixin.server.store import sqlite_child
from sixin.server.store.base import StoreRefused
from sixin.server.store.sqlite import SqliteStore
from tests.server.sqlite_kit import ANN, ANN_BEN, BEN, WAIT_S, Open, alive, kill, names_in, talking, until


async def test_a_killed_writer_is_replaced_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        acknowledged = [await talk.send(f"number {nth}") for nth in range(5)]
        for round_ in range(3):
            before = talk.store.writer.pid
            kill(before, signal.SIGKILL)
            acknowledged.append(await talk.send_until_it_works(round_ + 1, f"after kill {round_}"))
            assert talk.store.writer.pid != before

        assert await talk.stored() == acknowledged
        assert [message.ordinal for message in acknowledged] == list(range(1, 9))


async def test_what_a_killed_writer_was_doing_fails_at_once_and_a_retry_finds_out(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        await talk.send()
        kill(talk.store.writer.pid, signal.SIGSTOP)  # so that it is surely in the middle
        sending = asyncio.create_task(talk.send_as(7, "in the middle"))
        await until(lambda: talk.store.writer.waiting == 1)
        kill(talk.store.writer.pid, signal.SIGKILL)
        with pytest.raises(errors.Unavailable):
            await sending

        message = await talk.send_until_it_works(7, "in the middle")
        assert (message.ordinal, len(await talk.stored())) == (2, 2)


async def test_sends_in_full_flight_survive_kills_of_the_writer(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        answers: list[Message] = []

        async def speak(nth: int) -> None:
            for each in range(40):
                answer = await talk.send_until_it_works(100 * nth + each + 1, f"number {nth} {each}")
                answers.append(answer)

        async with asyncio.TaskGroup() as group:
            for nth in range(10):
                group.create_task(speak(nth))
            for enough in (50, 150, 250):
                await until(lambda enough=enough: len(answers) >= enough and talk.store.writer.pid is not None)  # type: ignore[misc]
                kill(talk.store.writer.pid, signal.SIGKILL)

        answers.sort(key=lambda message: message.ordinal)
        assert await talk.stored() == answers
        assert [message.ordinal for message in answers] == list(range(1, 401))
        contact = await talk.store.contact(BEN, ANN_BEN)
        assert contact is not None
        assert contact.unread == 400


async def test_a_killed_reader_is_replaced_and_writing_goes_on(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        await talk.send()
        before = talk.store.reader.pid
        kill(before, signal.SIGSTOP)
        reading = asyncio.create_task(talk.store.user(ANN))
        await until(lambda: talk.store.reader.waiting == 1)
        await talk.send()
        kill(before, signal.SIGKILL)
        with pytest.raises(errors.Unavailable):
            await reading

        assert len(await talk.stored()) == 2
        assert talk.store.reader.pid != before


async def test_reads_go_on_while_there_is_no_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_child, "SQLITE_RESTART_MIN_S", WAIT_S)
    async with talking(tmp_path) as talk:
        message = await talk.send()
        kill(talk.store.writer.pid, signal.SIGKILL)
        await until(lambda: talk.store.writer.pid is None)

        with pytest.raises(errors.Unavailable):
            await talk.send()
        assert await talk.store.messages(ANN_BEN, before_sort_key=None, limit=10) == [message]


async def test_a_process_that_does_not_answer_is_taken_for_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_child, "STORE_TIMEOUT_S", 0.2)
    monkeypatch.setattr(sqlite_child, "_WATCH_EVERY_S", 0.05)
    async with Open(tmp_path) as opened:
        store = opened.store
        before = store.reader.pid
        kill(before, signal.SIGSTOP)
        async with asyncio.timeout(WAIT_S):
            with pytest.raises(errors.Unavailable):
                await store.user(ANN)
        await until(lambda: store.reader.pid not in (None, before))
        assert (await store.user(ANN)).version_id == 0


async def test_too_many_reads_are_refused_and_not_queued(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, reads_waiting_max=3)
    await store.open()
    try:
        kill(store.reader.pid, signal.SIGSTOP)
        reading = [asyncio.create_task(store.user(ANN)) for _ in range(3)]
        await until(lambda: store.reader.waiting == 3)
        with pytest.raises(errors.Unavailable, match="Too much"):
            await store.user(ANN)
        kill(store.reader.pid, signal.SIGCONT)
        assert [head.uid for head in await asyncio.gather(*reading)] == [ANN] * 3
        assert (await store.user(BEN)).uid == BEN
    finally:
        await store.close()


async def test_many_reads_at_once_are_answered_each_with_its_own(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        await talk.send()
        uids = [Uid(2_000 + nth) for nth in range(500)]
        heads = await asyncio.gather(*(talk.store.user(uid) for uid in uids))

        assert [head.uid for head in heads] == uids


async def test_a_read_that_was_given_up_does_not_shift_the_answers(tmp_path: Path) -> None:
    async with Open(tmp_path) as opened:
        store = opened.store
        kill(store.reader.pid, signal.SIGSTOP)
        given_up, waiting = (asyncio.create_task(store.user(uid)) for uid in (ANN, BEN))
        await until(lambda: store.reader.waiting == 2)
        given_up.cancel()
        kill(store.reader.pid, signal.SIGCONT)

        assert (await waiting).uid == BEN
        assert given_up.cancelled()


async def test_a_request_in_the_moment_of_death_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    async with Open(tmp_path) as opened:
        store = opened.store

        async def ask_twice() -> None:
            with pytest.raises(errors.Unavailable):
                await store.user(ANN)
            # In the very turn in which the death is known and nobody has dealt with it yet.
            await store.user(ANN)

        kill(store.reader.pid, signal.SIGSTOP)
        asking = asyncio.create_task(ask_twice())
        await until(lambda: store.reader.waiting == 1)
        kill(store.reader.pid, signal.SIGKILL)
        async with asyncio.timeout(WAIT_S):
            with pytest.raises(errors.Unavailable):
                await asking


async def test_a_signal_to_the_whole_group_leaves_the_processes_to_their_server(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        before = (talk.store.writer.pid, talk.store.reader.pid)
        for pid in before:
            kill(pid, signal.SIGINT)
            kill(pid, signal.SIGTERM)

        message = await talk.send()
        assert await talk.stored() == [message]
        assert (talk.store.writer.pid, talk.store.reader.pid) == before


async def test_closing_ends_both_processes_and_leaves_one_file(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        await talk.send()
        pids = [pid for pid in (talk.store.writer.pid, talk.store.reader.pid) if pid is not None]

    assert len(pids) == 2
    assert not any(alive(pid) for pid in pids)
    assert names_in(tmp_path) == ["sixin.db", "sixin.lock"]


async def test_a_second_server_is_refused_and_told_who_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with talking(tmp_path) as talk:
        await talk.send()
        second = SqliteStore(tmp_path)
        with pytest.raises(StoreRefused, match=f"process {os.getpid()}"):
            await second.open()
        with pytest.raises(errors.Unavailable):
            await second.user(ANN)
        await second.close()
        assert len(await talk.stored()) == 1
    async with talking(tmp_path) as talk:
        assert len(await talk.stored()) == 1


ORPHANS = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from sixin.server.store.sqlite import SqliteStore

    async def main():
        store = SqliteStore(Path(sys.argv[1]))
        await store.open()
        print(store.writer.pid, store.reader.pid, flush=True)
        await asyncio.sleep(600)

    asyncio.run(main())
""")


async def test_a_killed_server_leaves_no_process_and_no_lock_behind(tmp_path: Path) -> None:
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", ORPHANS, str(tmp_path), stdout=subprocess.PIPE)
    assert server.stdout is not None
    async with asyncio.timeout(WAIT_S):
        pids = [int(pid) for pid in (await server.stdout.readline()).split()]
    assert len(pids) == 2
    assert all(alive(pid) for pid in pids)
    server.kill()
    await server.wait()

    # Not waiting for them: a server that is started again at once must do that itself.
    async with talking(tmp_path) as talk:
        await talk.send()
    await until(lambda: not any(alive(pid) for pid in pids))


@pytest.mark.parametrize("loop_name", ["asyncio", "uvloop"])
def test_the_store_runs_on_either_loop(tmp_path: Path, loop_name: str) -> None:
    async def play() -> int:
        async with talking(tmp_path) as talk:
            await talk.send()
            kill(talk.store.writer.pid, signal.SIGKILL)
            return (await talk.send_until_it_works(1)).ordinal

    if loop_name == "uvloop":
        import uvloop

        assert uvloop.run(play()) == 2
    else:
        assert asyncio.run(play()) == 2
