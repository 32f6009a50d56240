"""The real writer over each engine: exactly once, all or nothing for each command, visible in order."""

import asyncio

import pytest

from sixin.core import commands, errors
from sixin.core.commands import Policy
from sixin.core.contact import Profile
from sixin.core.ids import MsgId, Uid, pair_session_id
from sixin.core.message import Message
from tests.conformance.scene import ANN, ANN_BEN, BEN, CID, WAIT_S, Place, Scene, ids_of, msg_ids, send_of


async def test_a_retry_gets_the_first_answer_and_changes_nothing(scene: Scene) -> None:
    first = await scene.do(send_of(ANN, BEN, 17, "hello"))
    scene.now_ms += 5_000
    again = await scene.do(send_of(ANN, BEN, 17, "hello"))

    assert again.answer == first.answer
    assert not again.changed
    assert not again.notices
    assert (await scene.store.session(ANN_BEN)).version_id == 1
    assert (await scene.contact(BEN)).unread == 1


async def test_another_content_under_the_same_number_is_refused(scene: Scene) -> None:
    await scene.do(send_of(ANN, BEN, 17, "hello"))

    with pytest.raises(errors.Conflict):
        await scene.do(send_of(ANN, BEN, 17, "goodbye"))
    assert (await scene.store.session(ANN_BEN)).version_id == 1
    # The number is the sender's own, and the session's own.
    assert isinstance((await scene.do(send_of(BEN, ANN, 17, "goodbye"))).answer, Message)
    assert isinstance((await scene.do(send_of(ANN, CID, 17, "goodbye"))).answer, Message)


async def test_concurrent_retries_make_one_message(scene: Scene) -> None:
    async with asyncio.TaskGroup() as devices:
        tries = [devices.create_task(scene.do(send_of(ANN, BEN, 17, "hello"))) for _ in range(20)]

    (message,) = await scene.store.messages(ANN_BEN, before_sort_key=None, limit=10)
    assert all(task.result().answer == message for task in tries)
    assert (await scene.store.session(ANN_BEN)).last_ordinal == 1
    assert (await scene.contact(BEN)).unread == 1


async def test_a_retry_after_a_restart_gets_the_first_answer(durable_scene: Scene) -> None:
    scene = durable_scene
    numbers = (5, 3, 9)  # a device need not count upwards
    first = [(await scene.do(send_of(ANN, BEN, number, f"number {number}"))).answer for number in numbers]
    await scene.restart()
    scene.now_ms += 400 * 86_400_000

    again = [(await scene.do(send_of(ANN, BEN, number, f"number {number}"))).answer for number in numbers]
    assert again == first
    with pytest.raises(errors.Conflict):
        await scene.do(send_of(ANN, BEN, 3, "something else"))
    assert (await scene.store.session(ANN_BEN)).version_id == 3


async def test_a_retry_of_what_was_recalled_gets_it_as_it_now_is(scene: Scene) -> None:
    message = await scene.send(ANN, BEN, "hello")
    recalled = await scene.recall(message)

    again = await scene.do(send_of(ANN, BEN, message.seq_id, "hello"))
    assert again.answer == recalled
    with pytest.raises(errors.Conflict):
        await scene.do(send_of(ANN, BEN, message.seq_id, "something else"))


async def test_what_one_command_of_a_batch_changed_the_next_one_sees(lone_scene: Scene) -> None:
    scene = lone_scene
    async with asyncio.TaskGroup() as group:
        sends = [group.create_task(scene.do(send_of(ANN, BEN, nth, f"number {nth}"))) for nth in range(1, 51)]
        retry = group.create_task(scene.do(send_of(ANN, BEN, 7, "number 7")))
        muting = group.create_task(scene.do(commands.Mute(BEN, ANN_BEN, True)))

    messages = [task.result().answer for task in sends]
    assert [message.version_id for message in messages if isinstance(message, Message)] == list(range(1, 51))
    assert retry.result().answer == messages[6]
    assert muting.result().answer == await scene.contact(BEN)
    assert (await scene.contact(BEN)).unread == 50
    assert (await scene.store.user(BEN)).unread_total == 0
    assert (await scene.store.user(BEN)).version_id == 51
    assert scene.writers[0].batches < 10


async def test_numbers_of_two_devices_cross_in_one_batch(scene: Scene) -> None:
    await scene.do(send_of(ANN, BEN, 1, "from both"))
    numbers = (30, 20, 30, 20, 25)  # where the batch begins, each is above all that were used; where it ends, none is
    async with asyncio.TaskGroup() as group:
        tries = [group.create_task(scene.do(send_of(ANN, BEN, number, f"number {number}"))) for number in numbers]

    answers = [task.result().answer for task in tries]
    assert answers[2:4] == answers[:2]
    assert [answer.ordinal for answer in answers if isinstance(answer, Message)] == [2, 3, 2, 3, 4]
    assert (await scene.contact(BEN)).unread == 4


async def test_facts_hold_in_a_batch_that_changes_what_they_count(scene: Scene) -> None:
    first = await scene.send(BEN, ANN, "first")
    async with asyncio.TaskGroup() as group:
        group.create_task(scene.do(send_of(BEN, ANN, 100, "second")))
        group.create_task(scene.do(commands.Read(ANN, ANN_BEN, first.msg_id)))
        group.create_task(scene.do(send_of(BEN, ANN, 101, "third")))
        group.create_task(scene.do(commands.DeleteForMe(ANN, ANN_BEN, (first.msg_id,))))
        group.create_task(scene.do(commands.Clear(ANN, ANN_BEN, first.msg_id)))

    contact = await scene.contact(ANN)
    assert (contact.unread, contact.last_read_msg_id, contact.last_del_msg_id) == (2, first.msg_id, first.msg_id)


