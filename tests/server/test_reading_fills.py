"""What a read leaves in the cache: true answers only, however reads and commits overtake each other."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from msgspec.structs import replace

from sixin.core.contact import Contact, UserHead
from sixin.core.ids import MsgId, SessionId, Uid
from sixin.core.limits import PAGE_MESSAGES_MAX
from sixin.core.message import Message
from sixin.core.rows import Keys, Loaded
from sixin.core.timeline import ContactPage, MessagePage, TailRead
from sixin.server.cache import Cache
from sixin.server.operations.actor import Actor
from sixin.server.operations.ahead import AHEAD_SESSIONS_MAX, Ahead
from sixin.server.store.base import Changes, Transaction
from sixin.server.store.memory import MemoryStore
from tests.server.house import Device, House, open_house

ANN = Uid(1001)
OTHERS = tuple(Uid(2001 + nth) for nth in range(40))


class LateStore(MemoryStore):
    """Reads see one moment and answer some turns of the loop later, in order; commits are visible before they are
    told."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(seed)
        self.asked: list[Sequence[SessionId]] = []
        """The sessions of every read of tails."""
        self._reads = asyncio.Lock()
        self._reader: asyncio.Task[Any] | None = None

    async def late(self) -> None:
        for _ in range(self.chance.randint(0, 6)):
            await asyncio.sleep(0)

    @asynccontextmanager
    async def in_order(self) -> AsyncIterator[None]:
        """One read after the other. A read that is made of others is one."""
        if self._reader is asyncio.current_task():
            yield
            return
        async with self._reads:
            self._reader = asyncio.current_task()
            try:
                yield
                await self.late()
            finally:
                self._reader = None

    async def user(self, uid: Uid) -> UserHead:
        async with self.in_order():
            return await super().user(uid)

    async def pull_contacts(self, owner: Uid, *, after_version: int, limit: int) -> ContactPage:
        async with self.in_order():
            return await super().pull_contacts(owner, after_version=after_version, limit=limit)

    async def pull_new(
        self, owner: Uid, session_id: SessionId, *, after_version: int, born_up_to: int | None, limit: int
    ) -> MessagePage:
        async with self.in_order():
            return await super().pull_new(
                owner, session_id, after_version=after_version, born_up_to=born_up_to, limit=limit
            )

    async def read_tails(self, session_ids: Sequence[SessionId], *, versions_max: int) -> list[TailRead]:
        self.asked.append(session_ids)
        async with self.in_order():
            return await super().read_tails(session_ids, versions_max=versions_max)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with super().transaction() as transaction:
            yield _LateTransaction(self, transaction)


class _LateTransaction(Transaction):
    def __init__(self, store: LateStore, transaction: Transaction) -> None:
        self._store = store
        self._transaction = transaction

    async def load(self, keys: Keys) -> Loaded:
        return await self._transaction.load(keys)

    async def commit(self, changes: Changes) -> None:
        for _ in range(2):  # a batch is told in the turn in which the next one is handed over
            await asyncio.sleep(0)
        await self._store.late()
        await self._transaction.commit(changes)
        await self._store.late()


async def talk(house: House, said: int, others: Sequence[Uid] = OTHERS) -> Device:
    """Everybody hears something from Ann."""
    ann = await house.device(ANN)
    for other in others:
        await ann.say(other, f"number {said}", said)
    return ann


async def go_through_the_list(ann: Device, after: int, held: int) -> dict[str, list[int]]:
    """What the SDKs do: the list, and then each of its conversations."""
    page = await ann.ask("pull_contacts", after_version=after, limit=1000)
    found = {}
    for contact in page["contacts"]:
        answer = await ann.ask("pull_new", session_id=contact["session_id"], after_version=held)
        assert answer["version_id"] == contact["message_version"]
        found[contact["session_id"]] = [message["version_id"] for message in answer["messages"]]
    return found


async def test_a_device_that_goes_through_its_list_asks_the_store_a_few_times() -> None:
    store = LateStore(1)
    async with open_house(store=store) as house:
        ann = await talk(house, 1)
        after = (await ann.ask("pull_contacts", after_version=0, limit=1000))["version_id"]
        for said in (2, 3):
            await talk(house, said)
        house.node.cache.forget()
        await ann.say(9_999, "the store is heard again", 1)
        found = await go_through_the_list(await house.device(ANN), after, 1)

        assert len(found) == len(OTHERS) + 1
        assert all(versions == [2, 3] for session_id, versions in found.items() if "9999" not in session_id)
        assert 1 <= len(store.asked) <= 5
        assert len({session_id for asked in store.asked for session_id in asked}) >= len(OTHERS) - 3


