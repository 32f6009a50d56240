"""What the server asks of its SQLite processes, and how it travels: length-prefixed msgpack, answered in order."""

import struct
from typing import Final, Literal

import msgspec
from msgspec import Struct

from sixin.core import errors
from sixin.core.rows import Keys, Loaded, PreviewWithout, UnreadUpTo
from sixin.server.store.base import Changes, StoreRefused
from sixin.server.store.sqlite_rows import (
    Columns,
    Stored,
    contact_columns,
    emptied_columns,
    hidden_columns,
    message_columns,
    profile_columns,
    session_columns,
    user_columns,
)


class Request(Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Something to be done by the process at the other end."""


class Open(Request, frozen=True, array_like=True, tag=True, gc=False):
    """Open the file; the first request to every process. Answered by the level of its schema."""


class Load(Request, frozen=True, array_like=True, tag=True, gc=False):
    """`Transaction.load`."""

    slots: list[int]
    sessions: list[str]
    users: list[int]
    contacts: list[tuple[int, str]]
    messages: list[int]
    seqs: list[tuple[str, int, int]]
    hidden: list[tuple[int, int]]
    profiles: list[int]
    unread: list[UnreadUpTo]
    previews: list[PreviewWithout]


class Commit(Request, frozen=True, array_like=True, tag=True, gc=False):
    """`Transaction.commit` and `FollowedStore.follow`: the columns of every row."""

    number: int
    follows: int
    """The commit that this one was decided on top of, while that was under way; 0 where it was known to be written."""
    slots: list[tuple[int, int]]
    sessions: list[Columns]
    users: list[Columns]
    contacts: list[Columns]
    born: list[Columns]
    emptied: list[Columns]
    hidden: list[Columns]
    profiles: list[Columns]


class ReadContact(Request, frozen=True, array_like=True, tag=True, gc=False):
    """`Store.contact`."""

    owner: int
    session_id: str


class ReadUser(Request, frozen=True, array_like=True, tag=True, gc=False):
    """`Store.user`."""

    uid: int


class ReadRevocations(Request, frozen=True, array_like=True, tag=True, gc=False):
    """`Store.revocations`."""


class ReadSession(Request, frozen=True, array_like=True, tag=True, gc=False):
    """`Store.session`."""

    session_id: str


class PullNew(Request, frozen=True, array_like=True, tag=True, gc=False):
    """`Store.pull_new`."""

    owner: int
    session_id: str
    after_version: int
    born_up_to: int | None
    limit: int


class PullOld(Request, frozen=True, array_like=True, tag=True, gc=False):
    """`Store.pull_old`."""

    owner: int
    session_id: str
    before_sort_key: int | None
    limit: int


class PullContacts(Request, frozen=True, array_like=True, tag=True, gc=False):
    """`Store.pull_contacts`."""

    owner: int
    after_version: int
    limit: int


class PullHidden(Request, frozen=True, array_like=True, tag=True, gc=False):
    """`Store.pull_hidden`."""

    owner: int
    session_id: str
    after_version: int
    limit: int


class ReadTails(Request, frozen=True, array_like=True, tag=True, gc=False):
    """`Store.read_tails`."""

    session_ids: list[str]
    versions_max: int


class StoredMessages(Request, frozen=True, array_like=True, tag=True, gc=False):
    """`Store.messages`."""

    session_id: str
    before_sort_key: int | None
    limit: int


Read = (
    ReadContact
    | ReadUser
    | ReadRevocations
    | ReadSession
    | PullNew
    | PullOld
    | PullContacts
    | PullHidden
    | ReadTails
    | StoredMessages
)
AnyRequest = Open | Load | Commit | Read

Answer = int | Loaded | None | Stored | list[Stored] | tuple[int, list[Stored]]
"""Of Open; of Load; of Commit; of the reads: a row or none, rows, or rows with the version they were read at.

Rows travel as the statement gave them, and become what they are in the server: half the work of the reader was to make
them into objects and those into maps with names, only to have them taken apart again."""


class Failure(Struct, frozen=True, gc=False):
    """What came of a request that was not done, or not known to be done."""

    kind: Literal["unavailable", "internal", "refused"]
    message: str
    """For whoever asked: no path, nothing of the inside; only `refused` is for the operator."""
    detail: str = ""
    """For the log."""

    def to_raise(self) -> Exception:
        """The error that this is to whoever asked."""
        return _RAISED[self.kind](self.message)


_RAISED: Final[dict[str, type[Exception]]] = {
    "unavailable": errors.Unavailable,
    "internal": errors.Internal,
    "refused": StoreRefused,
}

_LENGTH: Final = struct.Struct("<I")
_encoder: Final = msgspec.msgpack.Encoder()
_requests: Final = msgspec.msgpack.Decoder(AnyRequest)

_FINE: Final = 0
_FAILED: Final = 1
_failures: Final = msgspec.msgpack.Decoder(Failure)


def load_of(keys: Keys) -> Load:
    """Keys, ready to travel."""
    return Load(
        list(keys.slots),
        list(keys.sessions),
        list(keys.users),
        list(keys.contacts),
        list(keys.messages),
        list(keys.seqs),
        list(keys.hidden),
        list(keys.profiles),
        [fact for fact in keys.facts if isinstance(fact, UnreadUpTo)],
        [fact for fact in keys.facts if isinstance(fact, PreviewWithout)],
    )


def commit_of(changes: Changes, number: int, follows: int = 0) -> Commit:
    """Changes, ready to travel: as columns, because that is what the statements take, and half as large."""
    return Commit(
        number,
        follows,
        [(row.slot, row.last_tick) for row in changes.slots],
        [session_columns(row) for row in changes.sessions],
        [user_columns(row) for row in changes.users],
        [contact_columns(row) for row in changes.contacts],
        [message_columns(row) for row in changes.born],
        [emptied_columns(row) for row in changes.emptied],
        [hidden_columns(row) for row in changes.hidden],
        [profile_columns(row) for row in changes.profiles],
    )


def request_frame(request: AnyRequest) -> bytes:
    """A request as it travels."""
    frame = bytearray(_LENGTH.size)
    _encoder.encode_into(request, frame, _LENGTH.size)
    _LENGTH.pack_into(frame, 0, len(frame) - _LENGTH.size)
    return bytes(frame)


def request_of(body: bytes | memoryview) -> AnyRequest:
    """A request from its frame's body."""
    request: AnyRequest = _requests.decode(body)
    return request


def answer_frame(answer: Answer) -> bytes:
    """An answer as it travels."""
    frame = bytearray(_LENGTH.size + 1)
    _encoder.encode_into(answer, frame, _LENGTH.size + 1)
    _LENGTH.pack_into(frame, 0, len(frame) - _LENGTH.size)
    return bytes(frame)


def failure_frame(failure: Failure) -> bytes:
    """A failure as it travels."""
    body = bytes([_FAILED]) + _encoder.encode(failure)
    return _LENGTH.pack(len(body)) + body


def answer_of(body: memoryview) -> memoryview | Failure:
    """The answer inside a frame's body, still encoded; or the failure."""
    return _failures.decode(body[1:]) if body[0] == _FAILED else body[1:]


class Frames:
    """Cuts what arrives into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, data: bytes) -> list[bytes]:
        """The bodies of the frames that are now complete."""
        self._buffer += data
        bodies: list[bytes] = []
        start = 0
        while len(self._buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, start)
            end = start + _LENGTH.size + length
            if end > len(self._buffer):
                break
            bodies.append(bytes(self._buffer[start + _LENGTH.size : end]))
            start = end
        del self._buffer[:start]
        return bodies
