"""The working set of a batch: what a command names, what was loaded, what a batch leaves behind."""

import pytest

from sixin.core import commands
from sixin.core.commands import Command, Policy
from sixin.core.contact import Contact, Profile
from sixin.core.decide import decide
from sixin.core.ids import MsgId, Slot, Tick, Uid, pair_session_id, slot_of
from sixin.core.rows import (
    NO_CHANGES,
    Changes,
    ContactKey,
    Keys,
    Loaded,
    PreviewWithout,
    Rows,
    UnreadUpTo,
    add_keys,
    fact_of,
    merged,
    session_of,
)
from sixin.core.session import Session, SlotHead
from tests.core.truth import ANN, BOB, Truth, send

SESSION = pair_session_id(ANN, BOB)
ONE = MsgId(10_000_020_003)
TWO = MsgId(10_000_030_003)

ABOUT_ALL: list[Command] = [
    send(ANN, BOB),
    commands.Recall(ANN, SESSION, ONE),
    commands.DeleteForAll(ANN, SESSION, (ONE, TWO)),
    commands.Read(ANN, SESSION, ONE),
]
ABOUT_ONESELF: list[Command] = [
    commands.DeleteForMe(ANN, SESSION, (ONE, TWO)),
    commands.Clear(ANN, SESSION),
    commands.Clear(ANN, SESSION, ONE),
    commands.DeleteContact(ANN, SESSION),
    commands.Pin(ANN, SESSION, True),
    commands.Mute(ANN, SESSION, True),
    commands.Label(ANN, SESSION, ()),
]


def keys_of(command: Command, policy: Policy | None = None) -> Keys:
    keys = Keys()
    add_keys(keys, command, policy or Policy())
    return keys


def test_what_is_about_oneself_names_no_row_of_the_other_side() -> None:
    for command in ABOUT_ONESELF:
        keys = keys_of(command)
        assert keys.users == {ANN}, "so whatever the rule does, it cannot change the other side's"
        assert keys.contacts == {(ANN, SESSION)}
        assert {owner for owner, _ in keys.hidden} <= {ANN}
    for command in ABOUT_ALL:
        assert keys_of(command).users == {ANN, BOB}


def test_a_send_names_its_slot_and_its_idempotency_key() -> None:
    keys = keys_of(send(ANN, BOB, seq_id=7))
    assert (keys.slots, keys.seqs, keys.profiles) == ({slot_of(SESSION)}, {(SESSION, ANN, 7)}, set())
    assert keys_of(send(ANN, BOB), Policy(registered_only=True)).profiles == {ANN, BOB}


def test_a_profile_names_itself_and_its_users_head_and_no_session() -> None:
    command = commands.PutProfile(Profile(BOB))
    keys = keys_of(command)
    assert keys.profiles == keys.users == {BOB}
    assert not keys.contacts
    assert session_of(command) is None
    assert session_of(send(ANN, BOB)) == SESSION


def test_what_depends_on_rows_too_many_to_load_is_asked_of_the_store() -> None:
    assert fact_of(commands.Read(ANN, SESSION, ONE)) == UnreadUpTo(ANN, SESSION, ONE)
    assert fact_of(commands.Clear(ANN, SESSION, ONE)) == UnreadUpTo(ANN, SESSION, ONE)
    assert fact_of(commands.DeleteForMe(ANN, SESSION, (ONE,))) == PreviewWithout(ANN, SESSION, (ONE,))
    for command in (send(ANN, BOB), commands.Clear(ANN, SESSION), commands.Recall(ANN, SESSION, ONE)):
        assert fact_of(command) is None
        assert not keys_of(command).facts


def test_keys_that_name_nothing_are_false() -> None:
    assert not Keys()
    assert keys_of(commands.PutProfile(Profile(BOB)))


def test_what_was_not_found_is_known_not_to_be_there_and_what_was_not_named_is_a_mistake() -> None:
    rows = Rows()
    keys = keys_of(send(ANN, BOB))
    rows.add(keys, Loaded())
    assert rows.sessions[SESSION] == Session(SESSION)
    assert rows.slots[slot_of(SESSION)] == SlotHead(slot_of(SESSION), Tick(0))
    assert rows.contacts[ANN, SESSION] is None
    assert rows.message_by_seq((SESSION, ANN, 1)) is None
    with pytest.raises(KeyError):
        rows.message(SESSION, ONE)
    with pytest.raises(KeyError):
        decide(rows, commands.Recall(ANN, SESSION, ONE), 0, Policy())


