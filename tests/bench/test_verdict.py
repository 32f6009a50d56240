"""The verdict finds every fault it is there for: it is worth no more than the faults it would have found."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from sixin.bench.plan import Plan, Verdict
from sixin.bench.population import Population
from sixin.bench.traffic import Sender
from sixin.bench.verdict import SeenContact, SeenMessage, judge_contacts, judge_sends, judge_session
from sixin.core.ids import Uid

ANN, BOB = Uid(7), Uid(8)


def said(nth: int, sender: Uid = BOB) -> SeenMessage:
    return SeenMessage(
        msg_id=str(1_000 + nth),
        sender=str(sender),
        seq_id=nth,
        ordinal=nth,
        version_id=nth,
        sort_key=nth,
        status="normal",
    )


def line(**changed: object) -> SeenContact:
    whole = SeenContact(
        session_id="7:8", version_id=3, last_msg_id="1003", last_read_msg_id="1001", unread=1, message_version=3
    )
    return replace(whole, **changed)


def conversation() -> list[SeenMessage]:
    return [said(1), said(2, ANN), said(3)]


def faults_of(contact: SeenContact, messages: list[SeenMessage]) -> list[str]:
    verdict = Verdict()
    judge_session(ANN, contact, messages, verdict)
    return verdict.faults


def test_a_whole_conversation_has_no_fault() -> None:
    assert faults_of(line(), conversation()) == []


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda said: said[:2], id="the newest is missing"),
        pytest.param(lambda said: [said[0], said[2]], id="one in the middle is missing"),
        pytest.param(lambda said: [said[0], said[1], said[1], said[2]], id="one is there twice"),
        pytest.param(lambda said: [said[1], said[0], said[2]], id="two are in the wrong order"),
        pytest.param(lambda said: [replace(said[0], ordinal=2), *said[1:]], id="a wrong ordinal"),
        pytest.param(lambda said: [replace(said[0], sort_key=2), *said[1:]], id="a wrong sort_key"),
        pytest.param(lambda said: [replace(said[0], msg_id="1002"), *said[1:]], id="a msg_id twice"),
    ],
)
def test_a_broken_timeline_is_found(broken: Callable[[list[SeenMessage]], list[SeenMessage]]) -> None:
    assert faults_of(line(), broken(conversation())) != []


@pytest.mark.parametrize("wrong", [{"unread": 0}, {"unread": 2}, {"message_version": 4}, {"last_msg_id": "1002"}])
def test_a_contact_that_disagrees_with_its_timeline_is_found(wrong: dict[str, object]) -> None:
    assert len(faults_of(line(**wrong), conversation())) == 1


@pytest.mark.parametrize(
    ("contacts", "version_id", "total"),
    [
        pytest.param([line(), line(version_id=4)], 4, 2, id="a session twice"),
        pytest.param([line(version_id=4), line(session_id="7:9")], 4, 2, id="versions out of order"),
        pytest.param([line()], 4, 1, id="a cursor beyond the last row"),
        pytest.param([line()], 3, 2, id="a total that is not the sum"),
    ],
)
def test_a_broken_list_is_found(contacts: list[SeenContact], version_id: int, total: int) -> None:
    verdict = Verdict()
    judge_contacts(ANN, contacts, version_id, total, verdict)
    assert verdict.faults_count >= 1


def sender_of(sends: int) -> Sender:
    plan = Plan(host="", port=0, secret="", traffic="send", population=Population(2, first_uid=ANN), links=[0])
    sender = Sender(plan, 0)
    for _ in range(sends):
        nth, _, _ = sender.body_of_next()
        sender.note(nth, b'{"id":1,"ok":{"message":{"msg_id":"%d","session_id":"7:8"}}}' % (500 + nth))
    return sender


def judged(sender: Sender, found: dict[int, str]) -> Verdict:
    verdict = Verdict()
    judge_sends(ANN, sender, found, verdict)
    return verdict


def test_what_was_acknowledged_is_there() -> None:
    sender = sender_of(2)
    assert judged(sender, {sender.first_seq: "500", sender.first_seq + 1: "501"}).faults == []


def test_a_send_without_an_answer_may_be_there_or_not() -> None:
    sender = sender_of(1)
    sender.body_of_next()
    first = sender.first_seq
    assert judged(sender, {first: "500"}).faults == []
    assert judged(sender, {first: "500", first + 1: "501"}) == Verdict(acknowledged=1, unanswered_present=1)


@pytest.mark.parametrize("found", [{}, {0: "501"}, {0: "500", 5: "777"}])
def test_a_lost_a_changed_and_an_invented_message_are_found(found: dict[int, str]) -> None:
    sender = sender_of(1)
    assert judged(sender, {sender.first_seq + seq: msg_id for seq, msg_id in found.items()}).faults_count == 1
