"""Writers that share a store: what they remember is never believed for longer than it is so."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sixin.core import errors
from sixin.core.commands import (
    Clear,
    Command,
    DeleteForAll,
    DeleteForMe,
    Mute,
    Pin,
    Policy,
    PutProfile,
    Read,
    Recall,
    RevokeTokens,
)
from sixin.core.contact import Profile
from sixin.core.ids import Uid, pair_session_id
from sixin.core.limits import DISTRUST_BATCHES_MAX, STORE_ATTEMPTS_MAX
from sixin.core.rows import Keys, Loaded
from sixin.server.store import remembered
from sixin.server.store.writer import Writer
from tests.conformance.scene import ANN, ANN_BEN, BEN, CID, START_MS, seeded, send_of
from tests.postgres.truth import assert_true
from tests.server.shared_memory import SharedMemoryStore

PEOPLE = [Uid(nth) for nth in range(1, 5)]
PAIRS = list(itertools.combinations(PEOPLE, 2))


@asynccontextmanager
async def writers(store: SharedMemoryStore, count: int = 1) -> AsyncIterator[list[Writer]]:
    made = [
        Writer(store, now_ms=lambda: START_MS, policy=Policy(), committed=lambda _: None, batch_max=8)
        for _ in range(count)
    ]
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        for writer in made:
            tasks.create_task(writer.run())
        yield made
        for writer in made:
            writer.stop()


async def test_a_batch_that_collided_is_written_by_a_later_attempt() -> None:
    store = SharedMemoryStore(refusals=STORE_ATTEMPTS_MAX - 1)
    async with writers(store) as (writer,):
        answers = await asyncio.gather(*(writer.change(send_of(ANN, BEN, nth, f"number {nth}")) for nth in range(1, 4)))

    assert store.begun == STORE_ATTEMPTS_MAX
    assert writer.collisions == STORE_ATTEMPTS_MAX - 1
    stored = await store.messages(ANN_BEN, before_sort_key=None, limit=10)
    assert stored[::-1] == [decision.answer for decision in answers]


async def test_a_batch_that_keeps_colliding_is_refused_and_the_next_one_is_written() -> None:
    store = SharedMemoryStore(refusals=STORE_ATTEMPTS_MAX)
    async with writers(store) as (writer,):
        with pytest.raises(errors.Unavailable):
            await writer.change(send_of(ANN, BEN, 1, "in vain"))
        assert await store.messages(ANN_BEN, before_sort_key=None, limit=10) == []

        await writer.change(send_of(ANN, BEN, 1, "at last"))
        assert len(await store.messages(ANN_BEN, before_sort_key=None, limit=10)) == 1


async def test_who_is_alone_asks_for_nothing_that_it_knows() -> None:
    store = SharedMemoryStore()
    async with writers(store) as (writer,):
        await writer.change(send_of(ANN, BEN, 1, "so that it is known"))
        asked = []
        peek = store.peek

        async def noting(keys: Keys) -> Loaded:
            asked.append(keys)
            return await peek(keys)

        store.peek = noting  # type: ignore[method-assign]
        for seq_id in range(2, 10):
            await writer.change(send_of(ANN, BEN, seq_id, "hello"))
            await writer.change(send_of(BEN, ANN, seq_id, "hello"))
        # Ben's first `seq_id` had to be looked up: nothing was known of what he said before.
        assert len(asked) <= 1
        assert writer.collisions == 0


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("rows_max", [3, 50_000])
async def test_counts_are_exact_whatever_writers_do_at_once(
    seed: int, rows_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "ROWS_MAX", rows_max)
    store, random, seq_ids = SharedMemoryStore(), seeded(seed), itertools.count(1)

    async def next_command() -> Command:
        one, other = random.choice(PAIRS)
        actor, session_id = random.choice([one, other]), pair_session_id(one, other)
        messages = await store.messages(session_id, before_sort_key=None, limit=6)
        if not messages or random.random() < 0.5:
            return send_of(actor, one if actor == other else other, next(seq_ids), "hello")
        chosen = random.choice(messages)
        commands: list[Command] = [
            Recall(chosen.sender, session_id, chosen.msg_id),
            Read(actor, session_id, chosen.msg_id),
            DeleteForMe(actor, session_id, (chosen.msg_id,)),
            DeleteForAll(chosen.sender, session_id, (chosen.msg_id,)),
            Clear(actor, session_id, random.choice([None, chosen.msg_id])),
            Pin(actor, session_id, random.choice([True, False])),
            Mute(actor, session_id, random.choice([True, False])),
        ]
        return random.choice(commands)

    async def lane(writer: Writer) -> None:
        for _ in range(60):
            with contextlib.suppress(errors.NotFound):  # hidden or cleared meanwhile
                await writer.change(await next_command())

    async with writers(store, 3) as made:
        # One of them works alone for a while, so that what it remembers pays and then does not.
        await lane(made[0])
        async with asyncio.TaskGroup() as tasks:
            for writer in [*made, *made]:
                tasks.create_task(lane(writer))

    assert sum(writer.collisions for writer in made) > 0
    await assert_true(store, [pair_session_id(*pair) for pair in PAIRS], PEOPLE)


async def test_a_refusal_does_not_rest_on_what_is_not_so_any_more() -> None:
    store = SharedMemoryStore()
    async with writers(store, 2) as (one, other):
        with pytest.raises(errors.NotFound):
            await one.change(Pin(BEN, ANN_BEN, pinned=True))
        await other.change(send_of(ANN, BEN, 1, "now it is there"))
        await one.change(Pin(BEN, ANN_BEN, pinned=True))
        await other.change(Pin(BEN, ANN_BEN, pinned=False))
        await one.change(Pin(BEN, ANN_BEN, pinned=True))

        contact = await store.contact(BEN, ANN_BEN)
        assert contact is not None
        assert contact.pinned
        assert one.collisions == 2


async def test_a_revoked_token_stays_revoked_while_another_node_changes_the_profile() -> None:
    store = SharedMemoryStore()
    async with writers(store, 2) as (one, other):
        for nth in range(1, 21):
            await asyncio.gather(
                one.change(PutProfile(Profile(ANN, name=f"Ann the {nth}"))),
                other.change(RevokeTokens(ANN, tokens_from_s=nth)),
            )
            (profile,) = store.load(Keys(profiles={ANN})).profiles
            assert (profile.name, profile.tokens_from_s) == (f"Ann the {nth}", nth)


async def test_what_was_seen_under_an_older_head_is_not_believed_under_a_newer_one() -> None:
    store = SharedMemoryStore()
    async with writers(store, 2) as (one, other):
        await one.change(send_of(BEN, ANN, 1, "unread"))
        await one.change(send_of(ANN, CID, 1, "so that Ann has two contacts"))
        # Strangers in whose way both writers are, until this one locks its next batch before it decides.
        for seq_id in range(1, 4):
            await other.change(send_of(PEOPLE[0], PEOPLE[1], seq_id, "hello"))
            await one.change(send_of(PEOPLE[1], PEOPLE[0], seq_id, "hello"))
        await other.change(Mute(ANN, ANN_BEN, muted=True))
        await one.change(send_of(ANN, CID, 2, "under lock: Ann's newest head is known now"))
        # Where her other line was taken for what it was, nothing would be left to do.
        assert (await one.change(Mute(ANN, ANN_BEN, muted=False))).changed

    await assert_true(store, [ANN_BEN], [ANN, BEN])


async def test_where_remembering_never_pays_it_is_tried_less_and_less() -> None:
    store = SharedMemoryStore()
    async with writers(store, 2) as (one, other):
        for seq_id in range(1, 201):
            await one.change(send_of(ANN, BEN, seq_id, "hello"))
            await other.change(send_of(BEN, ANN, seq_id, "hello"))

        assert one.collisions < 10
        assert other.collisions < 10
        # And it is not given up for ever.
        for seq_id in range(201, 201 + 2 * DISTRUST_BATCHES_MAX):
            await one.change(send_of(ANN, BEN, seq_id, "alone again"))
        begun, collisions = store.begun, one.collisions
        await one.change(send_of(ANN, BEN, 1_000, "alone"))
        assert (store.begun - begun, one.collisions - collisions) == (1, 0)
    await assert_true(store, [ANN_BEN], [ANN, BEN])
