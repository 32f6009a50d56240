"""A mistake in telling one of a batch harms neither the others nor the writer."""

import asyncio

from sixin.core import commands
from sixin.core.commands import Policy
from sixin.core.content import canonical
from sixin.core.ids import Uid, pair_session_id
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
