"""One's own line: reading, clearing, leaving the list, pinning, muting, labelling."""

import pytest

from sixin.core import commands, errors
from sixin.core.commands import Command
from sixin.core.ids import MsgId, pair_session_id
from sixin.core.limits import PINNED_SORT_KEY_BASE
from sixin.core.notices import ContactChanged
from tests.core.test_decide_taking_back import nothing_more, refused
from tests.core.truth import ANN, BOB, CAT, Truth, unversioned

SESSION = pair_session_id(ANN, BOB)
ELSEWHERE = pair_session_id(BOB, CAT)


def test_reading_counts_down_moves_the_mark_and_tells_both() -> None:
    truth = Truth()
    said = [truth.send(ANN, BOB) for _ in range(3)]
    decision = truth.do(commands.Read(BOB, SESSION, said[1].msg_id))

    bobs, anns = truth.contact(BOB, ANN), truth.contact(ANN, BOB)
    assert (bobs.unread, bobs.last_read_msg_id, bobs.peer_read_msg_id) == (1, said[1].msg_id, 0)
    assert (anns.unread, anns.last_read_msg_id, anns.peer_read_msg_id) == (0, 0, said[1].msg_id)
    assert (bobs.version_id, anns.version_id) == (4, 4)
    assert (bobs.sort_key, anns.sort_key) == (3, 3), "reading leaves the order of the list alone"
    assert truth.head(BOB).unread_total == 1
    assert decision.answer == bobs
    assert decision.notices == (ContactChanged(bobs), ContactChanged(anns))
    assert truth.session(ANN, BOB).version_id == 3, "the message timeline is not touched"


def test_a_read_mark_never_goes_back_and_reading_twice_is_reading_once() -> None:
    truth = Truth()
    first, second = truth.send(ANN, BOB), truth.send(ANN, BOB)
    answer = truth.do(commands.Read(BOB, SESSION, second.msg_id)).answer
    nothing_more(truth, commands.Read(BOB, SESSION, second.msg_id), answer)
    nothing_more(truth, commands.Read(BOB, SESSION, first.msg_id), answer)


def test_fetching_and_answering_are_not_reading() -> None:
    truth = Truth()
    truth.send(ANN, BOB)
    truth.send(BOB, ANN)
    assert truth.contact(BOB, ANN).unread == 1
    assert truth.contact(BOB, ANN).last_read_msg_id == 0


def test_one_may_read_up_to_ones_own_message() -> None:
    truth = Truth()
    truth.send(ANN, BOB)
    own = truth.send(BOB, ANN)
    truth.send(ANN, BOB)
    truth.do(commands.Read(BOB, SESSION, own.msg_id))
    assert truth.contact(BOB, ANN).unread == 1


def test_reading_passes_over_what_was_recalled_hidden_or_cleared() -> None:
    truth = Truth()
    said = [truth.send(ANN, BOB) for _ in range(5)]
    truth.do(commands.Recall(ANN, SESSION, said[2].msg_id))
    truth.do(commands.DeleteForMe(BOB, SESSION, (said[1].msg_id,)))
    truth.do(commands.Clear(BOB, SESSION, said[0].msg_id))
    assert truth.contact(BOB, ANN).unread == 2
    truth.do(commands.Read(BOB, SESSION, said[3].msg_id))
    assert truth.contact(BOB, ANN).unread == truth.head(BOB).unread_total == 1


def test_reading_oneself_moves_both_marks_of_the_one_contact() -> None:
    truth = Truth()
    message = truth.send(ANN, ANN)
    decision = truth.do(commands.Read(ANN, pair_session_id(ANN, ANN), message.msg_id))
    contact = truth.contact(ANN, ANN)
    assert contact.last_read_msg_id == contact.peer_read_msg_id == message.msg_id
    assert (contact.version_id, contact.unread, len(decision.notices)) == (2, 0, 1)


def test_reading_does_not_bring_a_deleted_contact_back_on_either_side() -> None:
    truth = Truth()
    message = truth.send(ANN, BOB)
    truth.do(commands.DeleteContact(ANN, SESSION))
    truth.do(commands.Read(BOB, SESSION, message.msg_id))
    assert truth.contact(ANN, BOB).status == "deleted"
    truth.do(commands.DeleteContact(BOB, SESSION))
    truth.do(commands.Read(ANN, SESSION, message.msg_id))
    assert truth.contact(BOB, ANN).status == "deleted"


