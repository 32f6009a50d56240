"""An engine that fails in the middle: nobody is told what is not so, and a retry finds out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sixin.core import commands, errors
from sixin.core.contact import Contact, UserHead
from sixin.core.ids import SessionId, Uid
from sixin.core.message import Message
from sixin.core.rows import Keys, Loaded
from sixin.core.session import Session
from sixin.core.timeline import ContactPage, HiddenPage, MessagePage
from sixin.server.store.base import Changes, Heads, SharedStore, Store, Transaction
from tests.conformance.scene import ANN, ANN_BEN, BEN, Place, Scene, send_of


class Breaking(Store):
    """The store below, failing when told to: before or after the real commit, or while loading."""

    def __init__(self, below: Store) -> None:
        self.below = below
        self.breaks: list[str] = []
        """What fails next: "load", "before" or "after" the commit, or "" for nothing."""

    async def open(self) -> None:
        await self.below.open()

    async def close(self) -> None:
        await self.below.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self.below.transaction() as transaction:
            yield _Breaking(transaction, self.breaks.pop(0) if self.breaks else "")

    async def contact(self, owner: Uid, session_id: SessionId) -> Contact | None:
        return await self.below.contact(owner, session_id)

    async def user(self, uid: Uid) -> UserHead:
        return await self.below.user(uid)

    async def revocations(self) -> list[tuple[Uid, int]]:
        return await self.below.revocations()

    async def session(self, session_id: SessionId) -> Session:
        return await self.below.session(session_id)

    async def pull_new(
        self, owner: Uid, session_id: SessionId, *, after_version: int, born_up_to: int | None, limit: int
    ) -> MessagePage:
        return await self.below.pull_new(
            owner, session_id, after_version=after_version, born_up_to=born_up_to, limit=limit
        )

    async def pull_old(
        self, owner: Uid, session_id: SessionId, *, before_sort_key: int | None, limit: int
    ) -> MessagePage:
        return await self.below.pull_old(owner, session_id, before_sort_key=before_sort_key, limit=limit)

    async def pull_contacts(self, owner: Uid, *, after_version: int, limit: int) -> ContactPage:
        return await self.below.pull_contacts(owner, after_version=after_version, limit=limit)

    async def pull_hidden(self, owner: Uid, session_id: SessionId, *, after_version: int, limit: int) -> HiddenPage:
        return await self.below.pull_hidden(owner, session_id, after_version=after_version, limit=limit)

    async def messages(self, session_id: SessionId, *, before_sort_key: int | None, limit: int) -> list[Message]:
        return await self.below.messages(session_id, before_sort_key=before_sort_key, limit=limit)


class BreakingShared(Breaking, SharedStore):
    """The same, where others may write the store below as well."""

    owned = False

    def __init__(self, below: SharedStore) -> None:
        super().__init__(below)
        self._below = below

    async def peek(self, keys: Keys) -> Loaded:
        if self.breaks[:1] == ["load"]:
            self.breaks.pop(0)
            raise errors.Unavailable("The engine went away.")
        return await self._below.peek(keys)

    async def commit_if(self, relied_on: Heads, changes: Changes) -> None:
        breaks = self.breaks.pop(0) if self.breaks else ""
        if breaks in ("load", "before"):
            raise errors.Unavailable("The engine went away.")
        await self._below.commit_if(relied_on, changes)
        if breaks == "after":
            raise errors.Unavailable("The engine went away.")


class _Breaking(Transaction):
    def __init__(self, below: Transaction, breaks: str) -> None:
        self._below = below
        self._breaks = breaks

    async def load(self, keys: Keys) -> Loaded:
        if self._breaks == "load":
            raise errors.Unavailable("The engine went away.")
        return await self._below.load(keys)

    async def commit(self, changes: Changes) -> None:
        if self._breaks == "before":
            raise errors.Unavailable("The engine went away.")
        await self._below.commit(changes)
        if self._breaks == "after":
            raise errors.Unavailable("The engine went away.")


@pytest.fixture
async def breaking(place: Place) -> Breaking:
    store = place.store
    return BreakingShared(store) if isinstance(store, SharedStore) else Breaking(store)


@pytest.fixture
async def scene(place: Place, breaking: Breaking) -> AsyncIterator[Scene]:
    async with Scene(place, store=breaking) as scene:
        yield scene


@pytest.mark.parametrize("breaks", ["load", "before", "after"])
@pytest.mark.parametrize("spoken_before", [False, True])
async def test_a_retry_after_a_failure_makes_one_message(
    scene: Scene, breaking: Breaking, breaks: str, spoken_before: bool
) -> None:
    if spoken_before:
        await scene.send(ANN, BEN, "before")
        breaking.breaks = ["before" if breaks == "load" else breaks]  # what is in memory needs no load
    else:
        breaking.breaks = [breaks]
    told = len(scene.told)

    with pytest.raises(errors.Unavailable):
        await scene.do(send_of(ANN, BEN, 17, "hello"))
    assert len(scene.told) == told

    retried = (await scene.do(send_of(ANN, BEN, 17, "hello"))).answer
    assert isinstance(retried, Message)
    expected = 2 if spoken_before else 1
    assert retried.ordinal == retried.version_id == expected
    assert (await scene.contact(BEN)).unread == expected
    assert (await scene.store.user(BEN)).unread_total == expected
    stored = await scene.store.messages(ANN_BEN, before_sort_key=None, limit=10)
    assert stored[0] == retried
    assert len(stored) == expected


async def test_numbers_have_no_gap_after_many_failures(scene: Scene, breaking: Breaking) -> None:
    breaking.breaks = ["", "after", "before", "before", "", "after", "after", "", "before", "load"]
    for nth in range(8):
        for _ in range(6):
            try:
                await scene.do(send_of(ANN, BEN, nth + 1, f"number {nth}"))
            except errors.Unavailable:
                continue
            break

    stored = await scene.store.messages(ANN_BEN, before_sort_key=None, limit=100)
    assert [message.ordinal for message in stored] == list(range(8, 0, -1))
    assert [message.version_id for message in stored] == list(range(8, 0, -1))
    assert (await scene.store.user(BEN)).version_id == 8


async def test_counts_are_right_after_a_read_of_unknown_outcome(scene: Scene, breaking: Breaking) -> None:
    messages = [await scene.send(BEN, ANN, f"number {nth}") for nth in range(4)]
    breaking.breaks = ["after"]
    with pytest.raises(errors.Unavailable):
        await scene.read(ANN, messages[1])
    breaking.breaks = ["before"]
    with pytest.raises(errors.Unavailable):
        await scene.read(ANN, messages[2])

    contact = await scene.read(ANN, messages[1])
    assert (contact.unread, contact.last_read_msg_id) == (2, messages[1].msg_id)
    assert (await scene.store.user(ANN)).unread_total == 2


async def test_a_recall_of_unknown_outcome_can_be_retried(scene: Scene, breaking: Breaking) -> None:
    message = await scene.send(BEN, ANN, "hello")
    breaking.breaks = ["after"]
    with pytest.raises(errors.Unavailable):
        await scene.recall(message)

    recalled = (await scene.do(commands.Recall(BEN, ANN_BEN, message.msg_id))).answer
    assert isinstance(recalled, Message)
    assert (recalled.status, recalled.version_id) == ("recalled", 2)
    assert (await scene.contact(ANN)).unread == 0
    assert (await scene.store.session(ANN_BEN)).version_id == 2
