"""The client's side of one connection as a state machine: payloads in, events out, no socket and no clock.

    OPENING --hello--> GREETING --welcome--> READY --bye--> CLOSED
                          |
                          +--refused--> CLOSED

Its counterpart is `core.wire.connection`. Notices of a kind that is not known, from a newer server, are passed by.
"""

from enum import Enum, auto
from typing import Any, Final

from msgspec import UNSET, Raw, Struct

from sixin.core import errors
from sixin.core.contact import Contact
from sixin.core.ids import SessionId, Uid, parse_session_id, parse_uid
from sixin.core.message import Message
from sixin.core.wire import codec
from sixin.core.wire.bodies import OPERATIONS, ContactView, HelloAnswer, HelloBody, MessageView
from sixin.core.wire.frames import TypingNotice
from sixin.core.wire.views import contact_of, message_of


class ProtocolBroken(Exception):
    """The server said what no server says."""


class Phase(Enum):
    """How far the conversation has come."""

    OPENING = auto()
    GREETING = auto()
    READY = auto()
    CLOSED = auto()


class Welcomed(Struct, frozen=True):
    """The server believes us."""

    uid: Uid
    device_id: str
    contact_version: int
    server_time_ms: int


class Answered(Struct, frozen=True):
    """A request was done."""

    id: int
    answer: Any
    """As its type in `OPERATIONS`."""


class Refused(Struct, frozen=True):
    """A request was refused."""

    id: int
    error: errors.SixinError


class MessageNoticed(Struct, frozen=True):
    """A session's timeline reached a version."""

    session_id: SessionId
    version_id: int
    message: Message | None


class ContactNoticed(Struct, frozen=True):
    """Our contact timeline reached a version."""

    version_id: int
    contact: Contact | None


class TypingNoticed(Struct, frozen=True):
    """Somebody is typing."""

    session_id: SessionId
    uid: Uid


class Bye(Struct, frozen=True):
    """The server ends the connection, and says why."""

    code: str


Event = Welcomed | Answered | Refused | MessageNoticed | ContactNoticed | TypingNoticed | Bye


class _Error(Struct):
    """A refusal. Its code may be one that this client does not know yet."""

    code: str
    message: str
    retry_after_ms: int | None = None


class _Incoming(Struct):
    """Any frame of the server, before it is known which."""

    id: int | None = None
    ok: Raw = Raw(b"")
    error: _Error | None = None
    notice: str | None = None
    code: str = ""


class _MessageNotice(Struct):
    """`frames.MessageNotice`, with what it carries as its type."""

    session_id: str
    version_id: int
    message: MessageView | None = None


class _ContactNotice(Struct):
    """`frames.ContactNotice`, likewise."""

    version_id: int
    contact: ContactView | None = None


HELLO_ID: Final = 1


class Conversation:
    """One connection, from hello to bye."""

    def __init__(self) -> None:
        self.phase = Phase.OPENING
        self._asked: dict[int, str] = {}
        self._last_id = HELLO_ID

    def hello(self, token: str, device_id: str) -> bytes:
        """The first frame."""
        self.phase = Phase.GREETING
        return codec.encode_request(HELLO_ID, "hello", HelloBody(token, device_id or UNSET))

    def ask(self, op: str, body: Struct | Raw) -> tuple[int, bytes]:
        """A request's id and its frame."""
        self._last_id += 1
        self._asked[self._last_id] = op
        return self._last_id, codec.encode_request(self._last_id, op, body)

    def receive(self, payload: bytes) -> Event | None:
        """What a frame says; None where it says nothing to us. Raises `ProtocolBroken`."""
        try:
            frame = codec.decode_as(_Incoming, payload)
            return self._event_of(frame, payload)
        except errors.BadRequest as error:
            raise ProtocolBroken(f"A frame of the server cannot be understood: {error.message}") from None

    def _event_of(self, frame: _Incoming, payload: bytes) -> Event | None:
        if frame.notice is not None:
            return self._notice_of(frame, payload)
        if self.phase is Phase.GREETING:
            return self._greeted(frame)
        if self.phase is not Phase.READY or frame.id is None:
            raise ProtocolBroken("An answer to nothing that was asked.")

        op = self._asked.pop(frame.id, None)
        if op is None:
            return None  # answered before: a frame may come twice
        if frame.ok:
            return Answered(frame.id, codec.decode_as(OPERATIONS[op].answer, frame.ok))
        return Refused(frame.id, _error_of(frame))

    def _greeted(self, frame: _Incoming) -> Event:
        if frame.id != HELLO_ID:
            raise ProtocolBroken("The answer to a hello comes before any other.")
        if not frame.ok:
            self.phase = Phase.CLOSED
            return Refused(HELLO_ID, _error_of(frame))
        answer = codec.decode_as(HelloAnswer, frame.ok)
        self.phase = Phase.READY
        return Welcomed(parse_uid(answer.uid), answer.device_id, answer.contact_version, answer.server_time_ms)

    def _notice_of(self, frame: _Incoming, payload: bytes) -> Event | None:
        match frame.notice:
            case "message":
                told = codec.decode_as(_MessageNotice, payload)
                message = None if told.message is None else message_of(told.message)
                return MessageNoticed(parse_session_id(told.session_id), told.version_id, message)
            case "contact":
                seen = codec.decode_as(_ContactNotice, payload)
                contact = None if seen.contact is None else contact_of(seen.contact)
                return ContactNoticed(seen.version_id, contact)
            case "typing":
                typing = codec.decode_as(TypingNotice, payload)
                return TypingNoticed(parse_session_id(typing.session_id), parse_uid(typing.uid))
            case "bye":
                self.phase = Phase.CLOSED
                return Bye(frame.code)
            case _:
                return None


def _error_of(frame: _Incoming) -> errors.SixinError:
    if frame.error is None:
        raise ProtocolBroken("A frame with neither an answer, nor a refusal, nor a notice.")
    return errors.from_code(frame.error.code, frame.error.message, frame.error.retry_after_ms)
