"""Taking back: recalling, deleting for all, deleting for oneself."""

from collections.abc import Callable

import pytest

from sixin.core import commands, errors
from sixin.core.commands import Command, Policy
from sixin.core.contact import Hidden
from sixin.core.ids import MsgId, Uid, pair_session_id
from sixin.core.limits import RECALL_WINDOW_MS
from sixin.core.message import Message
from sixin.core.notices import ContactChanged, MessageChanged
from tests.core.truth import ANN, BOB, CAT, Truth

SESSION = pair_session_id(ANN, BOB)
ELSEWHERE = pair_session_id(ANN, CAT)


def recall(actor: Uid, message: Message) -> commands.Recall:
    return commands.Recall(actor, message.session_id, message.msg_id)


def delete_for_all(actor: Uid, *messages: Message, moderator: bool = False) -> commands.DeleteForAll:
    return commands.DeleteForAll(actor, SESSION, tuple(message.msg_id for message in messages), moderator)


def delete_for_me(actor: Uid, *messages: Message) -> commands.DeleteForMe:
    return commands.DeleteForMe(actor, messages[0].session_id, tuple(message.msg_id for message in messages))


def refused(truth: Truth, command: Command, error: type[errors.SixinError]) -> str:
    """The sentence of a refusal, which has changed nothing."""
    before = truth.frozen()
    with pytest.raises(error) as refusal:
        truth.do(command)
    assert truth.frozen() == before
    return refusal.value.message


def nothing_more(truth: Truth, command: Command, answer: object) -> None:
    """The command was done before: the same answer, no version, nobody is told."""
    before = truth.frozen()
    again = truth.do(command)
    assert again.answer == answer
    assert not again.changed
    assert again.notices == ()
    assert truth.frozen() == before


TAKE_AWAY: list[Callable[[Uid, Message], Command]] = [recall, delete_for_all]


@pytest.mark.parametrize(("take_away", "status"), [(recall, "recalled"), (delete_for_all, "deleted")])
def test_a_message_keeps_its_place_and_loses_its_content_everywhere(
    take_away: Callable[[Uid, Message], Command], status: str
) -> None:
    truth = Truth()
    first = truth.send(ANN, BOB, "secret")
    truth.now_ms += 1_000
    decision = truth.do(take_away(ANN, first))

    gone = truth.message(first.msg_id)
    assert (gone.content, gone.status, gone.version_id) == (b"", status, 2)
    assert (gone.ordinal, gone.sort_key, gone.sent_at_ms, gone.digest) == (
        *(first.ordinal, first.sort_key, first.sent_at_ms, first.digest),
    )
    assert gone.changed_at_ms == truth.now_ms
    assert decision.changed.emptied == (gone,)
    assert decision.changed.born == ()
    for owner, other in ((ANN, BOB), (BOB, ANN)):
        contact = truth.contact(owner, other)
        assert contact.last_message == gone, "the preview shows that it is gone"
        assert (contact.unread, contact.message_version, contact.version_id, contact.sort_key) == (0, 2, 2, 1)
        assert ContactChanged(contact) in decision.notices
    assert decision.notices[0] == MessageChanged(gone, (ANN, BOB), ())
    assert truth.head(BOB).unread_total == 0
    assert truth.session(ANN, BOB).last_ordinal == 1, "a recall takes a version and no ordinal"
    assert truth.send(ANN, BOB).ordinal == 2


@pytest.mark.parametrize("take_away", TAKE_AWAY)
def test_an_older_message_that_goes_leaves_the_preview_alone(take_away: Callable[[Uid, Message], Command]) -> None:
    truth = Truth()
    first, second = truth.send(ANN, BOB), truth.send(ANN, BOB)
    truth.do(take_away(ANN, first))
    assert truth.contact(BOB, ANN).last_message == second
    assert truth.contact(BOB, ANN).unread == 1


@pytest.mark.parametrize("take_away", TAKE_AWAY)
def test_what_was_read_before_it_went_was_not_unread(take_away: Callable[[Uid, Message], Command]) -> None:
    truth = Truth()
    read, unread = truth.send(ANN, BOB), truth.send(ANN, BOB)
    truth.do(commands.Read(BOB, SESSION, read.msg_id))
    truth.do(take_away(ANN, read))
    assert truth.contact(BOB, ANN).unread == truth.head(BOB).unread_total == 1
    truth.do(take_away(ANN, unread))
    assert truth.contact(BOB, ANN).unread == truth.head(BOB).unread_total == 0


@pytest.mark.parametrize("take_away", TAKE_AWAY)
def test_who_hid_or_cleared_it_is_told_the_version_and_nothing_else(
    take_away: Callable[[Uid, Message], Command],
) -> None:
    for gone_for_bob in (delete_for_me, lambda bob, message: commands.Clear(bob, SESSION, message.msg_id)):
        truth = Truth()
        message, _ = truth.send(ANN, BOB), truth.send(ANN, BOB)
        truth.do(gone_for_bob(BOB, message))
        decision = truth.do(take_away(ANN, message))
        assert decision.notices[0] == MessageChanged(truth.message(message.msg_id), (ANN, BOB), (BOB,))
        contact = truth.contact(BOB, ANN)
        assert (contact.unread, contact.message_version) == (1, 3), "it was not unread any more, and is not again"


