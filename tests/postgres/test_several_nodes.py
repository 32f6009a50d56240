"""Several nodes write one database at once, into the same sessions and to the same people."""

import asyncio
import contextlib
import itertools
from random import Random

import pytest

from sixin.core import errors
from sixin.core.commands import Command, DeleteForMe, Pin, PutProfile, Read, Recall, RevokeTokens
from sixin.core.contact import Profile
from sixin.core.ids import SessionId, Uid, pair_session_id
from sixin.core.message import Message
from sixin.core.rows import Keys
from sixin.server.store.base import Store
from tests.conformance.scene import seeded, send_of
from tests.postgres.nodes import Node, all_messages, nodes_on, session_of
from tests.postgres.truth import assert_true

PEOPLE = [Uid(nth) for nth in range(1, 7)]
PAIRS = list(itertools.combinations(PEOPLE, 2))
WAITS_FOR_A_LOCK = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
SESSION_IDS = [pair_session_id(*pair) for pair in PAIRS]


class Reader:
    """A device that only pulls: it must see every version, in order, as the versions become visible."""

    def __init__(self, store: Store, owner: Uid, session_id: SessionId) -> None:
        self.store, self.owner, self.session_id = store, owner, session_id
        self.cursor = 0
        self.copy: dict[int, Message] = {}
        self.skipped: list[str] = []

    async def pull(self) -> None:
        page = await self.store.pull_new(
            self.owner, self.session_id, after_version=self.cursor, born_up_to=None, limit=7
        )
        versions = [message.version_id for message in page.messages]
        if versions != list(range(self.cursor + 1, self.cursor + 1 + len(versions))):
            self.skipped.append(f"{versions} after {self.cursor}")
        self.copy.update((message.msg_id, message) for message in page.messages)
        self.cursor = page.version_id

    async def follow(self, done: asyncio.Event) -> None:
        while not done.is_set():
            await self.pull()
            await asyncio.sleep(0)
        while self.cursor < (await self.store.session(self.session_id)).version_id:
            await self.pull()


async def everybody_sends(nodes: list[Node], random: Random, count: int) -> None:
    """Each node has senders of its own, who all write to the same few people."""

    async def sender(node: Node, seq_ids: range) -> None:
        for seq_id in seq_ids:
            one, other = random.choice(PAIRS)
            await node.do(send_of(*random.choice([(one, other), (other, one)]), seq_id, f"number {seq_id}"))

    async with asyncio.TaskGroup() as tasks:
        for nth, node in enumerate(nodes):
            for lane in range(8):
                first = 1 + (nth * 8 + lane) * count
                tasks.create_task(sender(node, range(first, first + count)))


async def test_readers_miss_no_version_while_three_nodes_write(cleared_postgres_url: str) -> None:
    async with nodes_on(cleared_postgres_url, 3) as nodes:
        readers = [
            Reader(nodes[nth % 3].store, pair[nth % 2], pair_session_id(*pair)) for nth, pair in enumerate(PAIRS[:6])
        ]
        done = asyncio.Event()
        async with asyncio.TaskGroup() as following:
            for reader in readers:
                following.create_task(reader.follow(done))
            await everybody_sends(nodes, seeded(1), count=15)
            done.set()

        for reader in readers:
            assert reader.skipped == []
            stored = await all_messages(reader.store, reader.session_id)
            assert list(reader.copy.values()) == stored
        assert sum([len(await all_messages(nodes[0].store, session_id)) for session_id in SESSION_IDS]) == 3 * 8 * 15
        await assert_true(nodes[0].store, SESSION_IDS, PEOPLE)


@pytest.mark.parametrize("seed", range(2))
async def test_counts_are_exact_after_three_nodes_did_everything_at_once(cleared_postgres_url: str, seed: int) -> None:
    random = seeded(seed)
    seq_ids = itertools.count(1)

    async def act(node: Node) -> None:
        one, other = random.choice(PAIRS)
        actor, session_id = random.choice([one, other]), pair_session_id(one, other)
        messages = await node.store.messages(session_id, before_sort_key=None, limit=10)
        command: Command = send_of(actor, one if actor == other else other, next(seq_ids), "hello")
        if messages and random.random() < 0.5:
            chosen = random.choice(messages)
            others: list[Command] = [
                Recall(chosen.sender, session_id, chosen.msg_id),
                Read(actor, session_id, chosen.msg_id),
                DeleteForMe(actor, session_id, (chosen.msg_id,)),
                Pin(actor, session_id, random.choice([True, False])),
            ]
            command = random.choice(others)
        with contextlib.suppress(errors.NotFound):  # somebody hid it meanwhile
            await node.do(command)

    async def lane(node: Node) -> None:
        for _ in range(20):
            await act(node)

    async with nodes_on(cleared_postgres_url, 3) as nodes:
        async with asyncio.TaskGroup() as tasks:
            for node in nodes * 4:
                tasks.create_task(lane(node))
        await assert_true(nodes[0].store, SESSION_IDS, PEOPLE)


