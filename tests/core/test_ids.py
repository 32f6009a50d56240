"""Ids have one spelling each, and no two messages share one, whatever the clocks say."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixin.core import errors, ids
from sixin.core.ids import MsgId, SessionId, Slot, Tick, Uid
from sixin.core.limits import INT64_MAX, SLOTS

NOT_CANONICAL = [
    "",
    "0",
    "-1",
    "+1",
    "01",
    "1.0",
    "1e3",
    "1_0",
    " 1",
    "1 ",
    "1\n",
    "\n1",
    "1\x00",
    "0x1",
    "١",  # ARABIC-INDIC DIGIT ONE: int() takes it
    "１",  # FULLWIDTH DIGIT ONE
    "1²",  # isdigit() takes it, int() does not
    "9223372036854775808",
    "99999999999999999999",
    "1" * 5_000,
    "abc",
    "\ud800",
]

uids = st.integers(1, INT64_MAX).map(Uid)


@pytest.mark.parametrize("text", NOT_CANONICAL)
def test_a_number_that_is_not_in_its_one_spelling_is_refused(text: str) -> None:
    for parse in (ids.parse_uid, ids.parse_msg_id):
        with pytest.raises(errors.BadRequest, match="must be a whole number from 1"):
            parse(text)
    for session_id in (f"{text}:2", f"2:{text}", f"g{text}"):
        with pytest.raises(errors.BadRequest):
            ids.parse_session_id(session_id)


@pytest.mark.parametrize("text", ["1", "10", "9223372036854775807"])
def test_the_smallest_and_the_largest_id_are_taken(text: str) -> None:
    assert str(ids.parse_uid(text)) == str(ids.parse_msg_id(text)) == text


@pytest.mark.parametrize("text", ["", ":", "1:", ":1", "2:1", "1:2:3", "1:2\n", "G1", "g", "1", "s1", "1-2", "g1:2"])
def test_a_session_id_that_is_not_in_its_one_spelling_is_refused(text: str) -> None:
    with pytest.raises(errors.BadRequest):
        ids.parse_session_id(text)


def test_a_group_has_an_id_and_no_members_by_its_name_alone() -> None:
    assert ids.parse_session_id("g17") == "g17"
    assert ids.pair_members(SessionId("g17")) == ()


@given(uids, uids)
def test_a_pair_has_one_session_from_both_sides(one: Uid, other: Uid) -> None:
    session_id = ids.pair_session_id(one, other)

    assert ids.pair_session_id(other, one) == session_id == ids.parse_session_id(session_id)
    assert ids.pair_members(session_id) == tuple(sorted({one, other}))
    assert ids.peer_of(session_id, one) == other
    assert ids.peer_of(session_id, other) == one


@given(st.integers(0, ids.SECONDS_MAX), st.integers(0, ids.TICKS_PER_S - 1), st.integers(0, SLOTS - 1))
def test_a_msg_id_taken_apart_is_what_it_was_put_together_from(seconds: int, counter: int, slot: int) -> None:
    tick = Tick(seconds * ids.TICKS_PER_S + counter)
    msg_id = ids.msg_id_of(tick, Slot(slot))

    assert 0 <= msg_id <= INT64_MAX
    assert str(msg_id).zfill(20) == f"{seconds:010}{counter:06}{slot:04}"
    assert ids.msg_id_parts(msg_id) == (seconds, counter, slot)
    assert ids.slot_of_message(msg_id) == slot
    assert ids.tick_of_message(msg_id) == tick


@given(st.lists(st.integers(-(10**15), (ids.EPOCH_S + ids.SECONDS_MAX) * 1_000), max_size=60))
def test_ticks_rise_whatever_the_clock_does(clock_ms: list[int]) -> None:
    last = Tick(0)
    for now_ms in clock_ms:
        tick = ids.next_tick(last, now_ms)
        assert tick > last
        assert tick >= ids.tick_at(now_ms)
        last = tick


@given(st.lists(st.tuples(st.sampled_from([0, -3_600_000, 7_200_000]), st.integers(0, 5_000)), max_size=60))
def test_nodes_whose_clocks_disagree_never_give_a_slot_one_tick_twice(turns: list[tuple[int, int]]) -> None:
    head, now_ms, given_out = Tick(0), 1_800_000_000_000, []
    for wrong_by_ms, passed_ms in turns:
        now_ms += passed_ms
        head = ids.next_tick(head, now_ms + wrong_by_ms)
        given_out.append(ids.msg_id_of(head, Slot(7)))

    assert given_out == sorted(set(given_out))


def test_more_than_a_million_in_one_second_run_over_into_the_next() -> None:
    now_ms = 1_800_000_000_000
    last_of_second = Tick(ids.tick_at(now_ms) + ids.TICKS_PER_S - 1)

    over = ids.next_tick(last_of_second, now_ms)

    assert over == last_of_second + 1 == ids.tick_at(now_ms + 1_000)
    assert ids.next_tick(over, now_ms + 1_000) == over + 1, "time catches up without a repeat"


def test_a_clock_before_the_epoch_still_gives_positive_rising_ids() -> None:
    first = ids.next_tick(Tick(0), -1)
    assert ids.msg_id_of(first, Slot(0)) > 0
    assert ids.next_tick(first, -(10**12)) == first + 1


def test_after_2055_03_25_a_message_is_refused_and_ids_end_within_64_bits() -> None:
    end_ms = (ids.EPOCH_S + ids.SECONDS_MAX + 1) * 1_000

    assert ids.tick_at(end_ms - 1) == ids.TICK_MAX - ids.TICKS_PER_S + 1
    assert ids.msg_id_of(ids.TICK_MAX, Slot(SLOTS - 1)) <= INT64_MAX
    assert ids.next_tick(Tick(ids.TICK_MAX - 1), 0) == ids.TICK_MAX
    for last, now_ms in ((Tick(0), end_ms), (ids.TICK_MAX, 0)):
        with pytest.raises(errors.Unavailable, match="2055-03-25"):
            ids.next_tick(last, now_ms)


def test_slots_are_the_crc_that_every_language_has() -> None:
    # CRC-32 of "1001:1002" is 0xAD375F18: fixed here, because a different slot would lose every stored message.
    assert ids.slot_of(SessionId("1001:1002")) == 0xAD375F18 % SLOTS


def test_neighbouring_users_are_spread_over_the_slots() -> None:
    used = [ids.slot_of(ids.pair_session_id(Uid(n), Uid(n + 1))) for n in range(1, 20_001)]
    fullest = max(Counter(used).values())

    # 20,000 balls in 10,000 boxes: chance leaves e^-2 of the boxes empty, 8,646 used.
    assert len(set(used)) > 8_000
    assert fullest < 15
    assert {slot // 100 for slot in used} == set(range(100)), "a shard by range of slots gets its share"


@given(st.integers(min_value=-(10**30), max_value=10**30))
def test_only_positive_64_bit_numbers_are_ids(number: int) -> None:
    if 1 <= number <= INT64_MAX:
        assert ids.parse_uid(str(number)) == number
    else:
        with pytest.raises(errors.BadRequest):
            ids.parse_uid(str(number))


def test_parsing_gives_the_message_id_as_a_number() -> None:
    assert ids.parse_msg_id("10000020003") == MsgId(10_000_020_003)
