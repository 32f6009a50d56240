"""Facts: what only the store can work out, compared with counting by hand."""

from collections.abc import Sequence

import pytest

from sixin.core.ids import MsgId, Uid
from sixin.core.message import Message
from sixin.core.rows import Fact, Keys, Loaded, PreviewWithout, UnreadUpTo
from tests.conformance.scene import ANN, ANN_BEN, BEN, CID, Scene, ids_of, seeded


async def load(scene: Scene, *facts: Fact) -> Loaded:
    async with scene.store.transaction() as transaction:
        return await transaction.load(Keys(facts=set(facts)))


async def unread_up_to(scene: Scene, owner: Uid, up_to: MsgId) -> int:
    ((_, count),) = (await load(scene, UnreadUpTo(owner, ANN_BEN, up_to))).unread
    return count


async def preview_without(scene: Scene, owner: Uid, messages: Sequence[Message]) -> Message | None:
    ((_, message),) = (await load(scene, PreviewWithout(owner, ANN_BEN, tuple(ids_of(messages))))).previews
    return message


async def test_unread_counts_what_others_said_above_both_marks(scene: Scene) -> None:
    by_ben = [await scene.send(BEN, ANN, f"number {nth}") for nth in range(10)]
    by_ann = await scene.send(ANN, BEN, "my own")
    assert [await unread_up_to(scene, ANN, message.msg_id) for message in by_ben] == list(range(1, 11))
    assert await unread_up_to(scene, ANN, by_ann.msg_id) == 10
    assert await unread_up_to(scene, ANN, MsgId(1)) == 0

    await scene.read(ANN, by_ben[2])
    assert await unread_up_to(scene, ANN, by_ben[2].msg_id) == 0
    assert await unread_up_to(scene, ANN, by_ben[5].msg_id) == 3
    await scene.clear(ANN, ANN_BEN, by_ben[3].msg_id)
    assert await unread_up_to(scene, ANN, by_ben[5].msg_id) == 2
    await scene.recall(by_ben[4])
    await scene.hide(ANN, by_ben[7])
    assert await unread_up_to(scene, ANN, by_ben[5].msg_id) == 1
    assert await unread_up_to(scene, ANN, by_ann.msg_id) == 4
    assert await unread_up_to(scene, BEN, by_ann.msg_id) == 1


async def test_nothing_is_unread_for_somebody_without_a_contact(scene: Scene) -> None:
    message = await scene.send(ANN, BEN, "hello")

    assert await unread_up_to(scene, CID, message.msg_id) == 0


async def test_the_preview_passes_by_what_is_hidden_cleared_or_named(scene: Scene) -> None:
    messages = [await scene.send(BEN, ANN, f"number {nth}") for nth in range(6)]
    assert await preview_without(scene, ANN, messages[5:]) == messages[4]
    assert await preview_without(scene, ANN, messages[:2]) == messages[5]

    await scene.hide(ANN, messages[4])
    assert await preview_without(scene, ANN, messages[5:]) == messages[3]
    recalled = await scene.recall(messages[3])
    assert await preview_without(scene, ANN, messages[5:]) == recalled
    await scene.clear(ANN, ANN_BEN, messages[3].msg_id)
    assert await preview_without(scene, ANN, messages[5:]) is None
    assert await preview_without(scene, BEN, messages[5:]) == messages[4]


@pytest.mark.parametrize("seed", range(3))
async def test_facts_agree_with_counting_by_hand(scene: Scene, seed: int) -> None:
    random = seeded(seed)
    messages: list[Message] = []
    hidden: set[MsgId] = set()
    for _ in range(60):
        match random.choice(["ann", "ben", "ben", "ben", "hide", "recall", "read", "clear"]):
            case "hide" if messages:
                chosen = random.choice(messages)
                await scene.hide(ANN, chosen)
                if chosen.msg_id > (await scene.contact(ANN)).last_del_msg_id:
                    hidden.add(chosen.msg_id)
            case "recall" if messages:
                chosen = random.choice(messages)
                if chosen.status == "normal" and (await _seen_by_sender(scene, chosen, hidden)):
                    messages[messages.index(chosen)] = await scene.recall(chosen)
            case "read" if messages and random.random() < 0.3:
                await scene.read(ANN, random.choice(messages))
            case "clear" if messages and random.random() < 0.2:
                await scene.clear(ANN, ANN_BEN, random.choice(messages).msg_id)
            case "ann":
                messages.append(await scene.send(ANN, BEN, "from Ann"))
            case _:
                messages.append(await scene.send(BEN, ANN, "from Ben"))

    contact = await scene.contact(ANN)
    for message in messages:
        unread = sum(
            contact.counts(other) for other in messages if other.msg_id <= message.msg_id and other.msg_id not in hidden
        )
        assert await unread_up_to(scene, ANN, message.msg_id) == unread
        left = [
            other
            for other in messages
            if other.msg_id > contact.last_del_msg_id and other.msg_id not in hidden and other != message
        ]
        assert await preview_without(scene, ANN, [message]) == (left[-1] if left else None)


async def _seen_by_sender(scene: Scene, message: Message, hidden: set[MsgId]) -> bool:
    """Nobody can recall what he cleared or hid; Ben does neither here."""
    if message.sender == BEN:
        return True
    return message.msg_id not in hidden and message.msg_id > (await scene.contact(ANN)).last_del_msg_id