async def test_a_refusal_leaves_no_trace_and_its_batch_goes_on(lone_scene: Scene) -> None:
    scene = lone_scene
    message = await scene.send(ANN, BEN, "hello")
    scene.now_ms += 121_000
    before = (await scene.contact(ANN), await scene.contact(BEN), await scene.store.session(ANN_BEN))

    async def refused(command: commands.Command, by: type[errors.SixinError]) -> None:
        with pytest.raises(by):
            await scene.do(command)

    async with asyncio.TaskGroup() as group:
        group.create_task(refused(commands.Recall(ANN, ANN_BEN, message.msg_id), errors.TooLate))
        group.create_task(refused(commands.Recall(BEN, ANN_BEN, message.msg_id), errors.Forbidden))
        group.create_task(refused(commands.Read(ANN, ANN_BEN, MsgId(1)), errors.NotFound))
        group.create_task(refused(commands.Pin(CID, pair_session_id(ANN, CID), True), errors.NotFound))
        group.create_task(refused(send_of(ANN, BEN, message.seq_id, "other"), errors.Conflict))
        other = group.create_task(scene.do(send_of(CID, ANN, 1, "hello")))

    assert isinstance(other.result().answer, Message)
    assert (await scene.contact(ANN), await scene.contact(BEN), await scene.store.session(ANN_BEN)) == before
    assert await scene.store.contact(CID, ANN_BEN) is None


async def test_a_message_of_another_session_is_as_good_as_none(scene: Scene) -> None:
    await scene.send(ANN, BEN, "hello")
    foreign = await scene.send(CID, BEN, "not for Ann")

    for command in (
        commands.Recall(ANN, ANN_BEN, foreign.msg_id),
        commands.DeleteForMe(ANN, ANN_BEN, (foreign.msg_id,)),
        commands.DeleteForAll(ANN, ANN_BEN, (foreign.msg_id,), moderator=True),
        commands.Read(ANN, ANN_BEN, foreign.msg_id),
        commands.Clear(ANN, ANN_BEN, foreign.msg_id),
    ):
        with pytest.raises(errors.NotFound):
            await scene.do(command)


async def test_only_registered_users_where_that_is_the_rule(place: Place) -> None:
    async with Scene(place, policy=Policy(registered_only=True)) as scene:
        with pytest.raises(errors.Forbidden):
            await scene.send(ANN, BEN, "hello")
        await scene.do(commands.PutProfile(Profile(ANN, name="Ann")))
        with pytest.raises(errors.NotFound):
            await scene.send(ANN, BEN, "hello")
        await scene.do(commands.PutProfile(Profile(BEN)))
        assert (await scene.send(ANN, BEN, "hello")).ordinal == 1


async def test_a_self_session_has_one_line_and_nothing_unread(scene: Scene) -> None:
    first = await scene.send(ANN, ANN, "note")
    await scene.send(ANN, ANN, "another note")
    await scene.read(ANN, first)
    recalled = await scene.recall(first)

    session_id = pair_session_id(ANN, ANN)
    contact = await scene.contact(ANN, session_id)
    assert (contact.unread, contact.peer, contact.last_read_msg_id) == (0, ANN, first.msg_id)
    page = await scene.store.pull_new(ANN, session_id, after_version=2, born_up_to=None, limit=10)
    assert page.messages == [recalled]


async def test_racing_senders_become_visible_in_version_order(scene: Scene) -> None:
    others = [Uid(2_000 + nth) for nth in range(8)]
    count = 30

    async def talk(by: Uid, to: Uid) -> None:
        for nth in range(count):
            await scene.do(send_of(by, to, nth + 1, f"number {nth}"))

    async def follow_the_session(versions: list[int]) -> None:
        cursor = 0
        while cursor < 2 * count:
            page = await scene.pull_new(ANN, cursor, limit=7)
            versions += [message.version_id for message in page.messages]
            cursor = page.version_id
            await asyncio.sleep(0)  # the reference answers without a pause, and the others want to write

    async def follow_the_list(owner: Uid, contacts: dict[str, int], until: int) -> None:
        cursor = 0
        while cursor < until:
            page = await scene.store.pull_contacts(owner, after_version=cursor, limit=3)
            contacts.update({contact.session_id: contact.unread for contact in page.contacts})
            cursor = page.version_id
            await asyncio.sleep(0)

    versions: list[int] = []
    contacts: dict[str, int] = {}
    async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as group:
        group.create_task(follow_the_session(versions))
        group.create_task(follow_the_list(ANN, contacts, (2 + len(others)) * count))
        group.create_task(talk(ANN, BEN))
        group.create_task(talk(BEN, ANN))
        for other in others:
            group.create_task(talk(other, ANN))

    # Nothing was overtaken: a reader that was at version v holds everything up to v.
    assert versions == list(range(1, 2 * count + 1))
    assert contacts == {pair_session_id(ANN, other): count for other in (BEN, *others)}
    assert (await scene.store.user(ANN)).unread_total == (1 + len(others)) * count


async def test_the_order_of_answers_is_the_order_of_the_timeline(lone_scene: Scene) -> None:
    scene = lone_scene
    messages = await scene.send_many(ANN, BEN, [f"number {nth}" for nth in range(40)])

    assert ids_of(messages) == sorted(ids_of(messages))
    assert msg_ids(await scene.pull_old(BEN)) == ids_of(messages)
    told = [decision.answer for decision in scene.told]
    assert told == messages
