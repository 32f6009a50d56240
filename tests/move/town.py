"""A small town that has lived on a store: everything that can happen to a timeline has happened in it."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sixin.core import commands, errors
from sixin.core.commands import Policy
from sixin.core.contact import Contact, Profile
from sixin.core.ids import Uid, pair_session_id
from sixin.core.message import Message
from sixin.server.store.base import Store
from sixin.server.store.writer import Writer
from tests.conformance.scene import send_of
from tests.postgres.nodes import all_contacts, all_messages, now_ms

UIDS = [Uid(nth) for nth in range(1, 16)] + [Uid(2**62 + 1), Uid(2**63 - 1)]
PAIRS = [(one, other) for one in UIDS for other in UIDS if one < other]


@asynccontextmanager
async def writer_on(store: Store) -> AsyncIterator[Writer]:
    """An open store with its writer."""
    await store.open()
    writer = Writer(store, now_ms=now_ms, policy=Policy(), committed=lambda _: None)
    running = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        writer.stop()
        await running
        await store.close()


async def live(store: Store, *, seed: int, sends: int, seq_from: int = 1) -> None:
    """An afternoon in the town. `seq_from`: a number above every `seq_id` used before."""
    chance = random.Random(seed)
    async with writer_on(store) as writer:
        said: list[Message] = []
        for start in range(0, sends, 50):
            batch = [
                send_of(*_either(chance), seq_from + start + nth, chance.choice(["你好", "hello 🌏", "x" * 300]))
                for nth in range(50)
            ]
            for decision in await asyncio.gather(*(writer.change(command) for command in batch)):
                answer = decision.answer
                assert isinstance(answer, Message)
                said.append(answer)
            for _ in range(10):
                await _meddle(writer, chance, chance.choice(said))
        await writer.change(commands.PutProfile(Profile(UIDS[0], "bot", "Ann 安", "https://example.com/a.png")))


def _either(chance: random.Random) -> tuple[Uid, Uid]:
    pair = chance.choice(PAIRS)
    return pair if chance.random() < 0.5 else (pair[1], pair[0])


async def _meddle(writer: Writer, chance: random.Random, message: Message) -> None:
    session_id, msg_id = message.session_id, message.msg_id
    peer = next(uid for uid in UIDS if uid != message.sender and pair_session_id(uid, message.sender) == session_id)
    what: list[commands.Command] = [
        commands.Recall(message.sender, session_id, msg_id),
        commands.Read(peer, session_id, msg_id),
        commands.Clear(peer, session_id, msg_id),
        commands.DeleteForMe(peer, session_id, (msg_id,)),
        commands.Pin(peer, session_id, True),
        commands.Mute(message.sender, session_id, True),
        commands.Label(peer, session_id, ("工作", "later")),
        commands.DeleteContact(peer, session_id),
    ]
    try:
        await writer.change(chance.choice(what))
    except errors.SixinError:
        return  # what was recalled or cleared before is refused


Copy = dict[Uid, tuple[list[Contact], dict[str, list[Message]]]]
"""What each user's device holds that has pulled everything."""


async def everything(store: Store, uids: Sequence[Uid] = UIDS) -> Copy:
    """What every user can see, and his numbers; and every message as it is stored."""
    await store.open()
    try:
        found: Copy = {}
        for uid in uids:
            contacts = await all_contacts(store, uid)
            found[uid] = contacts, {row.session_id: await all_messages(store, row.session_id) for row in contacts}
        return found
    finally:
        await store.close()
