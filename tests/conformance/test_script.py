"""A long random script: every engine answers like the reference, step by step, and its counts prove themselves."""

from collections.abc import AsyncIterator, Iterable
from itertools import pairwise
from random import Random

import pytest
from msgspec.structs import replace

from sixin.core import commands, errors
from sixin.core.commands import Command
from sixin.core.contact import Profile
from sixin.core.ids import MsgId, SessionId, Uid, pair_members, pair_session_id
from sixin.core.message import Message
from sixin.server.store.base import Changes, Store
from tests.conformance.engines import Engine, Memory
from tests.conformance.scene import Place, Scene, seeded, send_of

USERS = [Uid(1001), Uid(1002), Uid(1003), Uid(2**63 - 1)]
SESSIONS = sorted({pair_session_id(one, other) for one in USERS for other in USERS})
STEPS = 400


@pytest.fixture
async def reference(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    async with Place(Memory(request)) as place, Scene(place) as scene:
        yield scene


class Script:
    """Chooses what is done next, from what was said before."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.said: list[Message] = []
        self.sent: list[commands.Send] = []

    def next_command(self) -> Command:
        random = self.random
        by, to = random.choice(USERS), random.choice(USERS)
        session_id = pair_session_id(by, to)
        if not self.said or random.random() < 0.45:
            return self._send(by, to)
        message = random.choice(self.said[-30:] if random.random() < 0.8 else self.said)
        if random.random() < 0.9:
            session_id = message.session_id
            by = random.choice(pair_members(session_id))
        match random.randrange(11):
            case 0 | 1:
                return commands.Recall(message.sender if random.random() < 0.8 else by, session_id, message.msg_id)
            case 2:
                return commands.DeleteForMe(by, session_id, self._some_of(session_id))
            case 3:
                return commands.DeleteForAll(by, session_id, self._some_of(session_id), random.random() < 0.5)
            case 4:
                return commands.Clear(by, session_id, message.msg_id if random.random() < 0.7 else None)
            case 5 | 6:
                return commands.Read(by, session_id, message.msg_id)
            case 7:
                return commands.DeleteContact(by, session_id)
            case 8:
                return commands.Pin(by, session_id, random.random() < 0.5)
            case 9:
                return commands.Mute(by, session_id, random.random() < 0.5)
            case _:
                if random.random() < 0.3:
                    return commands.PutProfile(Profile(by, name=f"name {random.randrange(3)}"))
                return commands.Label(by, session_id, tuple(random.sample(["a", "b", "标签"], random.randrange(3))))

    def _send(self, by: Uid, to: Uid) -> commands.Send:
        if self.sent and self.random.random() < 0.1:
            return self.random.choice(self.sent)
        seq_id = self.random.randrange(1, 60)  # small, so that some are used twice: with another text, a conflict
        send = send_of(by, to, seq_id, "x" * self.random.choice([1, 20, 200, 3_000]) + str(seq_id))
        self.sent.append(send)
        return send

    def _some_of(self, session_id: SessionId) -> tuple[MsgId, ...]:
        ids = [message.msg_id for message in self.said if message.session_id == session_id] or [MsgId(1)]
        return tuple(self.random.sample(ids, min(len(ids), self.random.randrange(1, 4))))

    def heard(self, answer: object) -> None:
        if isinstance(answer, Message) and answer.msg_id not in {message.msg_id for message in self.said}:
            self.said.append(answer)


async def outcome_of(scene: Scene, command: Command) -> object:
    """What came of it, in a form that can be compared."""
    try:
        return await scene.do(command)
    except errors.SixinError as error:
        return (type(error), error.message)


async def sight_of(store: Store, random: Random) -> list[object]:
    """Some of what somebody sees; the same choice for each store."""
    owner, session_id = random.choice(USERS), random.choice(SESSIONS)
    after, limit = random.randrange(12), random.randrange(1, 6)
    return [
        await store.contact(owner, session_id),
        await store.user(owner),
        await store.session(session_id),
        await store.pull_new(owner, session_id, after_version=after, born_up_to=None, limit=limit),
        await store.pull_new(owner, session_id, after_version=after, born_up_to=after + limit, limit=limit),
        await store.pull_old(owner, session_id, before_sort_key=after or None, limit=limit),
        await store.pull_contacts(owner, after_version=after, limit=limit),
        await store.pull_hidden(owner, session_id, after_version=after, limit=100),
        await store.messages(session_id, before_sort_key=after or None, limit=limit),
    ]


async def everything_in(store: Store) -> list[object]:
    """All that everybody sees."""
    found: list[object] = []
    for session_id in SESSIONS:
        found += [await store.session(session_id), await store.messages(session_id, before_sort_key=None, limit=9_999)]
        for owner in pair_members(session_id):
            found.append(await store.pull_new(owner, session_id, after_version=0, born_up_to=None, limit=9_999))
            found.append(await store.pull_old(owner, session_id, before_sort_key=None, limit=9_999))
            found.append(await store.pull_hidden(owner, session_id, after_version=0, limit=9_999))
    return [*found, *[await store.pull_contacts(owner, after_version=0, limit=9_999) for owner in USERS]]


async def refuse_wrong_counts(store: Store) -> None:
    """Every count is what the messages say (contract 7), and every version is on exactly one row."""
    for owner in USERS:
        total = 0
        contacts = (await store.pull_contacts(owner, after_version=0, limit=9_999)).contacts
        for contact in contacts:
            hidden = await store.pull_hidden(owner, contact.session_id, after_version=0, limit=9_999)
            messages = await store.messages(contact.session_id, before_sort_key=None, limit=9_999)
            unread = [row for row in messages if contact.counts(row) and row.msg_id not in hidden.msg_ids]
            assert contact.unread == len(unread)
            total += contact.counted
        assert (await store.user(owner)).unread_total == total
        assert len({contact.version_id for contact in contacts}) == len(contacts)
    for session_id in SESSIONS:
        messages = await store.messages(session_id, before_sort_key=None, limit=9_999)
        assert [row.ordinal for row in messages] == list(range(len(messages), 0, -1))
        assert strictly_falling(row.sort_key for row in messages)
        assert strictly_falling(row.msg_id for row in messages)
        assert len({row.version_id for row in messages}) == len(messages)
        assert all(bool(row.content) == (row.status == "normal") for row in messages)


def strictly_falling(numbers: Iterable[int]) -> bool:
    listed = list(numbers)
    return all(later < earlier for earlier, later in pairwise(listed))


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_step_has_the_outcome_and_the_sight_of_the_reference(
    scene: Scene, reference: Scene, seed: int
) -> None:
    script = Script(seeded(seed))
    for step in range(STEPS):
        command = script.next_command()
        outcome = await outcome_of(scene, command)
        assert outcome == await outcome_of(reference, command)
        script.heard(getattr(outcome, "answer", None))
        assert await sight_of(scene.store, seeded(step)) == await sight_of(reference.store, seeded(step))
        scene.now_ms = reference.now_ms = scene.now_ms + script.random.choice([0, 1, 700, 20_000, -3_000])

    assert await everything_in(scene.store) == await everything_in(reference.store)
    await refuse_wrong_counts(scene.store)


async def test_a_script_interrupted_by_restarts_ends_like_one_that_was_not(
    durable_engine: Engine, reference: Scene
) -> None:
    async with Place(durable_engine) as place, Scene(place) as scene:
        script = Script(seeded(3))
        for step in range(STEPS):
            if step % 50 == 49:
                await scene.restart()
                # A store may go on above every id it ever gave out; a second later they are equal again.
                scene.now_ms = reference.now_ms = scene.now_ms + 60_000
            command = script.next_command()
            outcome = await outcome_of(scene, command)
            assert outcome == await outcome_of(reference, command)
            script.heard(getattr(outcome, "answer", None))

        assert await everything_in(scene.store) == await everything_in(reference.store)
        await refuse_wrong_counts(scene.store)


async def test_the_check_of_the_counts_can_fail(scene: Scene) -> None:
    await scene.send(USERS[0], USERS[1], "hello")
    async with scene.store.transaction() as transaction:
        contact = await scene.contact(USERS[1], pair_session_id(USERS[0], USERS[1]))
        await transaction.commit(Changes(contacts=(replace(contact, unread=2),)))

    with pytest.raises(AssertionError):
        await refuse_wrong_counts(scene.store)
