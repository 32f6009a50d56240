"""Saying something: once, in order, to both sides, with every number right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixin.core import commands, errors, ids
from sixin.core.commands import Policy
from sixin.core.contact import Contact, Profile
from sixin.core.limits import PINNED_SORT_KEY_BASE
from sixin.core.notices import ContactChanged, MessageChanged
from tests.core.truth import ANN, BOB, CAT, NOON_MS, Truth, send

SESSION = ids.pair_session_id(ANN, BOB)


def test_a_first_message_gets_the_first_of_every_number() -> None:
    truth = Truth()
    message = truth.send(ANN, BOB, "hello", seq_id=17)

    assert (message.ordinal, message.version_id, message.sort_key, message.seq_id) == (1, 1, 1, 17)
    assert (message.sender, message.session_id, message.status) == (ANN, SESSION, "normal")
    assert (message.sent_at_ms, message.changed_at_ms) == (NOON_MS, NOON_MS)
    assert message.content == b'{"text":"hello","type":"text"}'
    assert ids.slot_of_message(message.msg_id) == ids.slot_of(SESSION)
    assert ids.tick_of_message(message.msg_id) == ids.tick_at(NOON_MS)


def test_a_send_changes_both_contacts_both_heads_and_the_session_together() -> None:
    truth = Truth()
    message = truth.send(ANN, BOB)

    anns, bobs = truth.contact(ANN, BOB), truth.contact(BOB, ANN)
    assert anns == Contact(
        owner=ANN,
        session_id=SESSION,
        peer=BOB,
        version_id=1,
        sort_key=1,
        last_msg_id=message.msg_id,
        last_message=message,
        message_version=1,
        last_seq_id=message.seq_id,
    )
    assert bobs == Contact(
        owner=BOB,
        session_id=SESSION,
        peer=ANN,
        version_id=1,
        sort_key=1,
        last_msg_id=message.msg_id,
        last_message=message,
        unread=1,
        peer_ack=True,
        message_version=1,
    )
    assert (truth.head(ANN).unread_total, truth.head(BOB).unread_total) == (0, 1)
    session = truth.session(ANN, BOB)
    assert (session.version_id, session.last_ordinal, session.last_msg_id) == (1, 1, message.msg_id)


def test_everybody_is_told_the_sender_too() -> None:
    decision = Truth().do(send(ANN, BOB))
    message = decision.changed.born[0]
    assert decision.notices == (
        MessageChanged(message, (ANN, BOB)),
        *(ContactChanged(contact) for contact in decision.changed.contacts),
    )
    assert [contact.owner for contact in decision.changed.contacts] == [ANN, BOB]


def test_a_retry_gets_the_first_answer_and_changes_nothing() -> None:
    truth = Truth()
    first = truth.do(send(ANN, BOB, "hello", seq_id=5))
    truth.send(BOB, ANN, "later")
    before = truth.frozen()
    truth.now_ms += 365 * 86_400_000

    again = truth.do(send(ANN, BOB, "hello", seq_id=5))

    assert again.answer == first.answer
    assert not again.changed
    assert again.notices == ()
    assert truth.frozen() == before


def test_another_content_under_a_used_seq_id_is_a_conflict_and_changes_nothing() -> None:
    truth = Truth()
    truth.do(send(ANN, BOB, "hello", seq_id=5))
    before = truth.frozen()
    with pytest.raises(errors.Conflict):
        truth.do(send(ANN, BOB, "hullo", seq_id=5))
    assert truth.frozen() == before


def test_a_retry_of_a_recalled_message_gets_it_as_it_now_is_and_a_conflict_is_still_seen() -> None:
    truth = Truth()
    message = truth.send(ANN, BOB, "hello", seq_id=5)
    truth.do(commands.Recall(ANN, SESSION, message.msg_id))

    again = truth.send(ANN, BOB, "hello", seq_id=5)

    assert (again.msg_id, again.ordinal, again.sort_key, again.sent_at_ms) == (
        *(message.msg_id, message.ordinal, message.sort_key, message.sent_at_ms),
    )
    assert (again.status, again.content) == ("recalled", b"")
    with pytest.raises(errors.Conflict):
        truth.send(ANN, BOB, "other", seq_id=5)


def test_a_retry_is_answered_after_the_sender_cleared_and_deleted_the_contact() -> None:
    truth = Truth()
    message = truth.send(ANN, BOB, seq_id=5)
    truth.do(commands.DeleteContact(ANN, SESSION))
    assert truth.send(ANN, BOB, seq_id=5) == message
    assert truth.contact(ANN, BOB).status == "deleted", "a retry is not a newer message"


def test_a_seq_id_belongs_to_its_sender_and_its_session() -> None:
    truth = Truth()
    said = [truth.send(*pair, seq_id=5).msg_id for pair in ((ANN, BOB), (BOB, ANN), (ANN, CAT))]
    assert len(set(said)) == 3


def test_seq_ids_may_come_in_any_order_and_the_largest_is_remembered() -> None:
    truth = Truth()
    for seq_id in (9, 2, 2**53 - 1, 7):
        truth.send(ANN, BOB, seq_id=seq_id)
        truth.send(BOB, ANN, seq_id=1 + seq_id // 2)
    assert truth.contact(ANN, BOB).last_seq_id == 2**53 - 1
    assert truth.contact(BOB, ANN).last_seq_id == 2**52
    assert len(truth.messages(SESSION)) == 8


def test_unread_counts_what_others_said_and_peer_ack_that_they_ever_did() -> None:
    truth = Truth()
    truth.send(ANN, BOB)
    truth.send(ANN, BOB)
    assert (truth.contact(BOB, ANN).unread, truth.contact(ANN, BOB).unread) == (2, 0)
    assert (truth.contact(BOB, ANN).peer_ack, truth.contact(ANN, BOB).peer_ack) == (True, False)
    truth.send(BOB, ANN)
    assert (truth.contact(BOB, ANN).unread, truth.contact(ANN, BOB).unread) == (2, 1)
    assert truth.contact(ANN, BOB).peer_ack


def test_a_message_puts_the_contact_on_top_and_a_pin_above_that() -> None:
    truth = Truth()
    truth.send(ANN, BOB)
    truth.send(ANN, CAT)
    truth.do(commands.Pin(ANN, SESSION, True))
    truth.send(CAT, ANN)
    assert truth.contact(ANN, BOB).sort_key > truth.contact(ANN, CAT).sort_key
    truth.send(BOB, ANN)

    contact = truth.contact(ANN, BOB)
    assert contact.pinned, "a later message does not undo the pin"
    assert contact.sort_key == contact.version_id + PINNED_SORT_KEY_BASE


def test_a_deleted_contact_comes_back_with_only_what_is_newer() -> None:
    truth = Truth()
    old = truth.send(BOB, ANN)
    truth.do(commands.DeleteContact(ANN, SESSION))
    new = truth.send(BOB, ANN)

    contact = truth.contact(ANN, BOB)
    assert (contact.status, contact.unread, contact.last_message) == ("normal", 1, new)
    assert contact.last_del_msg_id == old.msg_id
    assert truth.head(ANN).unread_total == 1


def test_a_session_with_oneself_has_one_contact_and_never_anything_unread() -> None:
    truth = Truth()
    decision = truth.do(send(ANN, ANN, seq_id=99))
    truth.send(ANN, ANN)

    contact = truth.contact(ANN, ANN)
    assert (contact.peer, contact.unread, contact.peer_ack, contact.version_id) == (ANN, 0, False, 2)
    assert decision.notices[0] == MessageChanged(decision.changed.born[0], (ANN,))
    assert len(decision.changed.contacts) == 1
    assert truth.head(ANN).unread_total == 0


def test_a_stranger_cannot_speak_in_a_session_of_others() -> None:
    truth = Truth()
    before = truth.frozen()
    for session_id in (SESSION, ids.SessionId("g5")):
        command = commands.Send(CAT, session_id, 1, b"{}", b"d")
        with pytest.raises(errors.NotFound):
            truth.do(command)
    assert truth.frozen() == before


def test_where_users_are_registered_both_must_be() -> None:
    truth = Truth(Policy(registered_only=True))
    before = truth.frozen()
    with pytest.raises(errors.Forbidden, match="registered"):
        truth.send(ANN, BOB)
    truth.do(commands.PutProfile(Profile(ANN)))
    with pytest.raises(errors.NotFound):
        truth.send(ANN, BOB)
    assert truth.frozen()[:6] == before[:6]
    truth.do(commands.PutProfile(Profile(BOB, kind="bot", name="Bob")))
    assert truth.send(ANN, BOB).ordinal == 1


def test_a_profile_that_is_already_so_changes_nothing() -> None:
    truth = Truth()
    profile = Profile(BOB, name="Bob")
    assert truth.do(commands.PutProfile(profile)).changed.profiles == (profile,)
    again = truth.do(commands.PutProfile(Profile(BOB, name="Bob")))
    assert (again.answer, bool(again.changed)) == (profile, False)
    assert truth.do(commands.PutProfile(Profile(BOB, name="Rob"))).changed


def test_past_the_end_of_time_a_send_is_refused_without_harm_and_a_retry_still_answered() -> None:
    truth = Truth()
    message = truth.send(ANN, BOB, seq_id=5)
    before = truth.frozen()
    truth.now_ms = (ids.EPOCH_S + ids.SECONDS_MAX + 1) * 1_000
    with pytest.raises(errors.Unavailable):
        truth.send(ANN, BOB, seq_id=6)
    assert truth.frozen() == before
    assert truth.send(ANN, BOB, seq_id=5) == message
    truth.now_ms = NOON_MS
    assert truth.send(ANN, BOB, seq_id=6).version_id == 2, "when the clock is right again, so is everything"


@given(st.lists(st.tuples(st.booleans(), st.integers(-(10**7), 10**7)), max_size=30))
def test_messages_stand_in_the_order_they_were_said_whatever_the_clock_does(turns: list[tuple[bool, int]]) -> None:
    truth = Truth()
    for anns, clock_ms in turns:
        truth.now_ms = NOON_MS + clock_ms
        truth.send(*((ANN, BOB) if anns else (BOB, ANN)))
    messages = truth.messages(SESSION)
    assert [message.ordinal for message in messages] == list(range(1, len(turns) + 1))
    assert [message.msg_id for message in messages] == sorted({message.msg_id for message in messages})