def test_clearing_moves_the_mark_to_the_newest_message_and_empties_the_line() -> None:
    truth = Truth()
    truth.send(ANN, BOB)
    last = truth.send(ANN, BOB)
    decision = truth.do(commands.Clear(BOB, SESSION))

    contact = truth.contact(BOB, ANN)
    assert (contact.last_del_msg_id, contact.unread, contact.last_message) == (last.msg_id, 0, None)
    assert contact.last_del_msg_id == contact.last_msg_id, "a message's id, never a version"
    assert (contact.status, contact.sort_key, truth.head(BOB).unread_total) == ("normal", 2, 0)
    assert decision.notices == (ContactChanged(contact),)
    nothing_more(truth, commands.Clear(BOB, SESSION), contact)


def test_clearing_up_to_a_message_keeps_what_is_newer() -> None:
    truth = Truth()
    first, second, third = (truth.send(ANN, BOB) for _ in range(3))
    truth.do(commands.Clear(BOB, SESSION, second.msg_id))
    contact = truth.contact(BOB, ANN)
    assert (contact.last_del_msg_id, contact.unread, contact.last_message) == (second.msg_id, 1, third)
    for older in (first, second):
        nothing_more(truth, commands.Clear(BOB, SESSION, older.msg_id), contact)
    truth.do(commands.Clear(BOB, SESSION, third.msg_id))
    assert (truth.contact(BOB, ANN).unread, truth.contact(BOB, ANN).last_message) == (0, None)


def test_clearing_counts_down_only_what_was_unread() -> None:
    truth = Truth()
    said = [truth.send(ANN, BOB) for _ in range(4)]
    truth.do(commands.Read(BOB, SESSION, said[0].msg_id))
    truth.do(commands.DeleteForMe(BOB, SESSION, (said[1].msg_id,)))
    truth.do(commands.Clear(BOB, SESSION, said[2].msg_id))
    assert truth.contact(BOB, ANN).unread == truth.head(BOB).unread_total == 1


def test_the_preview_of_a_line_whose_newer_messages_are_hidden_goes_with_the_clear() -> None:
    truth = Truth()
    old, new = truth.send(ANN, BOB), truth.send(ANN, BOB)
    truth.do(commands.DeleteForMe(BOB, SESSION, (new.msg_id,)))
    truth.do(commands.Clear(BOB, SESSION, old.msg_id))
    assert truth.contact(BOB, ANN).last_message is None


def test_a_deleted_contact_is_cleared_unpinned_and_leaves_the_total() -> None:
    truth = Truth()
    message = truth.send(ANN, BOB)
    truth.do(commands.Pin(BOB, SESSION, True))
    truth.do(commands.DeleteContact(BOB, SESSION))

    contact = truth.contact(BOB, ANN)
    assert (contact.status, contact.pinned, contact.sort_key) == ("deleted", False, 1)
    assert (contact.unread, contact.last_del_msg_id, contact.last_message) == (0, message.msg_id, None)
    assert truth.head(BOB).unread_total == 0
    nothing_more(truth, commands.DeleteContact(BOB, SESSION), contact)


def test_a_deleted_contact_keeps_its_labels_and_its_mute_for_when_it_is_back() -> None:
    truth = Truth()
    truth.send(ANN, BOB)
    truth.do(commands.Mute(BOB, SESSION, True))
    truth.do(commands.Label(BOB, SESSION, ("work",)))
    truth.do(commands.DeleteContact(BOB, SESSION))
    truth.send(ANN, BOB)
    contact = truth.contact(BOB, ANN)
    assert (contact.muted, contact.labels, contact.status, contact.unread) == (True, ("work",), "normal", 1)
    assert truth.head(BOB).unread_total == 0


def test_a_deleted_contact_cannot_be_pinned() -> None:
    truth = Truth()
    truth.send(ANN, BOB)
    truth.do(commands.DeleteContact(BOB, SESSION))
    assert "not in the list" in refused(truth, commands.Pin(BOB, SESSION, True), errors.NotFound)


def test_a_pin_lifts_a_contact_above_all_and_unpinning_puts_it_back() -> None:
    truth = Truth()
    truth.send(ANN, BOB)
    truth.send(CAT, BOB)
    place = truth.contact(BOB, ANN).sort_key
    truth.do(commands.Pin(BOB, SESSION, True))
    assert truth.contact(BOB, ANN).sort_key == place + PINNED_SORT_KEY_BASE > truth.contact(BOB, CAT).sort_key
    nothing_more(truth, commands.Pin(BOB, SESSION, True), truth.contact(BOB, ANN))
    truth.do(commands.Pin(BOB, SESSION, False))
    assert truth.contact(BOB, ANN).sort_key == place
    nothing_more(truth, commands.Pin(BOB, SESSION, False), truth.contact(BOB, ANN))


