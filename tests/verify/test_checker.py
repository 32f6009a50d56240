"""The checker: reads and writes histories, and takes time in proportion to their length."""

import time
from pathlib import Path

from msgspec import Raw
from msgspec.structs import replace

from sixin.core.wire.bodies import ErrorView
from sixin.verify.checker import check
from sixin.verify.contract import SENTENCES
from sixin.verify.history import Call, CutOff, End, Event, History, StoredContacts, StoredMessages, Told, read, write
from tests.simulation.mutated_histories import with_true_copies
from tests.simulation.plan import make_plan
from tests.simulation.world import run


def a_history(seed: int = 1, operations: int = 150) -> History:
    plan = replace(make_plan(seed, operations, quiet=True), users=3, raw_devices=2, sdk_devices=0)
    return with_true_copies(run(plan).history)


def test_a_history_is_the_same_after_it_was_written_and_read(tmp_path: Path) -> None:
    history = a_history()
    path = tmp_path / "history.jsonl"
    with path.open("wb") as file:
        write(history, file)
    again = read(path)
    assert [bytes(event.body) for event in again.events if isinstance(event, Call)] == [
        bytes(event.body) for event in history.events if isinstance(event, Call)
    ]
    assert str(check(again)) == str(check(history))


def test_a_correct_history_is_held_against_every_sentence() -> None:
    verdict = check(a_history())
    assert verdict.kept, str(verdict)
    assert {number for number in SENTENCES if not verdict.judged[number]} == set()


def test_an_empty_history_keeps_the_contract_and_says_that_nothing_was_judged() -> None:
    verdict = check(History())
    assert verdict.kept
    assert str(verdict).count("not judged") == len(SENTENCES)


def test_the_order_of_the_lines_does_not_matter() -> None:
    history = a_history()
    assert str(check(History(history.events[::-1], history.ends[::-1]))) == str(check(history))


def test_a_violation_shows_the_smallest_part_of_the_history() -> None:
    history = a_history()
    place, log = next((nth, end) for nth, end in enumerate(history.ends) if isinstance(end, StoredMessages))
    lost = log.messages[-1]
    history.ends[place] = replace(log, messages=log.messages[:-1])
    verdict = check(history)
    assert 1 in verdict.broken
    violation = next(violation for violation in verdict.violations if violation.sentence == 1)
    (call,) = violation.evidence
    assert isinstance(call, Call)
    assert call.op == "send"
    assert str(violation).startswith("1 (acknowledged and lost): ")
    assert bytes(lost)


def test_a_cut_is_of_one_login_and_leaves_the_others() -> None:
    body = Raw(b'{"session_id":"1:2"}')
    notice = Raw(b'{"notice":"typing","session_id":"1:2","uid":"2"}')
    events: list[Event] = [
        CutOff(10, "1", token="old"),
        Told(11, "1", "phone", notice, "new"),
        Told(9, "1", "phone", notice, "old"),
        Call(12, "1", "phone", "contact", body, 13, None, ErrorView("unauthenticated", "no"), "old"),
    ]
    assert check(History(list(events))).kept
    events.append(Told(14, "1", "phone", notice, "old"))
    assert check(History(list(events))).counts == {"11 (cut off)": 1}


def test_silence_and_unavailable_may_have_been_done_and_a_refusal_may_not() -> None:
    said = b'{"msg_id":"10008","session_id":"1:2","sender":"1","seq_id":1,"ordinal":1,"version_id":1,"sort_key":1,'
    said += b'"status":"normal","content":{"type":"text","text":"x"},"sent_at_ms":5,"changed_at_ms":5}'
    body = Raw(b'{"session_id":"1:2","seq_id":1,"content":{"type":"text","text":"x"}}')
    ends: list[End] = [StoredMessages("1:2", 1, [Raw(said)]), StoredContacts("3", 0, 0, [])]
    unavailable = ErrorView("unavailable", "later")
    for call in (Call(1, "1", "d", "send", body), Call(1, "1", "d", "send", body, 2, None, unavailable)):
        assert check(History([call], list(ends))).kept
    refused = Call(1, "1", "d", "send", body, 2, None, ErrorView("forbidden", "no"))
    assert check(History([refused], list(ends))).counts == {"12 (refused and done)": 1}


def test_a_moderator_deletes_what_another_said_and_does_not_recall_it() -> None:
    said = Call(1, "1", "d", "send", Raw(b'{"session_id":"1:2","seq_id":1,"content":{"type":"text","text":"x"}}'))

    def counts(op: str, status: str, *, moderator: bool) -> dict[str, int]:
        row = b'{"msg_id":"10008","session_id":"1:2","sender":"1","seq_id":1,"ordinal":1,"version_id":2,"sort_key":1,'
        row += f'"status":"{status}","content":null,"sent_at_ms":5,"changed_at_ms":6}}'.encode()
        named = '"msg_id":"10008"' if op == "recall" else '"msg_ids":["10008"],"scope":"all"'
        body = Raw(f'{{"session_id":"1:2",{named}}}'.encode())
        emptied = Call(2, "2", "e", op, body, moderator=moderator)
        ends: list[End] = [StoredMessages("1:2", 2, [Raw(row)]), StoredContacts("3", 0, 0, [])]
        return dict(check(History([said, emptied], ends)).counts)

    assert counts("delete", "deleted", moderator=True) == {}
    assert counts("delete", "deleted", moderator=False) == {"11 (who speaks)": 1}
    assert counts("recall", "recalled", moderator=True) == {"11 (who speaks)": 1}
    assert counts("delete", "recalled", moderator=True) == {"9 (asked for)": 1}


def test_twice_the_history_takes_about_twice_the_time() -> None:
    """A quadratic judge would take four times as long, and a minute for a million events would be hours."""

    def seconds(operations: int) -> float:
        history = a_history(3, operations)
        best = float("inf")
        for _ in range(3):
            started = time.process_time()
            check(history)
            best = min(best, (time.process_time() - started) / len(history.events))
        return best

    assert seconds(3_200) < 2.5 * seconds(400)
