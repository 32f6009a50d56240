"""Batches that are handed over while the one before is being written: in order, told after it, and lost with it."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from sixin.core import commands, errors
from sixin.core.commands import Policy
from sixin.core.content import canonical
from sixin.core.ids import MsgId
from sixin.core.message import Message
from sixin.server.store.base import Changes, FollowedStore, Transaction
from sixin.server.store.memory import MemoryStore
from sixin.server.store.writer import Outcome, Writer
from tests.server.sqlite_kit import ANN, ANN_BEN, WAIT_S, Talk, kill, talking, until

HELLO = canonical(b'{"type":"text","text":"hello"}')

NEXT = 2**51
"""Above whatever Ann used before: nobody has to look for it."""


class HandedOver(MemoryStore, FollowedStore):
    """Keeps each commit and what follows it until the test says what became of it."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: asyncio.Queue[tuple[Changes, asyncio.Future[None]]] = asyncio.Queue()
        self.mistaken = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with super().transaction() as transaction:
            transaction.commit = self._hand_over  # type: ignore[method-assign, assignment]
            yield transaction

    def follow(self, changes: Changes) -> asyncio.Future[Any]:
        if self.mistaken:
            raise RuntimeError("a mistake of ours")
        return self._hand_over(changes)

    def _hand_over(self, changes: Changes) -> asyncio.Future[Any]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.commits.put_nowait((changes, done))
        return done

    async def taken(self) -> "Taken":
        async with asyncio.timeout(WAIT_S):
            return Taken(self, *await self.commits.get())


class Taken:
    """A batch that the store has and has not done."""

    def __init__(self, store: HandedOver, changes: Changes, done: asyncio.Future[None]) -> None:
        self._store = store
        self._changes = changes
        self._done = done

    @property
    def ordinals(self) -> list[int]:
        return [message.ordinal for message in self._changes.born]

    @property
    def given_up(self) -> bool:
        return self._done.cancelled()

    def write(self) -> None:
        self._store.write(self._changes)
        self._done.set_result(None)

    def fail(self) -> None:
        self._done.set_exception(errors.Unavailable())


class Saying:
    """Ann says things to Ben, and writes down what she is told."""

    def __init__(self, writer: Writer) -> None:
        self.told: list[str] = []
        self._writer = writer

    def say(self, *seq_ids: int) -> None:
        for seq_id in seq_ids:
            command = commands.Send(ANN, ANN_BEN, seq_id, HELLO.encoded, HELLO.digest)
            self._writer.submit(command, lambda outcome, seq_id=seq_id: self._hear(seq_id, outcome))  # type: ignore[misc]

    def _hear(self, seq_id: int, outcome: Outcome) -> None:
        self.told.append(f"{seq_id} {'refused' if isinstance(outcome, errors.SixinError) else 'done'}")

    async def heard(self, count: int) -> None:
        await until(lambda: len(self.told) >= count)


@asynccontextmanager
async def saying(store: HandedOver, following_min: int) -> AsyncIterator[Saying]:
    writer = Writer(store, now_ms=lambda: 0, policy=Policy(), committed=lambda _: None, following_min=following_min)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        ann = Saying(writer)
        ann.say(1)
        (await store.taken()).write()  # what is loaded by the first is at hand for the others
        await ann.heard(1)
        yield ann
        writer.stop()


async def test_enough_that_waits_follows_and_is_told_in_its_turn() -> None:
    store = HandedOver()
    async with saying(store, following_min=2) as ann:
        ann.say(2)
        first = await store.taken()
        ann.say(3, 4, 5)
        second = await store.taken()
        assert (first.ordinals, second.ordinals) == ([2], [3, 4, 5])
        ann.say(6, 7)  # no third one: two are enough to keep the engine busy
        await asyncio.sleep(0.01)
        assert store.commits.empty()
        second.write()
        await asyncio.sleep(0.01)
        assert ann.told == ["1 done"], "before it was known that the first is durable"
        first.write()
        third = await store.taken()
        assert third.ordinals == [6, 7]
        third.write()
        await ann.heard(7)
        assert ann.told == [f"{nth} done" for nth in range(1, 8)]


async def test_a_few_wait_for_the_end_of_what_is_being_written() -> None:
    store = HandedOver()
    async with saying(store, following_min=3) as ann:
        ann.say(2)
        first = await store.taken()
        ann.say(3, 4)
        await asyncio.sleep(0.01)
        assert store.commits.empty()
        first.write()
        second = await store.taken()
        assert second.ordinals == [3, 4]
        second.write()
        await ann.heard(4)