async def test_somebody_who_opens_a_conversation_here_and_there_reads_nothing_ahead() -> None:
    store = LateStore(1)
    async with open_house(store=store) as house:
        await talk(house, 1)
        await talk(house, 2)
        house.node.cache.forget()
        ann = await talk(house, 1, others=[Uid(9_999)])
        await ann.ask("pull_contacts", after_version=1, limit=1000)
        for other in (OTHERS[30], OTHERS[3], OTHERS[17], OTHERS[2]):
            assert (await ann.ask("pull_new", to=str(other), after_version=1))["version_id"] == 2
        assert store.asked == []


async def test_nothing_old_stays_behind_where_reads_and_commits_overtake_each_other() -> None:
    asked = [len((await a_race_of_reads_and_commits(seed)).asked) for seed in range(6)]
    assert sum(asked) > 0


async def a_race_of_reads_and_commits(seed: int) -> LateStore:
    """Devices that come back while others write, on a node that was started since, again and again."""
    store = LateStore(seed)
    chance = random.Random(seed)
    others = OTHERS[:8]
    async with open_house(store=store) as house:
        cache = house.node.cache
        said = 0

        async def ask(uid: Uid, op: str, **body: Any) -> dict[str, Any]:
            # Past the sockets, so that as much as possible happens in neighbouring turns of the loop.
            answer = await house.node.dispatch.call(Actor(uid, "device"), op, json.dumps(body).encode())
            return cast("dict[str, Any]", json.loads(answer))

        async def write(uid: Uid) -> None:
            nonlocal said
            for _ in range(4):
                said += 1
                text = "x" * (5_000 if chance.random() < 0.02 else 10)
                told = await ask(uid, "send", to=str(ANN), seq_id=said, content={"type": "text", "text": text})
                if chance.random() < 0.3:
                    message = told["message"]
                    await ask(uid, "recall", session_id=message["session_id"], msg_id=message["msg_id"])

        async def read() -> None:
            for _ in range(3):
                known = (await ask(ANN, "pull_contacts", after_version=1, limit=chance.choice((3, 1000))))["contacts"]
                for contact in known:
                    after = max(0, contact["message_version"] - chance.randint(1, 4))
                    page = await ask(ANN, "pull_new", session_id=contact["session_id"], after_version=after)
                    assert page["version_id"] >= contact["message_version"]

        for turn in range(1, 16):
            cache.forget()
            await ask(others[0], "send", to="9999", seq_id=turn, content={"type": "text", "text": "heard again"})
            async with asyncio.TaskGroup() as tasks:
                for uid in chance.sample(others, 3):
                    tasks.create_task(write(uid))
                for _ in range(3):
                    tasks.create_task(read())
            await the_cache_says_what_the_store_says(cache, store, others)
    return store


async def the_cache_says_what_the_store_says(cache: Cache, store: MemoryStore, others: Sequence[Uid]) -> None:
    """All that it can be asked for, now that nothing is on its way."""
    head = cache.user(ANN)
    assert head is None or head == await MemoryStore.user(store, ANN)
    for after in range(head.version_id if head else 0):
        contacts = cache.pull_contacts(ANN, after_version=after, limit=1000)
        truth: Any = await MemoryStore.pull_contacts(store, ANN, after_version=after, limit=1000)
        assert contacts is None or contacts == truth
    for other in others:
        session_id = SessionId(f"{ANN}:{other}")
        contact = cache.contact(ANN, session_id)
        assert contact is None or contact == await store.contact(ANN, session_id)
        for after in range((await store.session(session_id)).version_id):
            of_new: dict[str, Any] = {"after_version": after, "born_up_to": None, "limit": PAGE_MESSAGES_MAX}
            new = cache.pull_new(ANN, session_id, **of_new)
            assert new is None or new == await store.pull_new(ANN, session_id, **of_new)
            old = cache.pull_old(ANN, session_id, before_sort_key=after + 1, limit=3)
            assert old is None or old == await store.pull_old(ANN, session_id, before_sort_key=after + 1, limit=3)


def test_after_an_uncertain_commit_no_read_fills_the_cache_until_another_is_certain() -> None:
    cache = Cache()
    before = cache.moment()
    cache.forget()
    cache.fill_head(UserHead(ANN, 3, 1), before)
    cache.fill_head(UserHead(ANN, 3, 1), cache.moment())
    assert cache.user(ANN) is None
    cache.committed(Changes())
    cache.fill_head(UserHead(ANN, 3, 1), before)
    assert cache.user(ANN) is None
    cache.fill_head(UserHead(ANN, 3, 1), cache.moment())
    assert cache.user(ANN) == UserHead(ANN, 3, 1)


BOB = Uid(1002)
PAIR = SessionId("1001:1002")


def message(version: int, born: int | None = None) -> Message:
    """Born at a version of the session, or changed at it."""
    born = born or version
    return Message(MsgId(born), PAIR, BOB, born, born, version, born, "normal", b"{}", b"", 0, 0)


