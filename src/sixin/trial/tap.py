"""A tap on a link: every frame that passes becomes a line of the history."""

from collections import deque
from typing import Protocol

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from sixin.core.wire.bodies import ErrorView
from sixin.core.wire.codec import encode
from sixin.trial.recorder import Asked, Recorder


class _Request(Struct):
    id: int
    op: str
    body: Raw = Raw(b"{}")


class _Hello(Struct):
    token: str
    device_id: str = ""


class _Reply(Struct):
    id: int | None = None
    ok: Raw = Raw(b"")
    error: ErrorView | None = None


class Login(Struct, frozen=True):
    """Who got a token, and what the history calls it: never the token itself."""

    uid: int
    device: str
    name: str
    moderator: bool = False
    """He may delete for all what others said."""


class Logins(Protocol):
    """Who issued the tokens of a run."""

    def of(self, token: str) -> Login | None:
        """Whose token this is; None for one that nobody was given."""


NOBODY = Login(0, "", "")


class Tap:
    """Listens to one connection of one device."""

    def __init__(self, recorder: Recorder, logins: Logins) -> None:
        self._recorder = recorder
        self._logins = logins
        self._login = NOBODY
        self._waiting: dict[int, deque[Asked]] = {}
        """What was asked under each number: more than once, where a frame came twice."""

    def sent(self, frame: bytes) -> None:
        """The device sends a frame; or the link, once more."""
        request = msgspec.json.decode(frame, type=_Request)
        body = bytes(request.body)
        if request.op == "hello":
            # It carries the token, which is nobody's business.
            hello = msgspec.json.decode(body, type=_Hello)
            login = self._logins.of(hello.token) or NOBODY
            self._login = replace(login, device=hello.device_id or login.device)
            body = b"{}"
        login = self._login
        asked = self._recorder.asked(login.uid, login.device, request.op, body, login.name, moderator=login.moderator)
        self._waiting.setdefault(request.id, deque()).append(asked)

    def arrived(self, frame: bytes) -> tuple[int, Asked, bytes | None] | None:
        """A frame reaches the device. For an answer: its number, what was asked, and the answer if it is no refusal."""
        if frame.startswith(b'{"notice"'):
            if not frame.startswith(b'{"notice":"bye"'):
                self._recorder.told(self._login.uid, self._login.device, frame, self._login.name)
            return None
        reply = msgspec.json.decode(frame, type=_Reply)
        waiting = self._waiting.get(reply.id or 0)
        if not waiting:
            return None
        # Both asked for the same, so it does not matter which of them is answered first.
        asked = waiting.popleft()
        if not waiting:
            del self._waiting[reply.id or 0]
        if reply.error is not None:
            self._recorder.refused(asked, reply.error)
            return reply.id or 0, asked, None
        self._recorder.answered(asked, reply.ok)
        return reply.id or 0, asked, bytes(reply.ok)

    def closed(self) -> None:
        """The connection is gone: whatever is unanswered stays so."""
        waiting, self._waiting = self._waiting, {}
        for twins in waiting.values():
            for asked in twins:
                self._recorder.silent(asked)


def request(number: int, op: str, body: bytes) -> bytes:
    """A request frame."""
    return encode({"id": number, "op": op, "body": Raw(body)})
