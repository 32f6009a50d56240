"""Closing and opening again: everything is there, and no number is given out a second time."""

import asyncio
from itertools import chain

from sixin.core.ids import Uid, pair_session_id, slot_of, slot_of_message, tick_of_message
from sixin.core.message import Message
from sixin.core.rows import Keys
from tests.conformance.scene import ANN, ANN_BEN, BEN, CID, Scene


async def test_everything_committed_is_there_after_a_restart(durable_scene: Scene) -> None:
    scene = durable_scene
    messages = [await scene.send(ANN, BEN, f"number {nth}") for nth in range(5)]
    await scene.send(CID, ANN, "hello")
    await scene.recall(messages[1])
    await scene.read(BEN, messages[2])
    await scene.hide(ANN, messages[4])

    async def everything() -> list[object]:
        store = scene.store
        return [
            await store.messages(ANN_BEN, before_sort_key=None, limit=100),
            [await store.session(session_id) for session_id in (ANN_BEN, pair_session_id(ANN, CID))],
            [await store.user(uid) for uid in (ANN, BEN, CID)],
            [await store.pull_contacts(uid, after_version=0, limit=100) for uid in (ANN, BEN, CID)],
            [await scene.pull_new(uid, 0) for uid in (ANN, BEN)],
            await store.pull_hidden(ANN, ANN_BEN, after_version=0, limit=100),
        ]

    before = await everything()
    await scene.restart()
    assert await everything() == before


async def test_numbers_go_on_where_they_stopped(durable_scene: Scene) -> None:
    scene = durable_scene
    before = await scene.send(ANN, BEN, "before")
    await scene.restart()
    after = await scene.send(BEN, ANN, "after")

    assert (after.ordinal, after.version_id, after.sort_key) == (2, 2, 2)
    assert after.msg_id > before.msg_id
    assert (await scene.store.user(ANN)).version_id == 2
    assert (await scene.contact(ANN)).unread == 1


async def test_no_id_is_given_out_twice_though_clocks_step_back_and_the_store_restarts(durable_scene: Scene) -> None:
    scene = durable_scene
    # Ann writes to many, so that several sessions fall into one slot and many slots are in use.
    peers = [Uid(2_000 + nth) for nth in range(60)]
    seen: list[Message] = []
    for step_ms in (0, -3_600_000, 500, -86_400_000, 0):
        scene.now_ms += step_ms
        for ten in range(0, len(peers), 10):
            sending = [scene.send_many(ANN, peer, ["one", "two"]) for peer in peers[ten : ten + 10]]
            seen += chain.from_iterable(await asyncio.gather(*sending))
        await scene.restart()

    assert len({message.msg_id for message in seen}) == len(seen)
    for peer in peers:
        session_id = pair_session_id(ANN, peer)
        stored = await scene.store.messages(session_id, before_sort_key=None, limit=100)
        assert [message.ordinal for message in stored] == list(range(10, 0, -1))
        assert [message.msg_id for message in stored] == sorted((row.msg_id for row in stored), reverse=True)
        assert {slot_of_message(message.msg_id) for message in stored} == {slot_of(session_id)}


async def test_a_slot_is_never_behind_what_it_gave_out(durable_scene: Scene) -> None:
    scene = durable_scene
    slot = slot_of(ANN_BEN)

    async def last_tick() -> int:
        async with scene.store.transaction() as transaction:
            (head,) = (await transaction.load(Keys(slots={slot}))).slots
        return head.last_tick

    message = await scene.send(ANN, BEN, "one")
    assert await last_tick() == tick_of_message(message.msg_id)
    await scene.restart()
    assert await last_tick() >= tick_of_message(message.msg_id)
