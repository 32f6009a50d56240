"""Sync: what a device asks for next, where only an unlucky order of answers shows the difference."""

from sixin.client.heads import Heads
from sixin.client.held import Held
from sixin.client.model import State
from sixin.client.ranges import Range
from sixin.client.requests import Pull, PullContacts, PullNew
from sixin.client.sync import Sync
from sixin.core.contact import Contact
from sixin.core.ids import SessionId, Uid

SESSION = SessionId("1001:1002")
LAGGING, NEWEST = Range(1, 1, 1), Range(10, 12, 12)


def device_with_a_hole() -> Sync:
    """It holds the first message as of version 1, and the newest page as of version 12."""
    contact = Contact(Uid(1001), SESSION, Uid(1002), version_id=5, message_version=12)
    held = Held(SESSION, (LAGGING, NEWEST))
    return Sync(Heads(State(1001, "phone", 5, 0, [contact], [held], [])))


def of_session(sync: Sync) -> list[Pull]:
    return [pull for pull in sync.requests() if not isinstance(pull, PullContacts)]


def is_of_the_hole(pull: Pull) -> bool:
    return isinstance(pull, PullNew) and pull.born_up_to == LAGGING.high


def test_a_range_that_lags_is_asked_for_again_when_its_pull_was_refused() -> None:
    sync = device_with_a_hole()
    sync.connected(5)
    (pull,) = of_session(sync)
    assert is_of_the_hole(pull)
    sync.refused(pull, again=True)

    asked = of_session(sync)
    while asked and not is_of_the_hole(asked[0]):
        (newest,) = asked
        assert isinstance(newest, PullNew)
        sync.new_pulled(newest, [], NEWEST.version, more=False)
        asked = of_session(sync)
    assert asked, "the change of a message it holds would never reach it"


def test_looking_at_a_chat_does_not_make_it_forget_a_range_that_lags() -> None:
    sync = device_with_a_hole()
    sync.connected(5)
    sync.chat_opened(SESSION)
    (newest,) = of_session(sync)
    assert isinstance(newest, PullNew)
    assert newest.born_up_to is None
    sync.new_pulled(newest, [], NEWEST.version, more=False)

    (pull,) = of_session(sync)
    assert is_of_the_hole(pull)


def test_an_answer_that_brings_nothing_is_not_asked_for_again() -> None:
    """A replica that is behind would else be asked for ever."""
    sync = device_with_a_hole()
    sync.connected(5)
    (pull,) = of_session(sync)
    assert isinstance(pull, PullNew)
    sync.new_pulled(pull, [], LAGGING.version, more=False)
    assert of_session(sync) == []