@pytest.mark.parametrize("take_away", TAKE_AWAY)
def test_what_is_below_a_clear_mark_does_not_come_back_as_a_preview(
    take_away: Callable[[Uid, Message], Command],
) -> None:
    truth = Truth()
    message = truth.send(ANN, BOB)
    truth.do(commands.Clear(BOB, SESSION))
    truth.do(take_away(ANN, message))
    assert truth.contact(BOB, ANN).last_message is None


def test_a_muted_contact_loses_its_unread_and_the_total_stays() -> None:
    truth = Truth()
    message = truth.send(ANN, BOB)
    truth.send(CAT, BOB)
    truth.do(commands.Mute(BOB, SESSION, True))
    truth.do(recall(ANN, message))
    assert (truth.contact(BOB, ANN).unread, truth.head(BOB).unread_total) == (0, 1)


def test_recalling_twice_is_recalling_once() -> None:
    truth = Truth()
    message = truth.send(ANN, BOB)
    answer = truth.do(recall(ANN, message)).answer
    truth.now_ms += RECALL_WINDOW_MS * 2
    nothing_more(truth, recall(ANN, message), answer)


def test_a_message_deleted_for_all_is_not_recalled_on_top() -> None:
    truth = Truth()
    message = truth.send(ANN, BOB)
    truth.do(delete_for_all(ANN, message))
    nothing_more(truth, recall(ANN, message), truth.message(message.msg_id))


def test_only_its_sender_may_recall_a_message() -> None:
    truth = Truth()
    message = truth.send(ANN, BOB)
    assert refused(truth, recall(BOB, message), errors.Forbidden) == "Only its sender may recall a message."


def test_a_recall_is_for_two_minutes_to_the_millisecond() -> None:
    truth = Truth()
    message = truth.send(ANN, BOB)
    truth.now_ms += RECALL_WINDOW_MS + 1
    assert "120 s" in refused(truth, recall(ANN, message), errors.TooLate)
    truth.now_ms -= 1
    truth.do(recall(ANN, message))


def test_an_operator_may_set_another_window_and_a_clock_that_steps_back_closes_none() -> None:
    truth = Truth(Policy(recall_window_ms=5_000))
    first, second = truth.send(ANN, BOB), truth.send(ANN, BOB)
    truth.now_ms -= 3_600_000
    truth.do(recall(ANN, first))
    truth.now_ms += 3_600_000 + 5_001
    refused(truth, recall(ANN, second), errors.TooLate)


def test_what_one_cannot_see_cannot_be_taken_away() -> None:
    truth = Truth()
    message, other = truth.send(ANN, BOB), truth.send(ANN, CAT)
    nowhere = commands.Recall(ANN, SESSION, MsgId(12_345))
    wrong_session = commands.Recall(ANN, SESSION, other.msg_id)
    sentences = {refused(truth, command, errors.NotFound) for command in (nowhere, wrong_session)}
    refused(truth, commands.DeleteForAll(ANN, SESSION, (message.msg_id, other.msg_id)), errors.NotFound)
    refused(truth, commands.DeleteForMe(ANN, SESSION, (message.msg_id, other.msg_id)), errors.NotFound)

    truth.do(delete_for_me(ANN, message))
    sentences |= {
        refused(truth, command, errors.NotFound) for command in (recall(ANN, message), delete_for_all(ANN, message))
    }
    assert len(sentences) == 1, "what is not there and what is not theirs to see answer alike"


def test_nobody_deletes_in_a_session_that_has_not_begun() -> None:
    truth = Truth()
    message = truth.send(ANN, BOB)
    for command in (
        commands.Recall(ANN, ELSEWHERE, message.msg_id),
        commands.DeleteForAll(ANN, ELSEWHERE, (message.msg_id,)),
        commands.DeleteForMe(ANN, ELSEWHERE, (message.msg_id,)),
    ):
        refused(truth, command, errors.NotFound)


def test_deleting_for_all_is_for_the_sender_and_for_moderators_of_all_the_messages() -> None:
    truth = Truth()
    anns, bobs = truth.send(ANN, BOB), truth.send(BOB, ANN)
    assert "moderator" in refused(truth, delete_for_all(BOB, anns), errors.Forbidden)
    refused(truth, delete_for_all(ANN, anns, bobs), errors.Forbidden)

    decision = truth.do(delete_for_all(BOB, anns, bobs, moderator=True))
    assert [message.status for message in decision.changed.emptied] == ["deleted", "deleted"]
    assert decision.answer == truth.contact(BOB, ANN), "the answer is the contact of who acts"


def test_deleting_for_all_knows_no_window() -> None:
    truth = Truth()
    message = truth.send(ANN, BOB)
    truth.now_ms += RECALL_WINDOW_MS * 1_000
    truth.do(delete_for_all(ANN, message))
    assert truth.message(message.msg_id).status == "deleted"


