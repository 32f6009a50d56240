"""Writes the history of a run: one counter for the order of everything."""

from msgspec import Raw

from sixin.client.history import Page
from sixin.core.errors import SixinError
from sixin.core.wire.bodies import ErrorView
from sixin.core.wire.codec import encode, error_view
from sixin.core.wire.views import message_view
from sixin.verify.history import Call, CutOff, History, Mark, Queued, Shown, Told


class Asked:
    """A call whose answer has not come."""

    __slots__ = ("body", "device", "moderator", "op", "start", "token", "uid")

    def __init__(self, start: int, uid: int, device: str, op: str, body: bytes, token: str, *, moderator: bool) -> None:
        self.start = start
        self.uid = uid
        self.device = device
        self.op = op
        self.body = body
        self.token = token
        self.moderator = moderator


class Recorder:
    """The history as it grows."""

    def __init__(self) -> None:
        self.history = History()
        self.calls = 0
        self._order = 0

    def now(self) -> int:
        """The next number of the one order."""
        self._order += 1
        return self._order

    def asked(self, uid: int, device: str, op: str, body: bytes, token: str, *, moderator: bool = False) -> Asked:
        """A device asks. `moderator`: by its token its user is one."""
        self.calls += 1
        return Asked(self.now(), uid, device, op, body, token, moderator=moderator)

    def answered(self, asked: Asked, answer: bytes | Raw) -> None:
        """It is answered."""
        self._close(asked, self.now(), answer=Raw(bytes(answer)))

    def refused(self, asked: Asked, error: ErrorView | SixinError) -> None:
        """It is refused."""
        view = error_view(error) if isinstance(error, SixinError) else error
        self._close(asked, self.now(), error=view)

    def silent(self, asked: Asked) -> None:
        """It never hears of it."""
        self._close(asked, None)

    def _close(self, asked: Asked, end: int | None, answer: Raw | None = None, error: ErrorView | None = None) -> None:
        asks = asked.start, str(asked.uid), asked.device, asked.op, Raw(asked.body)
        self.history.events.append(Call(*asks, end, answer, error, asked.token, asked.moderator))

    def told(self, uid: int, device: str, notice: bytes, token: str) -> None:
        """A device is told something."""
        self.history.events.append(Told(self.now(), str(uid), device, Raw(notice), token))

    def queued(self, uid: int, device: str, session_id: str, content: bytes) -> None:
        """A device promises to deliver something."""
        self.history.events.append(Queued(self.now(), str(uid), device, session_id, Raw(content)))

    def shown(self, uid: int, device: str, session_id: str, page: Page) -> None:
        """A device shows a page of history."""
        rows = [Raw(encode(message_view(message))) for message in page.messages]
        self.history.events.append(Shown(self.now(), str(uid), device, session_id, rows, page.more, page.hole))

    def mark(self, what: str, who: str, detail: str = "") -> None:
        """Something happened."""
        self.history.events.append(Mark(self.now(), what, who, detail))  # type: ignore[arg-type]

    def cut_off(self, uid: int, token: str) -> None:
        """Nothing may be delivered to this login from here on."""
        self.history.events.append(CutOff(self.now(), str(uid), token=token))
