"""Frames: one unit on the wire (docs/protocol.md). A request, its answer, or a notice that nobody asked for."""

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

from sixin.core.limits import SAFE_INTEGER_MAX
from sixin.core.wire.bodies import ErrorView, SessionIdText, UidText, Version

RequestId = Annotated[
    int, Meta(ge=0, le=SAFE_INTEGER_MAX, description="The asker's own number; the answer carries it back.")
]


class Request(Struct, frozen=True, gc=False):
    """Asks for an operation."""

    id: RequestId
    op: str
    body: Raw = Raw(b"{}")


class Ok(Struct, frozen=True, gc=False):
    """It was done."""

    id: RequestId
    ok: Raw


class Refusal(Struct, frozen=True, gc=False):
    """It was refused and has changed nothing. `id` is null where the request's could not be read."""

    id: RequestId | None
    error: ErrorView


class MessageNotice(Struct, frozen=True, gc=False, omit_defaults=True, tag="message", tag_field="notice"):
    """A session's timeline reached a version; the message may be left out: then pull."""

    session_id: SessionIdText
    version_id: Version
    message: Raw | None = None


class ContactNotice(Struct, frozen=True, gc=False, omit_defaults=True, tag="contact", tag_field="notice"):
    """Your contact timeline reached a version; the contact may be left out: then pull."""

    version_id: Version
    contact: Raw | None = None


class TypingNotice(Struct, frozen=True, gc=False, tag="typing", tag_field="notice"):
    """Somebody is typing; good for a few seconds."""

    session_id: SessionIdText
    uid: UidText


class ByeNotice(Struct, frozen=True, gc=False, tag="bye", tag_field="notice"):
    """The server closes this connection. `revoked` and `expired`: get a token first; else come back later."""

    code: Literal["revoked", "expired", "slow", "draining", "too_many", "unauthenticated", "timeout"]


Notice = MessageNotice | ContactNotice | TypingNotice | ByeNotice
