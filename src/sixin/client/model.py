"""What a client keeps beside contacts and messages: outbox entries, and the writes that change its copy."""

from typing import Literal

from msgspec import Struct

from sixin.client.held import Held
from sixin.core.contact import Contact
from sixin.core.ids import MsgId, SessionId
from sixin.core.message import Message

Kind = Literal["send", "read", "pin", "mute", "label", "clear", "delete"]
"""The operations that may wait for a link: doing them twice, or late, is doing them once (offline-operations.md)."""


class Entry(Struct, frozen=True, gc=False):
    """One operation on its way to the server. Kept until the server has answered it."""

    number: int
    """Its place in the outbox: those of one session leave in this order."""
    session_id: SessionId
    kind: Kind
    body: bytes
    """The content of a send; the whole body of any other operation. JSON."""
    queued_at_ms: int
    seq_id: int = 0
    """Of a send; 0 for the others."""
    refused: str = ""
    """The code that refused it for good; empty while it waits."""
    reason: str = ""
    """The server's sentence about that."""


class Hidden(Struct, frozen=True, gc=False):
    """Messages the owner deleted for himself: gone from the copy, and never put back."""

    session_id: SessionId
    msg_ids: tuple[MsgId, ...]


class Cleared(Struct, frozen=True, gc=False):
    """Everything of a session up to a message is gone from the copy."""

    session_id: SessionId
    up_to: MsgId


class Gap(Struct, frozen=True, gc=False):
    """sort_keys of which nothing is to be kept, ends included."""

    session_id: SessionId
    low: int
    high: int


class Writes(Struct):
    """One change of the local store: all of it or nothing. Done in the order of these fields."""

    forget: bool = False
    """Empty the copy first; the outbox, the uid and the numbers of this device stay."""
    messages: list[Message] = []
    """Put where they are newer than what is there, and not hidden."""
    hidden: list[Hidden] = []
    cleared: list[Cleared] = []
    gaps: list[Gap] = []
    contacts: list[Contact] = []
    contact_version: int | None = None
    held: list[Held] = []
    entries: list[Entry] = []
    """Outbox entries as they now are. Durable, against loss of power too, when `apply` returns."""
    settled: list[int] = []
    """Numbers of entries that leave the outbox."""
    last_seq_id: int | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return any(getattr(self, name) not in (None, False, []) for name in self.__struct_fields__)


class Applied(Struct, frozen=True):
    """What a write of messages came to."""

    born: list[Message] = []
    """Those that were not held before."""
    changed: list[Message] = []
    """Those that replaced an older version."""


class State(Struct):
    """What a store gives when it is opened: all but the messages."""

    uid: int
    """0 in a new store whose owner is not known yet."""
    device_id: str
    """Empty in a new store."""
    contact_version: int
    last_seq_id: int
    contacts: list[Contact]
    held: list[Held]
    entries: list[Entry]
    """By number."""
