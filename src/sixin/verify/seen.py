"""What stands on the wire, as the checker reads it: ids as integers, and only the fields it judges.

Not the product's own types on purpose: a judge that reads through the eyes of the accused sees the same mistakes.
"""

from typing import Any

import msgspec
from msgspec import Raw, Struct


class Message(Struct, frozen=True, gc=False):
    """A message as it was shown to somebody."""

    msg_id: int
    session_id: str
    sender: int
    seq_id: int
    ordinal: int
    version_id: int
    sort_key: int
    status: str
    content: Any  # any JSON: two spellings of one content are equal
    sent_at_ms: int
    changed_at_ms: int


class Contact(Struct, frozen=True, gc=False):
    """A contact as it was shown to somebody."""

    session_id: str
    owner: int
    peer: int
    version_id: int
    sort_key: int
    last_msg_id: int
    last_message: Message | None
    last_del_msg_id: int
    last_read_msg_id: int
    peer_read_msg_id: int
    unread: int
    pinned: bool
    muted: bool
    labels: tuple[str, ...]
    status: str
    peer_ack: bool
    message_version: int
    hidden_version: int

    @property
    def counted(self) -> int:
        """What it adds to its owner's total."""
        return 0 if self.muted or self.status == "deleted" else self.unread


class Body(Struct, frozen=True, gc=False):
    """What any operation asks: the fields it does not have are None."""

    session_id: str | None = None
    to: int | None = None
    seq_id: int | None = None
    content: Any = None
    msg_id: int | None = None
    msg_ids: tuple[int, ...] | None = None
    scope: str | None = None
    up_to_msg_id: int | None = None
    pinned: bool | None = None
    muted: bool | None = None
    labels: tuple[str, ...] | None = None
    after_version: int = 0
    before_sort_key: int | None = None
    born_up_to: int | None = None
    limit: int | None = None

    def session_of(self, uid: int) -> str:
        """The session it is about; empty where it is about none."""
        if self.session_id is not None:
            return self.session_id
        if self.to is None:
            return ""
        return f"{uid}:{self.to}" if uid <= self.to else f"{self.to}:{uid}"


class Answer(Struct, frozen=True, gc=False):
    """What any operation answers: the fields it does not have are None."""

    message: Message | None = None
    contact: Contact | None = None
    messages: list[Message] | None = None
    contacts: list[Contact] | None = None
    msg_ids: list[int] | None = None
    version_id: int | None = None
    more: bool = False
    unread_total: int | None = None
    contact_version: int | None = None


class Notice(Struct, frozen=True, gc=False):
    """What any notice tells."""

    notice: str
    session_id: str | None = None
    version_id: int | None = None
    message: Message | None = None
    contact: Contact | None = None
    uid: int | None = None


_bodies = msgspec.json.Decoder(Body, strict=False)
_answers = msgspec.json.Decoder(Answer, strict=False)
_notices = msgspec.json.Decoder(Notice, strict=False)
_messages = msgspec.json.Decoder(Message, strict=False)
_contacts = msgspec.json.Decoder(Contact, strict=False)


def body_of(raw: Raw) -> Body | None:
    """The body of a call; None where it is none that any operation could accept."""
    try:
        return _bodies.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def answer_of(raw: Raw) -> Answer:
    """An answer. Raises `msgspec.DecodeError`."""
    return _answers.decode(raw)


def notice_of(raw: Raw) -> Notice:
    """A notice. Raises `msgspec.DecodeError`."""
    return _notices.decode(raw)


def message_of(raw: Raw) -> Message:
    """A message. Raises `msgspec.DecodeError`."""
    return _messages.decode(raw)


def contact_of(raw: Raw) -> Contact:
    """A contact. Raises `msgspec.DecodeError`."""
    return _contacts.decode(raw)


def members_of(session_id: str) -> tuple[int, ...]:
    """Who is in a pair; nobody where the id is no pair's."""
    smaller, colon, larger = session_id.partition(":")
    return tuple({int(smaller), int(larger)}) if colon and smaller.isdigit() and larger.isdigit() else ()