async def test_nodes_that_meet_new_people_at_once_give_out_every_number_once(cleared_postgres_url: str) -> None:
    async with nodes_on(cleared_postgres_url, 3) as nodes:
        for round_ in range(15):
            one, other = Uid(1_000 + round_), Uid(2_000 - round_)
            # Each node's batch names other strangers beside this pair, in its own order.
            sends = [
                (node, send_of(sender, to, 1 + nth, "hello"))
                for nth, node in enumerate(nodes)
                for sender, to in [(one, other), (Uid(5_000 + 10 * round_ + nth), one), (other, Uid(9_000 + nth))]
            ]
            await asyncio.gather(*(node.do(send) for node, send in sends))
            await assert_true(nodes[0].store, [pair_session_id(one, other)], [one, other])
            assert (await nodes[0].store.session(pair_session_id(one, other))).version_id == 3


async def test_the_same_send_through_three_nodes_is_one_message(cleared_postgres_url: str) -> None:
    one, other = PEOPLE[:2]
    async with nodes_on(cleared_postgres_url, 3) as nodes:
        for seq_id in range(1, 11):
            send = send_of(one, other, seq_id, f"number {seq_id}")
            decisions = await asyncio.gather(*(node.do(send) for node in nodes))
            assert len({decision.answer for decision in decisions}) == 1

        assert len(await all_messages(nodes[0].store, pair_session_id(one, other))) == 10
        await assert_true(nodes[0].store, [pair_session_id(one, other)], [one, other])


async def test_a_revoked_token_stays_revoked_while_another_node_changes_the_profile(cleared_postgres_url: str) -> None:
    async with nodes_on(cleared_postgres_url, 2) as (one, other):
        for nth in range(1, 21):
            await asyncio.gather(
                one.do(PutProfile(Profile(PEOPLE[nth % 2], name=f"number {nth}"))),
                other.do(RevokeTokens(PEOPLE[nth % 2], tokens_from_s=nth)),
            )
            async with one.store.transaction() as transaction:
                (profile,) = (await transaction.load(Keys(profiles={PEOPLE[nth % 2]}))).profiles
            assert (profile.name, profile.tokens_from_s) == (f"number {nth}", nth)


@pytest.mark.parametrize(("patience", "collisions"), [("300ms", 0), ("10s", 1)])
async def test_a_deadlock_costs_a_batch_another_attempt_and_nobody_an_answer(
    empty_postgres_url: str, patience: str, collisions: int
) -> None:
    """A node lets go before PostgreSQL looks for deadlocks, after a second; with more patience it is told to."""
    low, high = Uid(10), Uid(20)
    async with nodes_on(empty_postgres_url, 1) as (node,), session_of(empty_postgres_url) as odd:
        await node.do(send_of(low, high, 1, "so that both exist"))
        await odd.execute(f"ALTER FUNCTION sixin.commit_batch SET lock_timeout = '{patience}'")
        await odd.execute("BEGIN")
        await odd.execute("SELECT FROM sixin.users WHERE uid = 20 FOR UPDATE")
        sending = asyncio.create_task(node.do(send_of(low, high, 2, "in the way")))
        async with asyncio.timeout(20):
            while not await odd.fetchval(WAITS_FOR_A_LOCK):  # noqa: ASYNC110 - it happens in the server
                await asyncio.sleep(0.01)
        # The node holds the lower uid by now and waits for the higher one; it waited first, so it is the one to yield.
        await odd.execute("SELECT FROM sixin.users WHERE uid = 10 FOR UPDATE")
        await odd.execute("COMMIT")
        await sending

        assert node.writer.collisions == collisions
        await assert_true(node.store, [pair_session_id(low, high)], [low, high])
        assert (await node.store.session(pair_session_id(low, high))).version_id == 2
