"""Whatever people do, in whatever order: the numbers stay what counting everything again would give."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from sixin.core import commands, errors
from sixin.core.commands import Command
from sixin.core.contact import Contact
from sixin.core.decide import Decision
from sixin.core.ids import MsgId, Uid, pair_members, pair_session_id
from sixin.core.limits import PINNED_SORT_KEY_BASE
from sixin.core.message import Message
from sixin.core.notices import ContactChanged, MessageChanged
from tests.core.truth import ANN, BOB, CAT, Truth, send

PEOPLE = (ANN, BOB, CAT)
SESSIONS = sorted({pair_session_id(one, other) for one in PEOPLE for other in PEOPLE})

Make = Callable[[Uid, Uid, list[MsgId]], Command]
"""A command of an actor about his session with another, over messages that were said, here or elsewhere."""


@dataclass
class Step:
    """One thing that somebody tries."""

    actor: Uid
    other: Uid
    what: str
    picks: list[int]
    passed_ms: int


def _msg_ids(count: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, 40), min_size=1, max_size=count)


KINDS: dict[str, Make] = {
    "send": lambda actor, other, picked: send(actor, other, f"m{picked[0]}", seq_id=1 + picked[0] % 1_000),
    "recall": lambda actor, other, picked: commands.Recall(actor, pair_session_id(actor, other), picked[0]),
    "for me": lambda actor, other, picked: commands.DeleteForMe(actor, pair_session_id(actor, other), tuple(picked)),
    "for all": lambda actor, other, picked: commands.DeleteForAll(actor, pair_session_id(actor, other), tuple(picked)),
    "moderate": lambda actor, other, picked: commands.DeleteForAll(
        actor, pair_session_id(actor, other), tuple(picked), moderator=True
    ),
    "clear": lambda actor, other, picked: commands.Clear(actor, pair_session_id(actor, other)),
    "clear to": lambda actor, other, picked: commands.Clear(actor, pair_session_id(actor, other), picked[0]),
    "leave": lambda actor, other, picked: commands.DeleteContact(actor, pair_session_id(actor, other)),
    "read": lambda actor, other, picked: commands.Read(actor, pair_session_id(actor, other), picked[0]),
    "pin": lambda actor, other, picked: commands.Pin(actor, pair_session_id(actor, other), True),
    "unpin": lambda actor, other, picked: commands.Pin(actor, pair_session_id(actor, other), False),
    "mute": lambda actor, other, picked: commands.Mute(actor, pair_session_id(actor, other), True),
    "unmute": lambda actor, other, picked: commands.Mute(actor, pair_session_id(actor, other), False),
    "label": lambda actor, other, picked: commands.Label(actor, pair_session_id(actor, other), (f"l{picked[0] % 3}",)),
}

steps = st.lists(
    st.builds(
        Step,
        actor=st.sampled_from((ANN, ANN, BOB, BOB, CAT)),
        other=st.sampled_from((ANN, ANN, BOB, BOB, CAT)),
        what=st.sampled_from([*["send"] * 5, *["recall", "for me", "read"] * 3, *KINDS]),
        picks=_msg_ids(4),
        passed_ms=st.sampled_from([0, 0, 0, 1, 5_000, 200_000, -10_000]),
    ),
    min_size=15,
    max_size=60,
)


class Witness:
    """Sees every decision and judges it by what it has seen, not by the code that made it."""

    def __init__(self) -> None:
        self.truth = Truth()
        self.said: list[MsgId] = []
        self.contact_versions: Counter[Uid] = Counter()
        self.message_versions: Counter[str] = Counter()
        self.marks: dict[tuple[Uid, str], tuple[int, int, int]] = {}

    def try_step(self, step: Step) -> None:
        self.truth.now_ms += step.passed_ms
        # A new number for most sends; for the rest, one that may have been used, with the same text or another.
        fresh = len(self.said) + 1_000_000
        picked = self.picked(step)
        command = KINDS[step.what](step.actor, step.other, picked)
        if isinstance(command, commands.Send) and step.picks[0] % 3:
            command = send(step.actor, step.other, seq_id=fresh)
        before = self.truth.frozen()
        try:
            decision = self.truth.do(command)
        except errors.SixinError:
            assert self.truth.frozen() == before, "a refused operation changes nothing"
            return
        if not decision.changed:
            assert self.truth.frozen() == before
            assert decision.notices == ()
        self.judge(command, decision)
        self.recount()
        self.again(command, decision)

    def picked(self, step: Step) -> list[MsgId]:
        """Messages of the session, the newest rather than the oldest; now and then some of anywhere."""
        here = [message.msg_id for message in self.truth.messages(pair_session_id(step.actor, step.other))]
        pool = here if here and step.picks[0] % 8 else [MsgId(1), *self.said]
        return [pool[-1 - pick % min(8, len(pool))] for pick in step.picks]

    def judge(self, command: Command, decision: Decision) -> None:
        """Versions are consecutive, each on exactly one row; only those concerned are changed and told."""
        changed = decision.changed
        self.said += [message.msg_id for message in changed.born]
        for message in (*changed.born, *changed.emptied):
            self.message_versions[message.session_id] += 1
            assert message.version_id == self.message_versions[message.session_id]
        for contact in changed.contacts:
            self.contact_versions[contact.owner] += 1
            assert contact.version_id == self.contact_versions[contact.owner]
        assert not isinstance(command, commands.OfUser)
        concerned = set(pair_members(command.session_id))
        if not isinstance(command, commands.Send | commands.Recall | commands.DeleteForAll | commands.Read):
            concerned = {command.actor}
        assert {contact.owner for contact in changed.contacts} <= concerned
        assert {head.uid for head in changed.users} == {contact.owner for contact in changed.contacts}
        assert [one.contact for one in decision.notices if isinstance(one, ContactChanged)] == [*changed.contacts]
        assert [one.message for one in decision.notices if isinstance(one, MessageChanged)] == [
            *(*changed.born, *changed.emptied)
        ]

    def recount(self) -> None:
        """Everything that is counted or remembered, worked out again from the messages."""
        for session_id in SESSIONS:
            messages = self.truth.messages(session_id)
            assert [message.ordinal for message in messages] == list(range(1, len(messages) + 1))
            assert [message.msg_id for message in messages] == sorted({message.msg_id for message in messages})
            assert len({message.version_id for message in messages}) == len(messages)
            for message in messages:
                assert bool(message.content) == (message.status == "normal")
            for owner in pair_members(session_id) if messages else ():
                self.recount_contact(owner, messages)
        for uid in PEOPLE:
            lines = [row for row in self.truth.rows.contacts.values() if row is not None and row.owner == uid]
            assert len({row.sort_key for row in lines}) == len({row.version_id for row in lines}) == len(lines)
            head = self.truth.head(uid)
            assert head.version_id == self.contact_versions[uid]
            assert head.unread_total == sum(row.unread for row in lines if not row.muted and row.status != "deleted")

    def recount_contact(self, owner: Uid, messages: list[Message]) -> None:
        contact = self.truth.rows.contacts[owner, messages[0].session_id]
        assert contact is not None
        hidden = {row.msg_id for row in self.truth.hidden(owner)}
        visible = [one for one in messages if one.msg_id > contact.last_del_msg_id and one.msg_id not in hidden]
        unread = [
            one
            for one in visible
            if one.sender != owner and one.status == "normal" and one.msg_id > contact.last_read_msg_id
        ]
        assert contact.unread == len(unread)
        assert contact.last_message == (visible[-1] if visible else None)
        assert contact.last_msg_id == messages[-1].msg_id
        assert contact.message_version == self.message_versions[contact.session_id]
        assert contact.peer_ack == any(one.sender != owner for one in messages)
        assert contact.last_seq_id == max([one.seq_id for one in messages if one.sender == owner], default=0)
        assert contact.pinned == (contact.sort_key > PINNED_SORT_KEY_BASE)
        peers = self.truth.contact(contact.peer, owner)
        assert contact.peer_read_msg_id == peers.last_read_msg_id
        assert not visible or contact.status == "normal"
        self.watermarks_rise(contact)

    def watermarks_rise(self, contact: Contact) -> None:
        now = (contact.last_del_msg_id, contact.last_read_msg_id, contact.last_msg_id)
        before = self.marks.get((contact.owner, contact.session_id), (0, 0, 0))
        assert all(new >= old for new, old in zip(now, before, strict=True))
        self.marks[contact.owner, contact.session_id] = now

    def again(self, command: Command, decision: Decision) -> None:
        """A second time: the same answer, no version, nothing told."""
        before = self.truth.frozen()
        again = self.truth.do(command)
        assert again.answer == decision.answer
        assert not again.changed
        assert again.notices == ()
        assert self.truth.frozen() == before


@settings(max_examples=150, deadline=None)
@given(steps)
def test_counts_previews_marks_and_versions_are_what_counting_again_gives(tries: list[Step]) -> None:
    witness = Witness()
    for step in tries:
        witness.try_step(step)