def told(version: int) -> Changes:
    """Ann hears the next of Bob's messages; both timelines stand at this version then."""
    return Changes(born=(message(version),), contacts=(line(version),), users=(UserHead(ANN, version, version),))


def line(version: int) -> Contact:
    """Her contact after it."""
    return Contact(ANN, PAIR, BOB, version_id=version, message_version=version, last_message=message(version))


def page(version: int) -> ContactPage:
    """The whole of her contacts at that version."""
    return ContactPage([line(version)], version, more=False, unread_total=version)


def read(first: int, last: int) -> TailRead:
    """The end of the session, read when it stood at `last`."""
    return TailRead(PAIR, first, last, [message(version) for version in range(first, last + 1)])


def new_of(cache: Cache, after: int) -> list[int] | None:
    """The versions that the cache gives for a pull; None where it has to ask."""
    found = cache.pull_new(ANN, PAIR, after_version=after, born_up_to=None, limit=50)
    return None if found is None else [one.version_id for one in found.messages]


def test_a_read_proves_what_it_has_read_and_commits_go_on_from_there() -> None:
    cache = Cache()
    cache.fill_contacts(ANN, page(5), after_version=0, moment=cache.moment())
    cache.fill_messages([read(3, 5)], cache.moment())
    assert (new_of(cache, 1), new_of(cache, 2), new_of(cache, 4)) == (None, [3, 4, 5], [5])
    assert cache.user(ANN) == UserHead(ANN, 5, 5)
    cache.committed(told(6))
    assert new_of(cache, 2) == [3, 4, 5, 6]
    assert cache.pull_contacts(ANN, after_version=0, limit=10) == page(6)


def test_a_read_that_a_commit_has_overtaken_changes_nothing() -> None:
    cache = Cache()
    before = cache.moment()
    cache.committed(told(6))
    cache.fill_contacts(ANN, page(5), after_version=0, moment=before)
    cache.fill_messages([read(1, 5)], before)
    cache.fill_head(UserHead(ANN, 5, 5), before)
    assert new_of(cache, 5) == [6]
    assert cache.user(ANN) == UserHead(ANN, 6, 6)
    assert cache.pull_contacts(ANN, after_version=5, limit=10) == page(6)


def test_a_read_that_is_overtaken_by_a_change_too_large_to_hold_fills_nothing() -> None:
    cache = Cache()
    before = cache.moment()
    large = replace(message(6), content=b"x" * 5_000)
    cache.committed(Changes(born=(large,), contacts=(replace(line(6), last_message=large),)))
    cache.fill_contacts(ANN, page(5), after_version=0, moment=before)
    cache.fill_messages([read(1, 5)], before)
    assert (cache.contact(ANN, PAIR), new_of(cache, 3), len(cache)) == (None, None, 0)


def test_a_commit_that_was_read_before_we_were_told_of_it_is_taken_once() -> None:
    cache = Cache()
    cache.fill_contacts(ANN, page(6), after_version=0, moment=cache.moment())
    cache.fill_messages([read(3, 6)], cache.moment())
    for version in (5, 6):
        cache.committed(told(version))
    assert new_of(cache, 2) == [3, 4, 5, 6]
    assert cache.user(ANN) == UserHead(ANN, 6, 6)
    cache.committed(told(7))
    assert new_of(cache, 2) == [3, 4, 5, 6, 7]


def test_a_longer_read_takes_the_place_of_a_shorter_tail_of_the_same_version() -> None:
    cache = Cache()
    cache.committed(told(6))
    cache.fill_messages([read(3, 6)], cache.moment())
    assert new_of(cache, 2) == [3, 4, 5, 6]
    cache.fill_messages([read(5, 6)], cache.moment())
    assert new_of(cache, 2) == [3, 4, 5, 6]
    assert len(cache) == 5


def test_who_was_shown_a_version_is_not_answered_from_before_it() -> None:
    """The store can be read a moment before we are told what was committed to it."""
    cache = Cache()
    cache.committed(told(5))
    too_old = cache.moment() - 1  # nothing can be filled in
    cache.fill_contacts(ANN, page(6), after_version=0, moment=too_old)
    assert (new_of(cache, 4), cache.user(ANN), cache.contact(ANN, PAIR)) == (None, None, None)
    cache.committed(told(6))
    assert new_of(cache, 5) == [6]
    cache.seen(PAIR, 6)
    assert new_of(cache, 5) == [6]
    cache.seen(PAIR, 7)
    assert new_of(cache, 5) is None


def test_a_contact_that_knows_more_than_the_tail_waits_for_it() -> None:
    cache = Cache()
    cache.committed(told(5))
    contact_first = Changes(contacts=(line(6),), users=(UserHead(ANN, 6, 6),))
    cache.committed(contact_first)
    assert new_of(cache, 4) is None
    assert cache.pull_old(ANN, PAIR, before_sort_key=None, limit=1) is None