async def test_what_follows_a_failure_fails_and_the_next_begins_from_the_store() -> None:
    store = HandedOver()
    async with saying(store, following_min=1) as ann:
        ann.say(2)
        first = await store.taken()
        ann.say(3)
        second = await store.taken()
        first.fail()
        await ann.heard(3)
        assert ann.told[1:] == ["2 refused", "3 refused"]
        assert second.given_up
        ann.say(3)
        third = await store.taken()
        assert third.ordinals == [2], "neither of them was there"
        third.write()
        await ann.heard(4)
        assert ann.told[3:] == ["3 done"]


async def test_a_mistake_in_handing_over_fails_that_batch_alone() -> None:
    store = HandedOver()
    async with saying(store, following_min=1) as ann:
        ann.say(2)
        first = await store.taken()
        store.mistaken = True
        ann.say(3)
        await asyncio.sleep(0.01)
        first.write()
        await ann.heard(3)
        assert ann.told[1:] == ["2 done", "3 refused"]
        ann.say(3)
        second = await store.taken()
        assert second.ordinals == [3]
        second.write()
        await ann.heard(4)


async def test_what_must_be_loaded_waits_until_nothing_is_under_way() -> None:
    store = HandedOver()
    async with saying(store, following_min=1) as ann:
        ann.say(2)
        first = await store.taken()
        ann.say(1, 3)  # the repeated one has to be looked for
        await asyncio.sleep(0.01)
        assert store.commits.empty()
        first.write()
        second = await store.taken()
        assert second.ordinals == [3]
        second.write()
        await ann.heard(4)
        assert ann.told == ["1 done", "2 done", "1 done", "3 done"]


async def test_a_server_that_is_cut_off_refuses_what_was_handed_over() -> None:
    store = HandedOver()
    writer = Writer(store, now_ms=lambda: 0, policy=Policy(), committed=lambda _: None, following_min=1)
    running = asyncio.create_task(writer.run())
    ann = Saying(writer)
    ann.say(1)
    (await store.taken()).write()
    ann.say(2)
    await store.taken()
    ann.say(3)
    await store.taken()
    ann.say(4)
    running.cancel()
    await asyncio.wait([running])
    assert ann.told == ["1 done", "2 refused", "3 refused", "4 refused"]


# With the real engine, which has both in its socket.


async def test_the_engine_writes_what_follows_in_order(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        await talk.send()
        kill(talk.store.writer.pid, signal.SIGSTOP)
        sends = await _two_under_way(talk)
        kill(talk.store.writer.pid, signal.SIGCONT)
        assert [message.ordinal for message in await asyncio.gather(*sends)] == [2, 3]
        assert [message.ordinal for message in await talk.stored()] == [1, 2, 3]


async def test_what_was_handed_over_to_a_killed_writer_is_refused_and_can_be_repeated(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        await talk.send()
        kill(talk.store.writer.pid, signal.SIGSTOP)
        sends = await _two_under_way(talk)
        kill(talk.store.writer.pid, signal.SIGKILL)
        for outcome in await asyncio.gather(*sends, return_exceptions=True):
            assert isinstance(outcome, errors.Unavailable)
        again = [await talk.send_until_it_works(seq_id) for seq_id in (NEXT + 1, NEXT)]
        assert [message.ordinal for message in again] == [2, 3]
        assert len(await talk.stored()) == 3


async def test_the_engine_does_not_write_what_follows_a_failure(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        known = await talk.send()
        kill(talk.store.writer.pid, signal.SIGSTOP)
        failing = asyncio.create_task(_commit(talk, known))  # its msg_id is taken
        await until(lambda: talk.store.writer.waiting == 1)
        later = replace(known, msg_id=MsgId(known.msg_id + 10_000), seq_id=1, ordinal=2, version_id=2, sort_key=2)
        following = talk.store.follow(Changes(born=(later,)))
        kill(talk.store.writer.pid, signal.SIGCONT)
        with pytest.raises(errors.Internal):
            await failing
        with pytest.raises(errors.Unavailable, match="before it"):
            await following
        assert await talk.stored() == [known]
        assert (await talk.send()).ordinal == 2


async def test_handing_over_to_no_writer_fails(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        pid = talk.store.writer.pid
        kill(pid, signal.SIGKILL)
        await until(lambda: talk.store.writer.pid is None)
        with pytest.raises(errors.Unavailable):
            await talk.store.follow(Changes())


async def _two_under_way(talk: Talk) -> list[asyncio.Task[Message]]:
    first = asyncio.create_task(talk.send_as(NEXT))
    await until(lambda: talk.store.writer.waiting == 1)
    second = asyncio.create_task(talk.send_as(NEXT + 1))
    await until(lambda: talk.store.writer.waiting == 2)
    return [first, second]


async def _commit(talk: Talk, message: Message) -> None:
    async with talk.store.transaction() as transaction:
        await transaction.commit(Changes(born=(message,)))
