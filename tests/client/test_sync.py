"""Sync, step by step: what each thing a device learns makes it write, and ask for. No loop, no link, no store."""

from msgspec.structs import replace

from sixin.client.heads import Heads
from sixin.client.held import Held
from sixin.client.model import Gap, State, Writes
from sixin.client.ranges import Range
from sixin.client.requests import Pull, PullContacts, PullHidden, PullNew, PullOld
from sixin.client.sync import Sizes, Sync
from sixin.core.contact import Contact
from sixin.core.ids import MsgId, SessionId, Uid
from sixin.core.message import Message

HERE = SessionId("1001:1002")
SIZES = Sizes(far_behind=10, newest=3, changes=4, contacts=5)


def message(sort_key: int, version_id: int | None = None) -> Message:
    changed = version_id is not None and version_id != sort_key
    return Message(
        MsgId(10**17 + sort_key),
        HERE,
        Uid(1002),
        sort_key,
        sort_key,
        version_id or sort_key,
        sort_key,
        "recalled" if changed else "normal",
        b"" if changed else b'{"text":"x","type":"text"}',
        b"",
        0,
        0,
    )


def contact(version_id: int, message_version: int, *, hidden: int = 0, cleared: bool = False) -> Contact:
    last = message(message_version).msg_id
    return Contact(
        owner=Uid(1001),
        session_id=HERE,
        peer=Uid(1002),
        version_id=version_id,
        last_msg_id=last,
        last_del_msg_id=last if cleared else 0,
        message_version=message_version,
        hidden_version=hidden,
    )


class Device:
    """A sync with a store that never fails: what is written is followed at once."""

    def __init__(self, *ranges: Range, contacts: tuple[Contact, ...] = (), hidden: int = 0) -> None:
        held = [Held(HERE, ranges, hidden)] if ranges else []
        version = max((one.version_id for one in contacts), default=0)
        self.heads = Heads(State(1001, "phone", version, 0, list(contacts), held, []))
        self.sync = Sync(self.heads, SIZES)
        self.take(self.sync.connected(version))
        (first, *self.asked) = self.sync.requests()
        assert isinstance(first, PullContacts)
        self.take(self.sync.contacts_pulled(first, [], version, more=False))

    def take(self, writes: Writes) -> Writes:
        self.heads.take(writes)
        return writes

    def asks(self) -> list[Pull]:
        asked, self.asked = [*self.asked, *self.sync.requests()], []
        return asked

    @property
    def ranges(self) -> list[tuple[int, int, int]]:
        return [(one.low, one.high, one.version) for one in self.heads.held[HERE].ranges]


def test_the_next_version_is_applied_an_older_one_nothing_and_a_later_one_pulled() -> None:
    device = Device(Range(0, 5, 5), contacts=(contact(9, 5),))
    assert device.take(device.sync.message_noticed(HERE, 6, message(6))).messages == [message(6)]
    assert device.ranges == [(0, 6, 6)]
    assert not device.take(device.sync.message_noticed(HERE, 6, message(6)))
    assert device.asks() == []
    assert not device.take(device.sync.message_noticed(HERE, 8, message(8)))
    assert device.asks() == [PullNew(HERE, 6, 4)]


def test_a_version_without_its_change_is_pulled() -> None:
    device = Device(Range(0, 5, 5), contacts=(contact(9, 5),))
    assert not device.take(device.sync.message_noticed(HERE, 6, None))
    assert device.asks() == [PullNew(HERE, 5, 4)]


def test_a_session_of_which_nothing_is_held_is_not_pulled() -> None:
    device = Device(contacts=(contact(9, 5),))
    assert not device.take(device.sync.message_noticed(HERE, 7, message(3, 7)))
    assert not device.take(device.sync.message_noticed(HERE, 8, None))
    device.take(device.sync.contact_noticed(10, contact(10, 8)))
    assert device.asks() == []


