"""What the suite acts with: a place that can be reopened, and people who act through the real writer."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import cycle
from random import Random
from types import TracebackType
from typing import Self

import msgspec

from sixin.core import commands
from sixin.core.commands import Command, Policy
from sixin.core.contact import Contact
from sixin.core.content import canonical
from sixin.core.decide import Decision
from sixin.core.ids import EPOCH_S, MsgId, SessionId, Uid, pair_session_id
from sixin.core.message import Message
from sixin.core.timeline import MessagePage
from sixin.server.store.base import Store
from sixin.server.store.writer import Writer
from tests.conformance.engines import Engine

ANN, BEN, CID = Uid(1001), Uid(1002), Uid(1003)
ANN_BEN = pair_session_id(ANN, BEN)
START_MS = (EPOCH_S + 28_252_800) * 1_000
WAIT_S = 20.0
"""Longer than anything here takes; a test that reaches it has found something."""


def seeded(seed: int) -> Random:
    """Chance that comes out the same each time."""
    return Random(seed)


def content_of(text: str) -> bytes:
    """The canonical content of a text message."""
    return canonical(msgspec.json.encode({"type": "text", "text": text})).encoded


def send_of(by: Uid, to: Uid, seq_id: int, text: str) -> commands.Send:
    """A send, as the door hands it in."""
    content = canonical(msgspec.json.encode({"type": "text", "text": text}))
    return commands.Send(by, pair_session_id(by, to), seq_id, content.encoded, content.digest)


class Place:
    """One place of storage and the stores that have it open: one, or one for each node."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turns: Iterator[Store] = iter(())
        self.stores: list[Store] = []

    @property
    def store(self) -> Store:
        """The next one, where there are several: what one node wrote, another reads."""
        return next(self._turns)

    async def __aenter__(self) -> Self:
        self.stores = [self._engine.store() for _ in range(self._engine.nodes)]
        self._turns = cycle(self.stores)
        async with asyncio.TaskGroup() as opening:
            for store in self.stores:
                opening.create_task(store.open())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for store in self.stores:
            await store.close()

    async def reopen(self) -> None:
        """Close, and open again with stores that know nothing."""
        await self.__aexit__(None, None, None)
        await self.__aenter__()


class Scene:
    """People who act through real writers, one at each store, with a clock that is turned by hand."""

    def __init__(self, place: Place, *, store: Store | None = None, policy: Policy | None = None) -> None:
        """`store` stands in for the place's own, for a test that puts something between."""
        self._place = place
        self._between = store
        self._policy = policy or Policy()
        self.now_ms = START_MS
        self.told: list[Decision] = []
        """What the writers said was committed, in order."""
        self._seq_id = 0

    @property
    def store(self) -> Store:
        return self._between or self._place.store

    async def __aenter__(self) -> Self:
        self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    def _start(self) -> None:
        stores = [self._between] if self._between is not None else self._place.stores
        self.writers = [
            Writer(store, now_ms=lambda: self.now_ms, policy=self._policy, committed=self._committed)
            for store in stores
        ]
        self._next_writer = cycle(self.writers)
        self._running = [asyncio.create_task(writer.run()) for writer in self.writers]

    def _committed(self, decisions: Sequence[Decision]) -> None:
        self.told.extend(decisions)

    async def _stop(self) -> None:
        for writer in self.writers:
            writer.stop()
        async with asyncio.timeout(WAIT_S):
            await asyncio.gather(*self._running)

    async def restart(self) -> None:
        """End the writers and their stores, and start all again: nothing is left but what was stored."""
        await self._stop()
        await self._place.reopen()
        self._start()

    async def do(self, command: Command) -> Decision:
        """By the next writer, where there are several."""
        async with asyncio.timeout(WAIT_S):
            return await next(self._next_writer).change(command)

    def next_seq_id(self) -> int:
        self._seq_id += 1
        return self._seq_id

    async def send(self, by: Uid, to: Uid, text: str) -> Message:
        answer = (await self.do(send_of(by, to, self.next_seq_id(), text))).answer
        assert isinstance(answer, Message)
        return answer

    async def send_many(self, by: Uid, to: Uid, texts: Sequence[str]) -> list[Message]:
        """All at once: the writer puts them into as few batches as it can."""
        async with asyncio.TaskGroup() as senders:
            tasks = [senders.create_task(self.send(by, to, text)) for text in texts]
        return [task.result() for task in tasks]

    async def recall(self, message: Message) -> Message:
        answer = (await self.do(commands.Recall(message.sender, message.session_id, message.msg_id))).answer
        assert isinstance(answer, Message)
        return answer

    async def hide(self, by: Uid, *messages: Message) -> Contact:
        return await self._line(
            commands.DeleteForMe(by, messages[0].session_id, tuple(message.msg_id for message in messages))
        )

    async def clear(self, by: Uid, session_id: SessionId, up_to: MsgId | None = None) -> Contact:
        return await self._line(commands.Clear(by, session_id, up_to))

    async def read(self, by: Uid, message: Message) -> Contact:
        return await self._line(commands.Read(by, message.session_id, message.msg_id))

    async def delete_contact(self, by: Uid, session_id: SessionId = ANN_BEN) -> Contact:
        return await self._line(commands.DeleteContact(by, session_id))

    async def _line(self, command: Command) -> Contact:
        answer = (await self.do(command)).answer
        assert isinstance(answer, Contact)
        return answer

    async def contact(self, owner: Uid, session_id: SessionId = ANN_BEN) -> Contact:
        contact = await self.store.contact(owner, session_id)
        assert contact is not None
        return contact

    async def pull_new(
        self, owner: Uid, after_version: int, *, born_up_to: int | None = None, limit: int = 50
    ) -> MessagePage:
        """Of the session of Ann and Ben."""
        return await self.store.pull_new(
            owner, ANN_BEN, after_version=after_version, born_up_to=born_up_to, limit=limit
        )

    async def pull_old(self, owner: Uid, before_sort_key: int | None = None, *, limit: int = 50) -> MessagePage:
        """Of the session of Ann and Ben."""
        return await self.store.pull_old(owner, ANN_BEN, before_sort_key=before_sort_key, limit=limit)


def msg_ids(page: MessagePage) -> list[MsgId]:
    """The messages of a page, by id."""
    return [message.msg_id for message in page.messages]


def ids_of(messages: Sequence[Message]) -> list[MsgId]:
    """Messages by id."""
    return [message.msg_id for message in messages]
