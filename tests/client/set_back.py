"""A life for the vectors: its words are taken back, hidden and cleared, and then its server is set back to a backup."""

from sixin.client.heads import Heads
from sixin.client.model import State, Writes
from sixin.client.requests import Pull, PullContacts, PullHidden, PullNew, PullOld
from sixin.client.sync import Sizes, Sync
from sixin.core.contact import Contact
from sixin.core.ids import MsgId, Uid, pair_session_id
from sixin.core.message import Message, Status

ANN, BOB = Uid(1001), Uid(1002)
HERE = pair_session_id(ANN, BOB)
SIZES = Sizes(far_behind=6, newest=3, changes=4, contacts=2)


def _message(sort_key: int, version_id: int, status: Status = "normal") -> Message:
    content = b'{"text":"line %d","type":"text"}' % sort_key if status == "normal" else b""
    return Message(
        msg_id=_msg_id(sort_key),
        session_id=HERE,
        sender=BOB,
        seq_id=sort_key,
        ordinal=sort_key,
        version_id=version_id,
        sort_key=sort_key,
        status=status,
        content=content,
        digest=b"",
        sent_at_ms=1_790_000_000_000 + sort_key,
        changed_at_ms=1_790_000_000_000 + version_id,
    )


def _msg_id(sort_key: int) -> MsgId:
    return MsgId(227_744_020_000_007_192 + sort_key * 10_000)


def _contact(
    version_id: int, last: Message, message_version: int, *, cleared: int = 0, hidden_version: int = 0
) -> Contact:
    return Contact(
        ANN,
        HERE,
        BOB,
        version_id=version_id,
        sort_key=version_id,
        last_msg_id=last.msg_id,
        last_message=last,
        last_del_msg_id=_msg_id(cleared) if cleared else MsgId(0),
        message_version=message_version,
        hidden_version=hidden_version,
    )


class Device:
    """A `Sync` and its heads; what it asks is answered by hand."""

    def __init__(self) -> None:
        state = State(uid=ANN, device_id="", contact_version=0, last_seq_id=0, contacts=[], held=[], entries=[])
        self.heads = Heads(state)
        self.sync = Sync(self.heads, SIZES)

    def asks(self) -> list[Pull]:
        """What it asks for now."""
        return self.sync.requests()

    def take(self, writes: Writes) -> None:
        """Follow."""
        self.heads.take(writes)


def live_through_a_server_set_back() -> None:
    """Live it."""
    device = Device()
    sync, take = device.sync, device.take
    one, two, three = (_message(nth, nth) for nth in (1, 2, 3))

    # It opens the chat; its first pulls are refused, once for a while and once for good, and then answered.
    take(sync.connected(3))
    sync.chat_opened(HERE)
    (contacts, newest) = device.asks()
    assert isinstance(contacts, PullContacts)
    assert isinstance(newest, PullOld)
    sync.refused(contacts, again=True)
    sync.refused(newest, again=False)
    (contacts,) = device.asks()
    assert isinstance(contacts, PullContacts)
    take(sync.contacts_pulled(contacts, [_contact(3, three, 3)], 3, more=False))
    sync.wanted(HERE)
    (newest,) = device.asks()
    assert isinstance(newest, PullOld)
    take(sync.old_pulled(newest, [one, two, three], 3, more=False))
    device.asks()

    # The last line is recalled: its preview goes before the list's own notice. Another is deleted for all.
    recalled = _message(3, 4, "recalled")
    take(sync.message_noticed(HERE, 4, recalled))
    take(sync.contact_noticed(4, _contact(4, recalled, 4)))
    take(sync.message_noticed(HERE, 5, _message(1, 5, "deleted")))
    take(sync.contact_noticed(5, _contact(5, recalled, 5)))
    device.asks()

    # On another device its owner hides the second: nothing may bring it back, not even a change of it.
    take(sync.contact_noticed(6, _contact(6, recalled, 5, hidden_version=6)))
    (hidden,) = device.asks()
    assert isinstance(hidden, PullHidden)
    take(sync.hidden_pulled(hidden, [two.msg_id], 6, more=False))
    device.asks()
    take(sync.message_noticed(HERE, 6, _message(2, 6, "recalled")))
    four = _message(7, 7)
    take(sync.message_noticed(HERE, 7, four))
    take(sync.contact_noticed(8, None))
    (contacts,) = device.asks()
    assert isinstance(contacts, PullContacts)

    # The server comes back from a backup, and knows less than the device: the copy is worth nothing.
    sync.disconnected()
    take(sync.connected(2))
    (contacts_again, newest) = device.asks()
    assert isinstance(contacts_again, PullContacts)
    assert isinstance(newest, PullOld)
    take(sync.contacts_pulled(contacts, [_contact(8, four, 7)], 8, more=False))  # an answer of the time before
    other = _message(2, 2)
    take(sync.contacts_pulled(contacts_again, [_contact(2, other, 2)], 2, more=False))
    take(sync.old_pulled(newest, [one, other], 2, more=False))
    device.asks()

    # What it had hidden is there again, for this server does not know of it; then it clears all there is.
    take(sync.message_noticed(HERE, 3, _message(3, 3)))
    take(sync.contact_noticed(3, _contact(3, _message(3, 3), 3, cleared=2)))
    for pull in device.asks():
        assert isinstance(pull, PullNew)
        take(sync.new_pulled(pull, [], 3, more=False))
    sync.chat_closed(HERE)