def test_a_message_born_there_is_held_from_then_on() -> None:
    device = Device(contacts=(contact(9, 5),))
    device.take(device.sync.message_noticed(HERE, 6, message(6)))
    assert device.ranges == [(6, 6, 6)]
    device.take(device.sync.contact_noticed(10, contact(10, 8)))
    assert device.asks() == [PullNew(HERE, 6, 4)]


def test_what_the_owner_hid_before_a_late_notice_is_asked_for_from_the_beginning() -> None:
    device = Device(contacts=(contact(9, 6, hidden=9),))
    device.take(device.sync.message_noticed(HERE, 6, message(6)))
    assert device.asks() == [PullHidden(HERE, 0)]


def test_an_answer_without_news_does_not_end_the_asking_when_news_came_meanwhile() -> None:
    device = Device(Range(0, 5, 5), contacts=(contact(9, 6),))
    (pull,) = device.asks()
    assert isinstance(pull, PullNew)
    device.take(device.sync.contact_noticed(10, contact(10, 7)))
    device.take(device.sync.new_pulled(pull, [], 5, more=False))
    assert device.asks() == [PullNew(HERE, 5, 4)]


def test_a_server_that_has_nothing_to_say_is_not_asked_for_ever() -> None:
    device = Device(Range(0, 5, 5), contacts=(contact(9, 6),))
    (pull,) = device.asks()
    assert isinstance(pull, PullNew)
    device.take(device.sync.new_pulled(pull, [], 5, more=False))
    assert device.asks() == []
    assert device.sync.idle


def test_the_open_end_is_closed_although_the_version_is_right() -> None:
    device = Device(Range(0, 5, 5), contacts=(contact(9, 8),))
    (pull,) = device.asks()
    assert isinstance(pull, PullNew)
    # Four rows up to version 8, and more: 6 was born before them, and has changed since.
    device.take(device.sync.new_pulled(pull, [message(7), message(8)], 8, more=True))
    assert device.ranges == [(0, 5, 8)]
    (again,) = device.asks()
    assert again == PullNew(HERE, 8, 4)
    assert isinstance(again, PullNew)
    assert device.take(device.sync.new_pulled(again, [message(6, 9)], 9, more=False)).messages == [message(6, 9)]
    assert device.ranges == [(0, 9, 9)]


def test_far_behind_the_newest_page_comes_first_then_changes_of_what_was_held() -> None:
    device = Device(Range(0, 5, 5), contacts=(contact(9, 40),))
    (newest,) = device.asks()
    assert newest == PullOld(HERE, None, 3)
    assert isinstance(newest, PullOld)
    writes = device.take(device.sync.old_pulled(newest, [message(key) for key in (38, 39, 40)], 40, more=True))
    assert writes.gaps == [Gap(HERE, 6, 37)]
    assert device.ranges == [(0, 5, 5), (38, 40, 40)]
    (older,) = device.asks()
    assert older == PullNew(HERE, 5, 4, born_up_to=5)
    assert isinstance(older, PullNew)
    kept = device.take(device.sync.new_pulled(older, [message(2, 20), message(4, 31)], 41, more=False)).messages
    assert kept == [message(2, 20), message(4, 31)]
    assert device.ranges == [(0, 5, 41), (38, 40, 40)]
    assert device.asks() == []


def test_a_change_of_a_message_in_a_hole_is_not_kept() -> None:
    device = Device(Range(0, 5, 40), Range(38, 40, 40), contacts=(contact(9, 40),))
    writes = device.take(device.sync.message_noticed(HERE, 41, message(20, 41)))
    assert (writes.messages, device.ranges) == ([], [(0, 5, 41), (38, 41, 41)])


def test_a_full_clear_leaves_nothing_to_pull() -> None:
    device = Device(Range(3, 5, 5), contacts=(contact(9, 5),))
    device.take(device.sync.contact_noticed(10, contact(10, 60, cleared=True)))
    assert device.ranges == [(0, 60, 60)]
    assert device.asks() == []


