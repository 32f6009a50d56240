"""What people live through in a scenario is judged at its end, whatever its author looks at, and no fault passes."""

from pathlib import Path
from random import Random

import pytest

from sixin.client.transport import WebSocketTransport
from sixin.core.ids import SessionId
from sixin.server.store.memory import MemoryStore
from sixin.verify.contract import SENTENCES
from tests.scenarios.people import UIDS, Device, People, people_in
from tests.server.house import open_house
from tests.simulation.mutation_table import MUTATIONS
from tests.witness import WitnessedClient, witnessed


async def some_life(people: People) -> tuple[Device, Device]:
    ann, ben = await people.device("ann", in_a_file=True), await people.device("ben")
    said = [await ann.says("ben", f"number {nth}") for nth in range(4)]
    await ben.catches_up()
    await (await ben.me.read(UIDS["ann"], said[1].msg_id)).delivered()
    await ann.me.recall(UIDS["ben"], said[3].msg_id)
    await (await ben.me.delete(UIDS["ann"], [said[2].msg_id])).delivered()
    await (await ben.me.pin(UIDS["ann"])).delivered()
    await ben.says("ann", "a word of his own")
    await ann.texts("ben")
    return ann, ben


async def test_a_life_with_nothing_wrong_is_held_against_every_sentence(tmp_path: Path) -> None:
    with witnessed() as witness:
        async with people_in(tmp_path, witness) as people:
            await some_life(people)
    judged = witness.verdict().judged
    assert {number for number in SENTENCES if not judged[number]} == set()
    assert [end.device for end in witness.copies] == ["ann-1", "ben-2"]


@pytest.mark.parametrize(
    "name",
    [
        "recall moves the message",
        "recalled stays unread",
        "reading moves up",
        "own messages unread",
        "recall keeps content",
        "pin lost",
    ],
)
async def test_what_is_done_wrong_is_named_by_its_sentence(tmp_path: Path, name: str) -> None:
    mutation = next(one for one in MUTATIONS if one.name == name)

    async def lived() -> None:
        with witnessed() as witness, mutation.install():
            async with people_in(tmp_path, witness) as people:
                await some_life(people)

    with pytest.raises(AssertionError) as failed:
        await lived()
    assert f"{mutation.sentence:2} BROKEN" in str(failed.value)
    assert mutation.named in str(failed.value)


async def test_an_acknowledged_message_that_is_gone_in_the_end_is_missed(tmp_path: Path) -> None:
    async def lived() -> None:
        with witnessed() as witness:
            async with people_in(tmp_path, witness) as people:
                _, ben = await some_life(people)
                lost = (await ben.history(UIDS["ann"]))[0].msg_id
                store = people.house.node.store
                assert isinstance(store, MemoryStore)
                store._timelines[SessionId("1001:1002")].remove(lost)

    with pytest.raises(AssertionError, match=r"1 \(acknowledged and lost\)"):
        await lived()


@pytest.mark.parametrize("door", ["http", "socket"])
async def test_what_is_said_through_either_door_without_the_sdk_is_judged_too(door: str) -> None:
    wrong = next(one for one in MUTATIONS if one.name == "own messages unread")

    async def lived() -> None:
        with witnessed() as witness, wrong.install():
            async with open_house(witness=witness) as house:
                text = {"type": "text", "text": "to whom it concerns"}
                said = await house.done(door, 1001, "send", to="1002", seq_id=1, content=text)
                await house.done(door, 1001, "contact", session_id=said["message"]["session_id"])

    with pytest.raises(AssertionError, match=r"7 \(unread\)"):
        await lived()


async def test_a_scenario_that_goes_past_its_witness_fails() -> None:
    async def lived() -> None:
        with witnessed():
            async with open_house() as house:
                await house.done("http", 1001, "unread")

    with pytest.raises(AssertionError, match="nothing was witnessed"):
        await lived()


async def test_a_scenario_whose_store_nobody_looks_into_fails() -> None:
    async def lived() -> None:
        with witnessed() as witness:
            async with open_house() as house:
                way = WebSocketTransport(house.url)
                async with WitnessedClient(witness, "ann", way, house.token(1001), file=None, chance=Random(1)) as ann:
                    await ann.synced()

    with pytest.raises(AssertionError, match="nobody looked into the store"):
        await lived()
