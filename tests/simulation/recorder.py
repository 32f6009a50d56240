"""Writes the history of a run: one counter for the order of everything, and the end state when it is over."""

from collections.abc import Iterable

from msgspec import Raw

from sixin.core.contact import UserHead
from sixin.core.errors import SixinError
from sixin.core.ids import SessionId, Uid
from sixin.core.wire.bodies import ErrorView
from sixin.core.wire.codec import encode, error_view
from sixin.core.wire.views import contact_view, message_view
from sixin.server.store.memory import MemoryStore
from sixin.verify.history import Call, CutOff, History, Mark, Queued, StoredContacts, StoredMessages, Told


class Asked:
    """A call whose answer has not come."""

    __slots__ = ("body", "device", "op", "start", "token", "uid")

    def __init__(self, start: int, uid: int, device: str, op: str, body: bytes, token: str) -> None:
        self.start = start
        self.uid = uid
        self.device = device
        self.op = op
        self.body = body
        self.token = token


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

    def asked(self, uid: int, device: str, op: str, body: bytes, token: str) -> Asked:
        """A device asks."""
        self.calls += 1
        return Asked(self.now(), uid, device, op, body, token)

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
        self.history.events.append(
            Call(asked.start, str(asked.uid), asked.device, asked.op, Raw(asked.body), end, answer, error, asked.token)
        )

    def told(self, uid: int, device: str, notice: bytes, token: str) -> None:
        """A device is told something."""
        self.history.events.append(Told(self.now(), str(uid), device, Raw(notice), token))

    def queued(self, uid: int, device: str, session_id: str, content: bytes) -> None:
        """A device promises to deliver something."""
        self.history.events.append(Queued(self.now(), str(uid), device, session_id, Raw(content)))

    def mark(self, what: str, who: str, detail: str = "") -> None:
        """Something happened."""
        self.history.events.append(Mark(self.now(), what, who, detail))  # type: ignore[arg-type]

    def cut_off(self, uid: int, token: str) -> None:
        """Nothing may be delivered to this login from here on."""
        self.history.events.append(CutOff(self.now(), str(uid), token=token))

    def take_end(self, rows: MemoryStore, uids: Iterable[int], sessions: Iterable[str]) -> None:
        """What the server holds at the end: the rows themselves, not what some page of them would show."""
        stored = rows._rows
        for session_id in sessions:
            head = stored.sessions.get(SessionId(session_id))
            messages = [m for m in stored.messages.values() if m is not None and m.session_id == session_id]
            if head is not None or messages:
                encoded = [Raw(encode(message_view(message))) for message in messages]
                version_id = head.version_id if head is not None else 0
                self.history.ends.append(StoredMessages(session_id, version_id, encoded))
        for uid in uids:
            user = stored.users.get(Uid(uid)) or UserHead(Uid(uid))
            contacts = [c for c in stored.contacts.values() if c is not None and c.owner == uid]
            hidden = [
                (str(row.session_id), str(row.msg_id), row.version_id)
                for row in stored.hidden.values()
                if row is not None and row.owner == uid
            ]
            lines = [Raw(encode(contact_view(contact))) for contact in contacts]
            self.history.ends.append(StoredContacts(str(uid), user.version_id, user.unread_total, lines, hidden))