def test_several_messages_go_at_consecutive_versions_and_each_contact_changes_once() -> None:
    truth = Truth()
    messages = [truth.send(ANN, BOB) for _ in range(4)]
    truth.do(recall(ANN, messages[1]))
    decision = truth.do(delete_for_all(ANN, *messages))
    assert [message.version_id for message in decision.changed.emptied] == [6, 7, 8]
    assert truth.message(messages[1].msg_id).status == "recalled"
    assert [contact.version_id for contact in decision.changed.contacts] == [6, 6]
    assert truth.contact(BOB, ANN).unread == 0
    assert truth.contact(BOB, ANN).message_version == truth.session(ANN, BOB).version_id == 8
    nothing_more(truth, delete_for_all(ANN, *messages), truth.contact(ANN, BOB))


def test_a_message_named_twice_is_deleted_once() -> None:
    truth = Truth()
    one, two = truth.send(ANN, BOB), truth.send(ANN, BOB)
    assert len(truth.do(delete_for_me(BOB, one, one)).changed.hidden) == 1
    assert truth.contact(BOB, ANN).unread == 1
    decision = truth.do(delete_for_all(ANN, two, two))
    assert [message.version_id for message in decision.changed.emptied] == [3]
    assert truth.contact(BOB, ANN).unread == 0


def test_deleting_for_oneself_changes_ones_own_line_and_nothing_the_other_side_can_see() -> None:
    truth = Truth()
    message, last = truth.send(ANN, BOB), truth.send(ANN, BOB)
    before = truth.frozen()
    decision = truth.do(delete_for_me(BOB, message))

    contact = truth.contact(BOB, ANN)
    assert (contact.unread, contact.hidden_version, contact.version_id, contact.last_message) == (1, 3, 3, last)
    assert decision.changed.hidden == (Hidden(BOB, SESSION, message.msg_id, 3),)
    assert decision.notices == (ContactChanged(contact),)
    slots, sessions, _, _, messages, *_ = truth.frozen()
    assert (slots, sessions, messages) == (before[0], before[1], before[4])
    assert truth.contact(ANN, BOB).version_id == 2
    assert not truth.hidden(ANN)
    assert truth.head(BOB).unread_total == 1


def test_deleting_the_newest_for_oneself_shows_the_newest_that_is_left() -> None:
    truth = Truth()
    one, two, three, four = (truth.send(ANN, BOB) for _ in range(4))
    truth.do(delete_for_me(BOB, two))
    truth.do(delete_for_me(BOB, four, three))
    assert truth.contact(BOB, ANN).last_message == one
    assert truth.contact(BOB, ANN).last_msg_id == four.msg_id, "the newest of the session stays what it is"
    truth.do(delete_for_me(BOB, one))
    assert truth.contact(BOB, ANN).last_message is None
    assert truth.contact(BOB, ANN).unread == 0
    assert truth.contact(ANN, BOB).last_message == four


def test_after_a_clear_there_is_nothing_left_to_show() -> None:
    truth = Truth()
    old, new = truth.send(ANN, BOB), truth.send(ANN, BOB)
    truth.do(commands.Clear(BOB, SESSION, old.msg_id))
    truth.do(delete_for_me(BOB, new))
    assert truth.contact(BOB, ANN).last_message is None


def test_deleting_for_oneself_twice_or_what_was_cleared_changes_nothing() -> None:
    truth = Truth()
    old, new = truth.send(ANN, BOB), truth.send(ANN, BOB)
    truth.do(commands.Clear(BOB, SESSION, old.msg_id))
    nothing_more(truth, delete_for_me(BOB, old), truth.contact(BOB, ANN))
    answer = truth.do(delete_for_me(BOB, new, old)).answer
    assert [row.msg_id for row in truth.hidden(BOB)] == [new.msg_id]
    nothing_more(truth, delete_for_me(BOB, old, new), answer)


def test_a_recalled_message_can_be_hidden_and_a_read_one_is_not_counted_twice() -> None:
    truth = Truth()
    first, second, third = (truth.send(ANN, BOB) for _ in range(3))
    truth.do(recall(ANN, first))
    truth.do(commands.Read(BOB, SESSION, second.msg_id))
    truth.do(delete_for_me(BOB, first, second))
    assert truth.contact(BOB, ANN).unread == 1
    truth.do(delete_for_me(BOB, third))
    assert truth.contact(BOB, ANN).unread == truth.head(BOB).unread_total == 0


def test_in_a_session_with_oneself_everything_can_be_taken_back() -> None:
    truth = Truth()
    first, second, third = (truth.send(ANN, ANN) for _ in range(3))
    myself = pair_session_id(ANN, ANN)
    truth.do(recall(ANN, first))
    truth.do(commands.DeleteForAll(ANN, myself, (second.msg_id,)))
    truth.do(delete_for_me(ANN, third))
    contact = truth.contact(ANN, ANN)
    assert (contact.unread, contact.version_id, contact.message_version) == (0, 6, 5)
    assert contact.last_message == truth.message(second.msg_id)
