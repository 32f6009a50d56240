"""A tap on a device's end of a link: every frame that passes becomes a line of the history."""

import msgspec
from msgspec import Raw

from sixin.core.wire.bodies import ErrorView
from sixin.core.wire.codec import encode
from tests.simulation.logins import Logins
from tests.simulation.recorder import Asked, Recorder


class _Request(msgspec.Struct):
    id: int
    op: str
    body: Raw = Raw(b"{}")


class _Reply(msgspec.Struct):
    id: int | None = None
    ok: Raw = Raw(b"")
    error: ErrorView | None = None


class Tap:
    """Listens to one connection of one device."""

    def __init__(self, recorder: Recorder, logins: Logins, uid: int, device: str) -> None:
        self._recorder = recorder
        self._logins = logins
        self._login = ""
        self._uid = uid
        self._device = device
        self._waiting: dict[int, Asked] = {}

    def sent(self, frame: bytes) -> None:
        """The device sends a frame."""
        request = msgspec.json.decode(frame, type=_Request)
        body = bytes(request.body)
        if request.op == "hello":
            # It carries the token, which is nobody's business: the history has its name.
            self._login = self._logins.name_of(msgspec.json.decode(body)["token"])
            body = b"{}"
        self._waiting[request.id] = self._recorder.asked(self._uid, self._device, request.op, body, self._login)

    def arrived(self, frame: bytes) -> tuple[int, Asked, bytes | None] | None:
        """A frame reaches the device. For an answer: its number, what was asked, and the answer if it is no refusal."""
        if frame.startswith(b'{"notice"'):
            if not frame.startswith(b'{"notice":"bye"'):
                self._recorder.told(self._uid, self._device, frame, self._login)
            return None
        reply = msgspec.json.decode(frame, type=_Reply)
        asked = self._waiting.pop(reply.id or 0, None)
        if asked is None:
            return None
        if reply.error is not None:
            self._recorder.refused(asked, reply.error)
            return reply.id or 0, asked, None
        self._recorder.answered(asked, reply.ok)
        return reply.id or 0, asked, bytes(reply.ok)

    def closed(self) -> None:
        """The connection is gone: whatever is unanswered stays so."""
        waiting, self._waiting = self._waiting, {}
        for asked in waiting.values():
            self._recorder.silent(asked)


def request(number: int, op: str, body: bytes) -> bytes:
    """A request frame."""
    return encode({"id": number, "op": op, "body": Raw(body)})
