"""Pages of a timeline, and tails of it that know what they do not know."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from sixin.core.contact import Contact
from sixin.core.ids import MsgId, SessionId, Uid
from sixin.core.limits import CONTACT_TAIL_ROWS_MAX, DELETE_MESSAGES_MAX, PAGE_BYTES_MAX, TAIL_ROWS_MAX
from sixin.core.message import Message
from sixin.core.timeline import (
    Tail,
    contact_tail,
    message_tail,
    newest_of,
    page_after,
    page_before,
    page_of_contacts,
    page_of_hidden,
)

SESSION = SessionId("1:2")


def message(place: int, *, version_id: int | None = None, size: int = 1) -> Message:
    return Message(
        msg_id=MsgId(place * 10),
        session_id=SESSION,
        sender=Uid(1),
        seq_id=place,
        ordinal=place,
        version_id=version_id or place,
        sort_key=place,
        status="normal",
        content=b"x" * size,
        digest=b"",
        sent_at_ms=0,
        changed_at_ms=0,
    )


class Timeline:
    """A session in full: what a tail is compared with."""

    def __init__(self) -> None:
        self.messages: dict[int, Message] = {}
        self.version_id = 0

    def send(self) -> Message:
        """The next version is a new message."""
        self.version_id += 1
        return self._put(message(self.version_id))

    def recall(self, pick: int) -> Message:
        """The next version is a message that was there, changed."""
        known = [row for row in self.messages.values() if row.status == "normal"]
        if not known:
            return self.send()
        self.version_id += 1
        row = known[pick % len(known)]
        return self._put(replace(row, version_id=self.version_id, status="recalled", content=b""))

    def _put(self, row: Message) -> Message:
        self.messages[row.msg_id] = row
        return row

    def after(self, version_id: int) -> list[Message]:
        """What changed after a version, by version."""
        found = [row for row in self.messages.values() if row.version_id > version_id]
        return sorted(found, key=lambda row: row.version_id)

    def newest(self, before_sort_key: int | None, above_msg_id: int, limit: int) -> list[Message]:
        """What `newest_of` answers where it can."""
        found = [
            row
            for row in self.messages.values()
            if row.msg_id > above_msg_id and (before_sort_key is None or row.sort_key < before_sort_key)
        ]
        return sorted(found, key=lambda row: -row.sort_key)[: limit + 1]


def _changes(length: int, every: int, picks: list[int]) -> list[int | None]:
    return [picks[nth % len(picks)] * nth if nth % every == 0 else None for nth in range(length)]


# As long as rows fall off the end of a tail; every so many changes a recall instead of a send. Lists that hypothesis
# draws item by item would nearly always be too short for that.
changes = st.builds(
    _changes,
    st.one_of(st.integers(0, 30), st.integers(TAIL_ROWS_MAX - 5, TAIL_ROWS_MAX + 150)),
    st.integers(2, 9),
    st.lists(st.integers(0, 400), min_size=1, max_size=5),
)


def grown(before: int, kinds: list[int | None]) -> tuple[Timeline, Tail[Message]]:
    """A timeline, and a tail of it that begins after some changes."""
    timeline = Timeline()
    tail = message_tail(0)
    for nth, pick in enumerate([*([None] * before), *kinds]):
        if nth == before:
            tail = message_tail(timeline.version_id)
        row = timeline.send() if pick is None else timeline.recall(pick)
        if nth >= before:
            assert tail.extend(row)
    return timeline, tail if kinds else message_tail(timeline.version_id)


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 20), changes)
def test_what_a_tail_says_of_the_changes_after_a_version_is_all_of_them(before: int, kinds: list[int | None]) -> None:
    timeline, tail = grown(before, kinds)

    assert tail.size <= TAIL_ROWS_MAX
    assert tail.last == timeline.version_id
    for version_id in range(timeline.version_id + 3):
        said = tail.after(version_id)
        if tail.first - 1 <= version_id <= tail.last:
            assert said == timeline.after(version_id)
        else:
            assert said is None
    assert [row.version_id for row in tail.rows] == sorted(row.version_id for row in tail.rows)


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 20), changes, st.integers(1, 60), st.integers(0, 2_000))
def test_what_a_tail_says_of_the_newest_messages_is_all_of_them(
    before: int, kinds: list[int | None], limit: int, above_msg_id: int
) -> None:
    timeline, tail = grown(before, kinds)
    proven = 0
    for mark in (0, above_msg_id, (timeline.version_id - 3) * 10):
        for before_sort_key in (None, *range(0, timeline.version_id + 3, 3), tail.first, tail.first + 1):
            said = newest_of(tail, before_sort_key=before_sort_key, above_msg_id=mark, limit=limit)
            if said is not None:
                proven += 1
                assert said == timeline.newest(before_sort_key, mark, limit)
    if tail.first == 1:
        assert proven, "a tail that goes back to the beginning can answer"


def test_a_tail_that_holds_a_full_page_and_one_more_answers_and_with_less_it_does_not() -> None:
    timeline, tail = grown(10, [None] * 5)
    assert newest_of(tail, before_sort_key=None, above_msg_id=0, limit=4) == timeline.newest(None, 0, 4)
    assert newest_of(tail, before_sort_key=None, above_msg_id=0, limit=5) is None
    assert newest_of(tail, before_sort_key=13, above_msg_id=0, limit=1) == timeline.newest(13, 0, 1)
    assert newest_of(tail, before_sort_key=11, above_msg_id=0, limit=1) is None
    assert newest_of(tail, before_sort_key=10, above_msg_id=0, limit=1) is None


def test_a_clear_mark_inside_a_tail_proves_that_nothing_older_is_missing() -> None:
    timeline, tail = grown(10, [None] * 5)
    assert newest_of(tail, before_sort_key=None, above_msg_id=120, limit=50) == timeline.newest(None, 120, 50)
    assert newest_of(tail, before_sort_key=None, above_msg_id=100, limit=50) is None, (
        "10 may be cleared, 11 is the first"
    )


def test_an_old_message_that_was_recalled_does_not_stand_in_for_its_neighbours() -> None:
    timeline, tail = grown(10, [None, 0, None])
    assert [row.sort_key for row in tail.rows] == [11, 1, 13]
    assert newest_of(tail, before_sort_key=None, above_msg_id=0, limit=1) == timeline.newest(None, 0, 1)
    assert newest_of(tail, before_sort_key=None, above_msg_id=0, limit=2) is None
    assert newest_of(tail, before_sort_key=11, above_msg_id=0, limit=1) is None


def test_a_tail_from_the_beginning_knows_the_end_of_history() -> None:
    timeline, tail = grown(0, [None, None, 0])
    assert newest_of(tail, before_sort_key=None, above_msg_id=0, limit=50) == timeline.newest(None, 0, 50)
    assert newest_of(tail, before_sort_key=1, above_msg_id=0, limit=50) == []
    assert newest_of(message_tail(0), before_sort_key=None, above_msg_id=0, limit=50) == []


@pytest.mark.parametrize("version_id", [4, 5, 7, 100])
def test_a_version_that_is_not_the_next_is_refused_and_leaves_the_tail_as_it_was(version_id: int) -> None:
    tail = message_tail(4)
    tail.extend(message(5))
    rows = list(tail.rows)
    assert not tail.extend(message(3, version_id=version_id))
    assert (list(tail.rows), tail.first, tail.last) == (rows, 5, 5)


def test_a_long_tail_lets_go_of_some_rows_at_once_and_knows_which() -> None:
    rows = [Contact(Uid(1), SessionId(f"1:{place}"), Uid(place), version_id=place) for place in range(2, 20_002)]
    followed = contact_tail(1)
    for row in rows:
        assert followed.extend(row)
    read = contact_tail(1)
    read.take(rows, 20_001)
    for tail in (followed, read):
        assert CONTACT_TAIL_ROWS_MAX - 64 <= tail.size <= CONTACT_TAIL_ROWS_MAX
        assert tail.after(tail.first - 2) is None
        assert tail.after(tail.first - 1) == rows[-tail.size :]


def test_an_empty_tail_knows_that_nothing_is_new() -> None:
    tail = message_tail(7)
    assert tail.after(7) == []
    assert tail.after(6) is None
    assert tail.after(8) is None


def test_a_row_is_found_in_a_tail_as_it_now_is() -> None:
    tail = contact_tail(0)
    assert tail.get(SESSION) is None
    for version_id in (1, 2, 3):
        tail.extend(Contact(Uid(1), SESSION, Uid(2), version_id=version_id))
    found = tail.get(SESSION)
    assert found is not None
    assert found.version_id == 3
    assert tail.size == 1
    assert tail.after(0) == [found]


def read_on(page: Callable[[int], tuple[list[int], int, bool]]) -> list[int]:
    """Pull page after page from a cursor on, until there is no more."""
    rows: list[int] = []
    cursor, more = 0, True
    while more:
        taken, cursor, more = page(cursor)
        assert taken or not more, "a page that promises more has moved on"
        rows += taken
    return rows


sizes = st.lists(st.sampled_from([0, 1, 100, 16_384]), max_size=90)


@given(sizes, st.integers(1, 50))
def test_pages_by_version_are_a_partition_of_what_changed(content: list[int], limit: int) -> None:
    rows = [message(place * 2, size=size) for place, size in enumerate(content, 1)]

    def page(cursor: int) -> tuple[list[int], int, bool]:
        found = [row for row in rows if row.version_id > cursor][: limit + 1]
        got = page_after(found, limit=limit, version_id=1_000)
        assert len(got.messages) <= limit
        assert len(got.messages) == 1 or sum(len(row.content) for row in got.messages) <= PAGE_BYTES_MAX
        assert got.more or got.version_id == 1_000, "the last cursor passes by what this user must not see"
        return [row.version_id for row in got.messages], got.version_id, got.more

    assert read_on(page) == [row.version_id for row in rows]


@given(sizes, st.integers(1, 50))
def test_pages_back_in_time_are_a_partition_of_the_history(content: list[int], limit: int) -> None:
    rows = [message(place, size=size) for place, size in enumerate(content, 1)]

    def page(cursor: int) -> tuple[list[int], int, bool]:
        found = [row for row in reversed(rows) if not cursor or row.sort_key < cursor][: limit + 1]
        got = page_before(found, limit=limit, version_id=1_000)
        keys = [row.sort_key for row in got.messages]
        assert keys == sorted(keys)
        assert got.version_id == 1_000
        return keys[::-1], keys[0] if keys else cursor, got.more

    assert read_on(page) == [row.sort_key for row in reversed(rows)]


@given(sizes, st.integers(1, 50))
def test_pages_of_contacts_are_a_partition_of_what_changed(previews: list[int], limit: int) -> None:
    rows = [
        Contact(
            Uid(1),
            SessionId(f"1:{nth}"),
            Uid(nth),
            version_id=nth,
            last_message=message(1, size=size) if size else None,
        )
        for nth, size in enumerate(previews, 1)
    ]

    def page(cursor: int) -> tuple[list[int], int, bool]:
        found = [row for row in rows if row.version_id > cursor][: limit + 1]
        got = page_of_contacts(found, limit=limit, version_id=1_000, unread_total=7)
        assert got.unread_total == 7
        assert got.more or got.version_id == 1_000
        return [row.version_id for row in got.contacts], got.version_id, got.more

    assert read_on(page) == [row.version_id for row in rows]


def test_a_page_ends_before_its_contents_pass_the_limit_of_bytes() -> None:
    half = PAGE_BYTES_MAX // 2
    exactly = [message(1, size=half), message(2, size=half), message(3, size=1)]
    assert len(page_after(exactly, limit=50, version_id=3).messages) == 2
    assert page_after(exactly, limit=50, version_id=3).more
    assert len(page_after(exactly[:2], limit=50, version_id=3).messages) == 2
    assert not page_after(exactly[:2], limit=50, version_id=3).more
    assert len(page_before([message(2, size=PAGE_BYTES_MAX + 1), message(1)], limit=9, version_id=2).messages) == 1


def test_an_empty_page_moves_the_cursor_to_the_version_it_was_read_at() -> None:
    page = page_after([], limit=5, version_id=9)
    assert (page.messages, page.version_id, page.more) == ([], 9, False)
    assert not page_before([], limit=5, version_id=9).more
    assert page_of_hidden([], limit=100, version_id=9).version_id == 9


@given(st.lists(st.integers(1, DELETE_MESSAGES_MAX), max_size=12), st.integers(DELETE_MESSAGES_MAX, 300))
def test_a_page_of_hidden_messages_never_splits_what_one_delete_hid(deletes: list[int], limit: int) -> None:
    rows: list[tuple[int, int]] = []
    for nth, count in enumerate(deletes, 1):
        rows += [(nth * 3, len(rows) + inside + 1) for inside in range(count)]

    def page(cursor: int) -> tuple[list[int], int, bool]:
        found = [row for row in rows if row[0] > cursor][: limit + 1]
        got = page_of_hidden(found, limit=limit, version_id=1_000)
        assert len(got.msg_ids) <= limit
        assert got.more or got.version_id == 1_000
        return got.msg_ids, got.version_id, got.more

    assert read_on(page) == [msg_id for _, msg_id in rows]