def test_a_batch_leaves_each_row_once_as_the_last_command_left_it() -> None:
    truth = Truth()
    early = truth.send(ANN, BOB)
    first = truth.do(send(ANN, BOB, seq_id=50)).changed
    said = first.born[0]
    parts = [
        first,
        truth.do(commands.Recall(ANN, SESSION, early.msg_id)).changed,
        NO_CHANGES,
        truth.do(commands.Recall(ANN, SESSION, said.msg_id)).changed,
        truth.do(commands.DeleteForMe(BOB, SESSION, (said.msg_id,))).changed,
        truth.do(commands.PutProfile(Profile(BOB, name="old"))).changed,
        truth.do(commands.PutProfile(Profile(BOB, name="new"))).changed,
    ]

    changes = merged(parts)

    assert changes.born == (truth.message(said.msg_id),), "sent and recalled in one batch: born without content"
    assert changes.emptied == (truth.message(early.msg_id),)
    assert changes.contacts == (truth.contact(ANN, BOB), truth.contact(BOB, ANN))
    assert changes.users == (truth.head(ANN), truth.head(BOB))
    assert changes.sessions == (truth.session(ANN, BOB),)
    assert [row.msg_id for row in changes.hidden] == [said.msg_id]
    assert changes.profiles == (Profile(BOB, name="new"),)
    assert [slot.slot for slot in changes.slots] == [slot_of(SESSION)]


def test_a_batch_of_refusals_and_retries_changes_nothing() -> None:
    assert not merged([])
    assert not merged([NO_CHANGES, Changes()])
    assert Changes(profiles=(Profile(BOB),))


def test_a_member_who_has_no_line_for_the_session_gets_none_from_what_others_do() -> None:
    truth = Truth()
    message = truth.send(ANN, BOB)
    rows = truth.rows
    rows.contacts[BOB, SESSION] = None
    keys = keys_of(commands.Read(ANN, SESSION, message.msg_id))
    rows.unread = dict.fromkeys((fact for fact in keys.facts if isinstance(fact, UnreadUpTo)), 0)
    rows.hidden[ANN, message.msg_id] = rows.hidden[BOB, message.msg_id] = None

    for command in (commands.Read(ANN, SESSION, message.msg_id), commands.Recall(ANN, SESSION, message.msg_id)):
        decision = decide(rows, command, truth.now_ms, Policy())
        assert [contact.owner for contact in decision.changed.contacts] == [ANN]


def test_marks_of_a_contact_only_rise() -> None:
    contact = Contact(Uid(1), SESSION, Uid(2), last_read_msg_id=5, peer_read_msg_id=5, last_del_msg_id=5)
    for up_to in (0, 4, 5):
        assert contact.with_read_mark(up_to, unread_less=1) is contact
        assert contact.with_peer_read_mark(up_to) is contact
        assert contact.with_clear_mark(up_to, unread_less=1) is contact
    assert contact.with_peer_read_mark(6).peer_read_msg_id == 6


def test_rows_of_all_kinds_are_found_where_they_were_put() -> None:
    rows = Rows()
    rows.put(Changes(slots=(SlotHead(Slot(7), Tick(9)),), profiles=(Profile(BOB),)))
    assert rows.slots[Slot(7)].last_tick == 9
    assert rows.profiles[BOB] == Profile(BOB)


def test_a_preview_may_be_left_out_only_where_nothing_but_sends_touch_the_line() -> None:
    both = {(ANN, SESSION), (BOB, SESSION)}
    cases: list[tuple[list[Command], set[ContactKey]]] = [
        ([send(ANN, BOB), send(BOB, ANN)], both),
        ([send(ANN, BOB), commands.Pin(ANN, SESSION, True)], {(BOB, SESSION)}),
        ([commands.Pin(ANN, SESSION, True), send(ANN, BOB)], {(BOB, SESSION)}),
        ([commands.Pin(ANN, SESSION, True), send(ANN, BOB), send(ANN, BOB)], {(BOB, SESSION)}),
        ([send(ANN, BOB), commands.Recall(ANN, SESSION, ONE), send(ANN, BOB)], set()),
    ]
    for batch, replaced in cases:
        keys = Keys()
        for command in batch:
            add_keys(keys, command, Policy())
        assert keys.contacts == both
        assert keys.replaced == replaced, "a send may turn out to be a retry: then the next command needs the preview"
