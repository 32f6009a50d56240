"""The history of a run: everything that was asked, answered and told, and what everybody holds at the end.

One event per line of JSON. The order numbers (`start`, `end`, `at`) come from one counter, or from one clock fine
enough that no two are equal: "a ended before b started" has to be decidable. Bodies, answers and notices stand as they
went over the wire, so that anything that speaks the protocol can write a history, in any language.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Literal

import msgspec
from msgspec import Raw, Struct

from sixin.core.wire.bodies import ErrorView, UidText


class Call(Struct, frozen=True, gc=False, omit_defaults=True, tag="call"):
    """An operation was asked once. Neither `answer` nor `error`: silence, and nobody knows what became of it."""

    start: int
    uid: UidText
    """Who asked, by his token."""
    device: str
    op: str
    body: Raw
    end: int | None = None
    """When the answer arrived."""
    answer: Raw | None = None
    error: ErrorView | None = None
    token: str = ""
    """Which login of the user, by any name: never the token itself."""
    moderator: bool = False
    """By his token he is one: he may delete for all what others said."""


class Told(Struct, frozen=True, gc=False, omit_defaults=True, tag="told"):
    """A device was pushed a notice."""

    at: int
    uid: UidText
    device: str
    notice: Raw
    token: str = ""


class Mark(Struct, frozen=True, gc=False, omit_defaults=True, tag="mark"):
    """Something happened to a device, a node or a clock. Judges nothing; explains much."""

    at: int
    what: Literal[
        "device_connected",
        "device_disconnected",
        "device_crashed",
        "device_slept",
        "device_woke",
        "node_started",
        "node_stopped",
        "node_crashed",
        "sync_failed",
        "clock_moved",
        "link_broken",
    ]
    who: str
    detail: str = ""


class CutOff(Struct, frozen=True, gc=False, omit_defaults=True, tag="cut_off"):
    """From here on nothing may be delivered: a token was revoked, somebody was blocked, and the bound has passed."""

    at: int
    uid: UidText
    device: str = ""
    """One device; every device of the user where it is empty."""
    session_id: str = ""
    """One session; every session where it is empty."""
    token: str = ""
    """One login; every login where it is empty."""


class Queued(Struct, frozen=True, gc=False, omit_defaults=True, tag="queued"):
    """A device told its user that it keeps what he said until it is delivered: into its outbox, and on its disk.

    Contents of one device have to differ from each other, so that what became of each can be told.
    """

    at: int
    uid: UidText
    device: str
    session_id: str
    content: Raw


class Shown(Struct, frozen=True, gc=False, omit_defaults=True, tag="shown"):
    """A device showed its user a piece of a session's history, oldest first."""

    at: int
    uid: UidText
    device: str
    session_id: str
    messages: list[Raw]
    more: bool = False
    """There is, or may be, something older."""
    hole: bool = False
    """It ends where the device does not know what comes next, and says so."""


class StoredMessages(Struct, frozen=True, gc=False, omit_defaults=True, tag="stored_messages"):
    """A session as the server holds it at the end. `messages`: in any order."""

    session_id: str
    version_id: int
    messages: list[Raw]
    complete: bool = True
    """False where it was put together from what its members can see, who may have cleared or hidden some of it."""


class StoredContacts(Struct, frozen=True, gc=False, omit_defaults=True, tag="stored_contacts"):
    """A user's line for each session as the server holds them at the end."""

    uid: UidText
    version_id: int
    unread_total: int
    contacts: list[Raw]
    hidden: list[tuple[str, str, int]] = []
    """What he deleted for himself: session_id, msg_id, and the contact version it was done at."""


class HeldMessages(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a device holds of one session."""

    session_id: str
    version_id: int
    """Its cursor."""
    messages: list[Raw]
    ranges: list[tuple[int, int]] = []
    """The sort keys it claims to know all messages of: from, to, both included."""


class DeviceCopy(Struct, frozen=True, gc=False, omit_defaults=True, tag="device_copy"):
    """What a device holds at the end."""

    uid: UidText
    device: str
    version_id: int
    """How far it knows the contact timeline."""
    unread_total: int
    contacts: list[Raw]
    sessions: list[HeldMessages] = []
    settled: bool = True
    """It has pulled until nothing was new, and nothing happened since."""
    unsent: list[tuple[str, int]] = []
    """What waits in its outbox: session_id and seq_id."""
    refused: list[tuple[str, Raw]] = []
    """What it shows as refused for good: session_id and content."""


Event = Call | Told | Mark | CutOff | Queued | Shown
End = StoredMessages | StoredContacts | DeviceCopy
Entry = Event | End


class Row(Struct, frozen=True, gc=False, tag="row"):
    """One row of somebody's end state, where the whole of it would show no more."""

    of: str
    row: Raw


Evidence = Entry | Row


class History(Struct):
    """A run: what happened, in any order, and how it ended."""

    events: list[Event] = []
    ends: list[End] = []

    def add(self, entry: Entry) -> None:
        """One more line."""
        if isinstance(entry, StoredMessages | StoredContacts | DeviceCopy):
            self.ends.append(entry)
        else:
            self.events.append(entry)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "History":
        """A history of these lines."""
        history = cls()
        for entry in entries:
            history.add(entry)
        return history

    def in_order(self) -> list[Event]:
        """The events by the order in which they were known: an answer stands where it arrived, silence at the end."""
        return sorted(self.events, key=known_at)


NEVER = 2**62
"""Later than every order number."""


def known_at(event: Event) -> int:
    """When an event was known to whoever it happened to."""
    if isinstance(event, Call):
        return NEVER if event.end is None else event.end
    return event.at


class _WrittenCall(Struct, frozen=True, gc=False, tag="call"):
    """A call as it is read: a `Raw` can be missing there, and not be null."""

    start: int
    uid: UidText
    device: str
    op: str
    body: Raw
    end: int | None = None
    answer: Raw = Raw(b"")
    error: ErrorView | None = None
    token: str = ""
    moderator: bool = False

    def call(self) -> Call:
        """The call itself."""
        answer = self.answer if bytes(self.answer) else None
        asked = self.start, self.uid, self.device, self.op, self.body
        return Call(*asked, self.end, answer, self.error, self.token, self.moderator)


_Written = _WrittenCall | Told | Mark | CutOff | Queued | Shown | StoredMessages | StoredContacts | DeviceCopy

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[_Written] = msgspec.json.Decoder(_Written)


def _entry_of(line: bytes) -> Entry:
    written = _decoder.decode(line)
    return written.call() if isinstance(written, _WrittenCall) else written


def lines_of(history: History) -> Iterator[bytes]:
    """A history as lines of JSON, without the line breaks."""
    for event in history.events:
        yield _encoder.encode(event)
    for end in history.ends:
        yield _encoder.encode(end)


def write(history: History, file: IO[bytes]) -> None:
    """Write a history as lines of JSON."""
    for line in lines_of(history):
        file.write(line)
        file.write(b"\n")


def read(path: Path) -> History:
    """Read a history. Raises `msgspec.ValidationError` or `msgspec.DecodeError` for what is none."""
    with path.open("rb") as file:
        return History.of(_entry_of(line) for line in file if line.strip())