def test_pages_of_a_long_list_become_one_tail() -> None:
    cache = Cache()
    sessions = [SessionId(f"{ANN}:{2001 + nth}") for nth in range(4)]
    lines = [replace(line(nth + 1), session_id=session_id) for nth, session_id in enumerate(sessions)]
    cache.fill_contacts(ANN, ContactPage(lines[:2], 2, more=True, unread_total=9), after_version=0, moment=0)
    assert cache.contact(ANN, sessions[0]) == lines[0]
    assert cache.pull_contacts(ANN, after_version=0, limit=10) is None
    rest = ContactPage(lines[2:], 4, more=False, unread_total=9)
    cache.fill_contacts(ANN, rest, after_version=2, moment=0)
    assert cache.pull_contacts(ANN, after_version=0, limit=10) == ContactPage(lines, 4, more=False, unread_total=9)
    assert cache.pull_contacts(ANN, after_version=2, limit=10) == rest
    assert len(cache) == 4


def test_a_page_with_others_behind_it_does_not_answer_for_what_has_moved_behind_it() -> None:
    """Of what we are told, Ann's list stands at 90. The store is at 91 already, and the second of her contacts moved
    there from 88: it is not on a page that ends at 90, and somebody else who asks must not miss it."""
    cache = Cache()
    first, moved, third = (
        replace(line(version), session_id=SessionId(f"{ANN}:{2_000 + version}")) for version in (87, 88, 90)
    )
    cache.fill_head(UserHead(ANN, 90, 7), cache.moment())
    page_of_two = ContactPage([first, third], 90, more=True, unread_total=7)
    cache.fill_contacts(ANN, page_of_two, after_version=85, moment=cache.moment())
    assert cache.contact(ANN, first.session_id) == first
    assert cache.pull_contacts(ANN, after_version=85, limit=2) is None

    moved = replace(moved, version_id=91)
    cache.committed(Changes(contacts=(moved,), users=(UserHead(ANN, 91, 8),)))
    assert cache.pull_contacts(ANN, after_version=85, limit=5) is None
    rest = ContactPage([moved], 91, more=False, unread_total=8)
    cache.fill_contacts(ANN, rest, after_version=90, moment=cache.moment())
    assert cache.pull_contacts(ANN, after_version=90, limit=5) == rest


def listed(ahead: Ahead, count: int) -> list[SessionId]:
    """Ann was given her list."""
    sessions = [SessionId(f"{ANN}:{2001 + nth}") for nth in range(count)]
    ahead.listed(ANN, sessions, after_version=5, version_id=5 + count)
    return sessions


def test_what_is_read_ahead_grows_while_it_is_of_use() -> None:
    ahead = Ahead()
    sessions = listed(ahead, 1_000)
    sizes, place = [], 0
    while place < len(sessions):
        asked = ahead.sessions(ANN, sessions[place], versions=4)
        assert list(asked) == sessions[place : place + len(asked)]
        sizes.append(max(1, len(asked)))
        place += sizes[-1]
    assert sizes[:4] == [1, 4, 16, 64]
    assert max(sizes) == AHEAD_SESSIONS_MAX
    assert len(sizes) < 15


def test_conversations_that_the_device_has_whole_do_not_end_it() -> None:
    ahead = Ahead()
    sessions = listed(ahead, 100)
    ahead.sessions(ANN, sessions[0], versions=4)
    assert len(ahead.sessions(ANN, sessions[2], versions=4)) == 4
    assert len(ahead.sessions(ANN, sessions[9], versions=4)) == 16
    assert ahead.sessions(ANN, sessions[90], versions=4) == ()


def test_long_lists_are_gone_through_page_by_page_and_old_ones_forgotten() -> None:
    ahead = Ahead(listed_max=25)
    sessions = listed(ahead, 10)
    more = [SessionId(f"{ANN}:{5001 + nth}") for nth in range(10)]
    ahead.listed(ANN, more, after_version=15, version_id=25)
    ahead.sessions(ANN, sessions[9], versions=4)
    assert list(ahead.sessions(ANN, more[0], versions=4)) == more[:4]
    assert len(ahead) == 20
    ahead.listed(Uid(7), sessions, after_version=1, version_id=11)
    assert len(ahead) == 10
    assert ahead.sessions(ANN, sessions[1], versions=4) == ()


def test_what_lies_too_far_back_for_a_tail_is_read_alone() -> None:
    ahead = Ahead()
    sessions = listed(ahead, 10)
    ahead.sessions(ANN, sessions[0], versions=4)
    assert ahead.sessions(ANN, sessions[1], versions=1_000) == ()
