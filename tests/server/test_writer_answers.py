"""Who waits for a batch is told in order, once, and whatever becomes of the others."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from math import inf

from sixin.core import commands, errors
from sixin.core.commands import Policy
from sixin.core.content import canonical
from sixin.core.ids import Uid, pair_session_id
from sixin.core.rows import Changes, Keys, Loaded
from sixin.server.store.base import Transaction
from sixin.server.store.memory import MemoryStore
from sixin.server.store.writer import Outcome, Writer

ANN, BEN = Uid(1), Uid(2)


def say(seq_id: int) -> commands.Send:
    content = canonical(b'{"type":"text","text":"hello"}')
    return commands.Send(ANN, pair_session_id(ANN, BEN), seq_id, content.encoded, content.digest)


def mistaken(outcome: Outcome) -> None:
    raise RuntimeError("a mistake of ours")


async def test_whoever_waits_beside_a_failing_answer_is_answered() -> None:
    writer = Writer(MemoryStore(), now_ms=lambda: 0, policy=Policy(), committed=lambda _: None)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        writer.submit(say(1), mistaken)
        assert (await writer.change(say(2))).changed.born[0].ordinal == 2
        assert (await writer.change(say(3))).changed.born[0].ordinal == 3
        writer.stop()


class _Held(Transaction):
    """A commit that takes until it is let through, or refused."""

    def __init__(self, store: "HeldStore", real: Transaction) -> None:
        self._store = store
        self._real = real

    async def load(self, keys: Keys) -> Loaded:
        return await self._real.load(keys)

    async def commit(self, changes: Changes) -> None:
        through: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._store.commits.put(through)
        await through
        await self._real.commit(changes)


class HeldStore(MemoryStore):
    """Hands over each commit that it is asked for, before it does it."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with super().transaction() as real:
            yield _Held(self, real)


async def test_a_batch_is_told_while_the_next_one_is_being_written() -> None:
    store = HeldStore()
    told: list[str] = []
    answered = asyncio.Event()

    def tells(name: str) -> Callable[[Outcome], None]:
        def tell(outcome: Outcome) -> None:
            told.append(f"{name} {'refused' if isinstance(outcome, errors.SixinError) else 'done'}")
            answered.set()

        return tell

    writer = Writer(
        store,
        now_ms=lambda: 0,
        policy=Policy(),
        committed=lambda decisions: told.append(f"{len(decisions)} followed"),
        tell=lambda decisions: told.append(f"{len(decisions)} told"),
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        writer.submit(say(1), tells("first"))
        first = await store.commits.get()
        writer.submit(say(2), tells("second"))
        writer.submit(say(3), tells("third"))
        assert told == []
        first.set_result(None)
        second = await store.commits.get()
        await answered.wait()  # though the second batch stands still
        assert told == ["1 followed", "1 told", "first done"]

        writer.submit(say(4), tells("fourth"))
        second.set_exception(errors.Unavailable())
        third = await store.commits.get()
        assert told[3:] == ["second refused", "third refused"]
        assert writer.refused_s_ago() < 60
        third.set_result(None)
        writer.stop()
    assert told[5:] == ["1 followed", "1 told", "fourth done"]
    assert writer.refused_s_ago() == inf


async def test_what_is_written_is_told_although_what_came_after_it_is_cut_off() -> None:
    store = HeldStore()
    told: list[str] = []
    writer = Writer(store, now_ms=lambda: 0, policy=Policy(), committed=lambda _: None)
    running = asyncio.get_running_loop().create_task(writer.run())
    writer.submit(say(1), lambda outcome: told.append("first"))
    first = await store.commits.get()
    writer.submit(say(2), lambda outcome: told.append(type(outcome).__name__))
    first.set_result(None)
    await store.commits.get()
    running.cancel()
    await asyncio.wait([running])
    assert told == ["first", "Unavailable"]
