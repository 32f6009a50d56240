"""The outbox: in order, once, and nothing forgotten."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixin.client.model import Entry, Kind
from sixin.client.outbox import Outbox, Verdict, backoff_s
from sixin.client.seq import next_seq_id
from sixin.core import errors
from sixin.core.ids import EPOCH_S, SECONDS_MAX, MsgId, SessionId, Uid
from sixin.core.limits import ENTRIES_IN_FLIGHT_MAX, INTERNAL_RETRIES_MAX, SEQ_ID_MAX
from sixin.core.message import Message

BEN, CAT = SessionId("1001:1002"), SessionId("1001:1003")
WORDS = b'{"text":"x","type":"text"}'


def entry(number: int, session_id: SessionId = BEN, kind: Kind = "send", refused: str = "") -> Entry:
    return Entry(number, session_id, kind, WORDS, 0, number if kind == "send" else 0, refused)


def numbers(outbox: Outbox) -> list[int]:
    return [one.number for one in outbox.ready()]


def test_one_of_each_session_leaves_and_the_next_when_it_was_answered() -> None:
    outbox = Outbox([entry(1), entry(2), entry(3, CAT)])
    assert numbers(outbox) == [1, 3]
    outbox.sent(1)
    assert numbers(outbox) == [3]
    outbox.remove(1)
    assert numbers(outbox) == [2, 3]


def test_what_was_under_way_when_the_link_broke_leaves_again_first() -> None:
    outbox = Outbox([entry(1), entry(2)])
    outbox.sent(1)
    outbox.link_lost()
    assert numbers(outbox) == [1]


def test_an_entry_refused_for_good_lets_the_others_pass() -> None:
    outbox = Outbox([entry(1), entry(2)])
    outbox.sent(1)
    assert outbox.refused(1, errors.Forbidden()) is Verdict.REFUSED
    outbox.put(entry(1, refused="forbidden"))
    assert numbers(outbox) == [2]
    outbox.remove(2)
    assert outbox.idle
    assert [one.number for one in outbox.entries] == [1]


@pytest.mark.parametrize("error", [errors.Unavailable(), errors.RateLimited(100), errors.Internal()])
def test_a_refusal_that_is_not_about_the_entry_rests_it_and_holds_up_its_session(error: errors.SixinError) -> None:
    outbox = Outbox([entry(1), entry(2), entry(3, CAT)])
    outbox.sent(1)
    assert outbox.refused(1, error) is Verdict.RETRY
    assert numbers(outbox) == [3]
    outbox.rested(1)
    assert numbers(outbox) == [1, 3]


def test_what_the_server_cannot_take_again_and_again_is_given_up() -> None:
    outbox = Outbox([entry(1)])
    verdicts = []
    for _ in range(INTERNAL_RETRIES_MAX + 1):
        outbox.sent(1)
        verdicts.append(outbox.refused(1, errors.Internal()))
        outbox.rested(1)
    assert verdicts == [Verdict.RETRY] * INTERNAL_RETRIES_MAX + [Verdict.REFUSED]


def test_a_conflict_gives_a_send_another_number_and_refuses_anything_else() -> None:
    outbox = Outbox([entry(1), entry(2, CAT, "pin")])
    assert outbox.refused(1, errors.Conflict()) is Verdict.RENUMBER
    assert outbox.refused(2, errors.Conflict()) is Verdict.REFUSED


def test_only_the_last_waiting_wish_of_a_kind_is_replaced() -> None:
    outbox = Outbox([entry(1, kind="pin"), entry(2, CAT, "pin")])
    assert outbox.replaced_by(entry(3, kind="pin")) == entry(1, kind="pin")
    assert outbox.replaced_by(entry(3, kind="mute")) is None
    assert outbox.replaced_by(entry(3, kind="send")) is None
    outbox.sent(1)
    assert outbox.replaced_by(entry(3, kind="pin")) is None
    outbox.put(entry(3, CAT))
    assert outbox.replaced_by(entry(4, CAT, "pin")) is None, "something was queued after it"


def test_no_more_leave_at_once_than_the_limit_says() -> None:
    outbox = Outbox(entry(number, SessionId(f"1001:{2000 + number}")) for number in range(1, 200))
    ready = outbox.ready()
    assert len(ready) == ENTRIES_IN_FLIGHT_MAX
    for one in ready:
        outbox.sent(one.number)
    assert outbox.ready() == []


def test_numbers_go_on_after_a_restart_and_after_the_last_is_gone() -> None:
    outbox = Outbox([entry(7)])
    assert outbox.next_number() == 8
    outbox.remove(7)
    assert outbox.next_number() == 8


def said(seq_id: int, *, sender: int = 1001, content: bytes = WORDS) -> Message:
    return Message(MsgId(1), BEN, Uid(sender), seq_id, 1, 1, 1, "normal", content, b"", 0, 0)


def test_a_message_of_the_timeline_acknowledges_the_entry_it_is() -> None:
    outbox = Outbox([entry(1), entry(2, kind="read")])
    assert outbox.acknowledged_by(said(1), 1001) == entry(1)
    assert outbox.acknowledged_by(said(1, sender=1002), 1001) is None
    assert outbox.acknowledged_by(said(2), 1001) is None
    assert outbox.acknowledged_by(said(1, content=b'{"text":"y","type":"text"}'), 1001) is None
    outbox.remove(1)
    assert outbox.acknowledged_by(said(1), 1001) is None


@given(st.lists(st.integers(0, 4 * 10**12), min_size=2, max_size=50), st.randoms(use_true_random=False))
def test_seq_ids_grow_whatever_the_clock_does(times_ms: list[int], chance: Random) -> None:
    last = 0
    for now_ms in times_ms:
        following = next_seq_id(last, min(now_ms, (EPOCH_S + SECONDS_MAX) * 1_000), chance)
        assert last < following <= SEQ_ID_MAX
        last = following


def test_seq_ids_last_as_long_as_message_ids() -> None:
    assert next_seq_id(0, (EPOCH_S + SECONDS_MAX) * 1_000, Random(1)) <= SEQ_ID_MAX
    with pytest.raises(OverflowError):
        next_seq_id(0, (EPOCH_S + 2**40) * 1_000, Random(1))


def test_two_devices_that_type_in_the_same_milliseconds_rarely_meet() -> None:
    phone, laptop = Random(1), Random(2)
    at_ms = [1_790_000_000_000 + 10 * number for number in range(20_000)]
    met = sum(next_seq_id(0, now_ms, phone) == next_seq_id(0, now_ms, laptop) for now_ms in at_ms)
    # One in 8,192 of those written in the same millisecond: of 20,000, two or three.
    assert met <= 12


@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_pauses_stay_between_nothing_and_half_a_minute(tries: int, chance: Random) -> None:
    assert 0 <= backoff_s(tries, chance) <= min(30, 0.5 * 2 ** min(tries, 10))