def test_a_cleared_message_that_comes_late_is_not_kept() -> None:
    device = Device(Range(0, 5, 5), contacts=(replace(contact(9, 6), last_del_msg_id=message(6).msg_id),))
    assert device.take(device.sync.message_noticed(HERE, 6, message(6))).messages == []
    assert device.ranges[-1][1] == 6


def test_a_connection_that_ends_takes_its_questions_with_it() -> None:
    device = Device(Range(0, 5, 5), contacts=(contact(9, 6),))
    (pull,) = device.asks()
    device.sync.disconnected()
    assert device.sync.requests() == []
    device.take(device.sync.connected(9))
    assert device.sync.requests() == [PullContacts(9, 5), pull]


def test_a_refusal_that_says_later_is_asked_again_and_one_that_says_no_is_not() -> None:
    device = Device(Range(0, 5, 5), contacts=(contact(9, 6),))
    (pull,) = device.asks()
    device.sync.refused(pull, again=True)
    (pull,) = device.asks()
    device.sync.refused(pull, again=False)
    assert device.asks() == []


def test_the_timer_asks_for_the_chat_that_is_open_and_for_no_other() -> None:
    device = Device(Range(0, 5, 5), contacts=(contact(9, 5),))
    device.sync.timer()
    assert device.asks() == [PullContacts(9, 5)]
    device.sync.chat_opened(HERE)
    assert device.asks() == [PullNew(HERE, 5, 4)]


def test_a_server_whose_timeline_is_shorter_than_the_copy_is_believed() -> None:
    device = Device(Range(0, 5, 5), contacts=(contact(9, 5),))
    device.sync.disconnected()
    writes = device.take(device.sync.connected(8))
    assert writes.forget
    assert device.heads.contacts == {}
    assert device.asks() == [PullContacts(0, 5)]


def previewed(version_id: int, message_version: int, preview: Message) -> Contact:
    return replace(contact(version_id, message_version), last_message=preview, last_msg_id=preview.msg_id)


def test_the_one_change_that_is_missing_is_taken_from_the_preview() -> None:
    device = Device(Range(0, 5, 5), contacts=(contact(1, 5),))
    said = message(6)
    writes = device.sync.contacts_pulled(PullContacts(1, 5), [previewed(2, 6, said)], 2, more=False)
    assert writes.messages == [said]
    assert writes.held == [Held(HERE, (Range(0, 6, 6),))]
    device.take(writes)
    assert [pull for pull in device.sync.requests() if isinstance(pull, PullNew)] == []


def test_so_is_a_recall_of_the_newest_and_not_one_in_a_hole() -> None:
    recalled = message(5, version_id=6)
    device = Device(Range(0, 5, 5), contacts=(contact(1, 5),))
    assert device.sync.contact_noticed(2, previewed(2, 6, recalled)).messages == [recalled]
    holed = Device(Range(0, 3, 5), contacts=(contact(1, 5),))
    writes = holed.sync.contact_noticed(2, previewed(2, 6, message(5, version_id=6)))
    assert [one.top.version for one in writes.held] == [6]


def test_a_preview_proves_nothing_where_more_is_missing_or_another_message_changed() -> None:
    for late in (previewed(2, 7, message(7)), previewed(2, 6, message(5))):
        device = Device(Range(0, 5, 5), contacts=(contact(1, 5),))
        device.take(device.sync.contact_noticed(2, late))
        assert device.sync.requests() == [PullNew(HERE, 5, 4)]


def test_a_refused_page_of_history_does_not_make_it_forget_a_range_that_lags() -> None:
    """Somebody scrolls while changes of older messages are still coming, and the server has no time for his page."""
    device = Device(Range(1, 4, 4), Range(10, 12, 12), contacts=(contact(5, 12),))
    (pull,) = device.asks()
    assert isinstance(pull, PullNew)
    device.sync.refused(device.sync.page_of(HERE, 10, 20), again=False)

    device.take(device.sync.new_pulled(pull, [message(1, 6)], 6, more=True))
    assert device.asks() == [PullNew(HERE, 6, SIZES.changes, born_up_to=4)]
    assert not device.sync.idle