def test_unpinning_after_a_message_puts_the_contact_where_the_message_would_have() -> None:
    truth = Truth()
    truth.send(ANN, BOB)
    truth.do(commands.Pin(BOB, SESSION, True))
    truth.send(ANN, BOB)
    version_id = truth.contact(BOB, ANN).version_id
    truth.do(commands.Read(BOB, SESSION, MsgId(truth.contact(BOB, ANN).last_msg_id)))
    assert truth.contact(BOB, ANN).sort_key == version_id + PINNED_SORT_KEY_BASE, "reading does not undo a pin"
    truth.do(commands.Pin(BOB, SESSION, False))
    assert truth.contact(BOB, ANN).sort_key == version_id


def test_muting_takes_a_contact_out_of_the_total_and_unmuting_puts_it_back() -> None:
    truth = Truth()
    truth.send(ANN, BOB)
    truth.send(CAT, BOB)
    before = truth.contact(BOB, ANN)
    truth.do(commands.Mute(BOB, SESSION, True))
    assert (truth.contact(BOB, ANN).unread, truth.head(BOB).unread_total) == (1, 1)
    assert truth.contact(BOB, ANN).sort_key == before.sort_key
    nothing_more(truth, commands.Mute(BOB, SESSION, True), truth.contact(BOB, ANN))
    truth.send(ANN, BOB)
    assert truth.head(BOB).unread_total == 1
    truth.do(commands.Mute(BOB, SESSION, False))
    assert truth.head(BOB).unread_total == 3


def test_labels_are_those_that_were_given_and_no_others() -> None:
    truth = Truth()
    truth.send(ANN, BOB)
    before = truth.contact(BOB, ANN)
    truth.do(commands.Label(BOB, SESSION, ("b", "a")))
    truth.do(commands.Label(BOB, SESSION, ("work", "家")))
    contact = truth.contact(BOB, ANN)
    assert (contact.labels, contact.sort_key) == (("work", "家"), before.sort_key)
    nothing_more(truth, commands.Label(BOB, SESSION, ("work", "家")), contact)
    truth.do(commands.Label(BOB, SESSION, ()))
    assert unversioned(truth.contact(BOB, ANN)) == unversioned(before)


OWN = [
    commands.Clear(BOB, SESSION),
    commands.DeleteContact(BOB, SESSION),
    commands.Pin(BOB, SESSION, True),
    commands.Mute(BOB, SESSION, True),
    commands.Label(BOB, SESSION, ("x",)),
]


@pytest.mark.parametrize("command", OWN, ids=lambda command: type(command).__name__)
def test_what_one_does_to_ones_own_line_changes_no_row_of_anybody_else(command: Command) -> None:
    truth = Truth()
    truth.send(ANN, BOB)
    truth.send(CAT, BOB)
    others = (truth.contact(ANN, BOB), truth.contact(BOB, CAT), truth.head(ANN), truth.session(ANN, BOB))
    decision = truth.do(command)

    assert (truth.contact(ANN, BOB), truth.contact(BOB, CAT), truth.head(ANN), truth.session(ANN, BOB)) == others
    changed = decision.changed
    assert [row.owner for row in changed.contacts] == [row.uid for row in changed.users] == [BOB]
    assert (changed.sessions, changed.slots, changed.born, changed.emptied) == ((), (), (), ())
    assert decision.notices == (ContactChanged(truth.contact(BOB, ANN)),)
    assert truth.contact(BOB, ANN).version_id == truth.head(BOB).version_id == 3


@pytest.mark.parametrize(
    "command",
    [
        commands.Clear(BOB, ELSEWHERE),
        commands.Clear(BOB, ELSEWHERE, MsgId(5)),
        commands.DeleteContact(BOB, ELSEWHERE),
        commands.Pin(BOB, ELSEWHERE, True),
        commands.Mute(BOB, ELSEWHERE, True),
        commands.Label(BOB, ELSEWHERE, ("x",)),
        commands.Read(BOB, ELSEWHERE, MsgId(5)),
    ],
)
def test_there_is_no_line_before_the_first_message(command: Command) -> None:
    truth = Truth()
    truth.send(ANN, BOB)
    refused(truth, command, errors.NotFound)


def test_a_mark_is_set_only_to_a_message_of_the_session() -> None:
    truth = Truth()
    truth.send(ANN, BOB)
    elsewhere = truth.send(CAT, BOB)
    for msg_id in (elsewhere.msg_id, MsgId(1), MsgId(2**63 - 1)):
        refused(truth, commands.Read(BOB, SESSION, msg_id), errors.NotFound)
        refused(truth, commands.Clear(BOB, SESSION, msg_id), errors.NotFound)
