"""The law of the copy: whatever the links do, a device that comes back and pulls holds what the server holds."""

import tempfile
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from sixin.client.store.memory import MemoryStore
from sixin.client.store.sqlite import SqliteStore
from sixin.core.ids import Uid, pair_session_id
from sixin.core.wire.views import message_view
from tests.client.afternoon import SMALL, Afternoon, CrashingStore, spend
from tests.client.loopback import Faults, House, assert_equal
from tests.client.virtual import run

DAYS_S = 10**6


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), acts=st.integers(1, 150))
def test_after_any_afternoon_every_copy_equals_the_server(seed: int, acts: int) -> None:
    run(spend(seed, acts=acts), within_s=DAYS_S)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), acts=st.integers(1, 120))
def test_a_program_that_dies_at_any_write_loses_no_send_and_doubles_none(seed: int, acts: int) -> None:
    def store(chance: Random) -> CrashingStore:
        return CrashingStore(MemoryStore(), Random(chance.random()), 0.03)

    run(spend(seed, acts=acts, store=store), within_s=DAYS_S)


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_same_holds_over_a_file(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        names = iter(range(100))

        def store(chance: Random) -> CrashingStore:
            return CrashingStore(SqliteStore(Path(folder) / f"{next(names)}.db"), Random(chance.random()), 0.02)

        run(spend(seed, acts=80, store=store), within_s=DAYS_S)


def test_one_seed_is_one_run() -> None:
    async def trace() -> list[object]:
        async with House() as house:
            afternoon = Afternoon(house, 5, lambda chance: Faults(chance=chance, lose_notice=0.3, late=0.5, cut=0.01))
            for uid in (1001, 1002):
                await afternoon.open(afternoon.new_device(uid))
            for _ in range(80):
                await afternoon.act(afternoon.chance.choice(afternoon.devices))
            await afternoon.evening()
            copies: list[object] = [device.client.local_copy() for device in afternoon.devices]
            copies += [device.wire.attempts_s for device in afternoon.devices]
            await afternoon.close()
            return copies

    assert run(trace()) == run(trace())


def test_a_device_asleep_through_hundreds_of_changes_asks_for_little_and_misses_nothing() -> None:
    async def story() -> None:
        async with House() as house:
            afternoon = Afternoon(house, 3, lambda chance: Faults(chance=chance), sizes=SMALL)
            phone, laptop, ben = (afternoon.new_device(uid) for uid in (1001, 1001, 1002))
            for device in (phone, laptop, ben):
                await afternoon.open(device)
            for number in range(12):
                await ben.client.send(1001, f"before {number}")
            await ben.client.synced()
            await phone.client.history(1002, limit=7)
            held_before = phone.client.local_copy().messages[pair_session_id(Uid(1001), Uid(1002))]
            await phone.client.go_offline()

            for number in range(400):
                await (await ben.client.send(1001, f"meanwhile {number}")).delivered()
            for message in held_before[-3:]:
                await ben.client.recall(1001, message.msg_id)

            phone.client.go_online()
            await phone.client.synced()
            copy, truth = phone.client.local_copy(), await house.truth(1001)
            assert_equal(copy, truth)
            (messages,) = copy.messages.values()
            assert len(messages) < 30, "the hole was left"
            assert sum(one.status == "recalled" for one in messages) == 3
            await afternoon.close()

    run(story(), within_s=DAYS_S)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_history_across_holes_is_what_pull_old_gives(seed: int) -> None:
    async def story() -> None:
        chance = Random(seed)
        async with House() as house:
            afternoon = Afternoon(house, seed, lambda chance: Faults(chance=chance))
            phone, ben = afternoon.new_device(1001), afternoon.new_device(1002)
            await afternoon.open(phone)
            await afternoon.open(ben)
            await phone.client.connected()
            for _ in range(chance.randint(1, 4)):
                for number in range(chance.randint(1, 25)):
                    await ben.client.send(1001, f"{number}")
                await ben.client.synced()
                if chance.random() < 0.7:
                    await phone.client.go_offline()
                    for number in range(chance.randint(1, 25)):
                        await ben.client.send(1001, f"away {number}")
                    await ben.client.synced()
                    phone.client.go_online()
                    await phone.client.synced()
                if chance.random() < 0.5:
                    await phone.client.history(1002, before=chance.randint(1, 60), limit=chance.randint(1, 6))

            before, limit = None, chance.randint(1, 9)
            session_id = pair_session_id(Uid(1001), Uid(1002))
            while True:
                page = await phone.client.history(1002, before=before, limit=limit)
                truth = await house.node.store.pull_old(Uid(1001), session_id, before_sort_key=before, limit=limit)
                assert [message_view(one) for one in page.messages] == [message_view(one) for one in truth.messages]
                assert page.more == truth.more
                assert not page.hole
                before = page.before
                if not page.more:
                    break
            await phone.client.go_offline()
            whole = await phone.client.history(1002, limit=500)
            assert not whole.hole
            assert not whole.more
            await afternoon.close()

    run(story(), within_s=DAYS_S)
