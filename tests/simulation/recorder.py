"""Writes the history of a run: one counter for the order of everything, and the end state when it is over."""

from collections.abc import Iterable

from msgspec import Raw

from sixin.client.history import Page
from sixin.core.contact import Contact
from sixin.core.errors import SixinError
from sixin.core.ids import SessionId, Uid
from sixin.core.limits import PAGE_HIDDEN_MAX
from sixin.core.wire.bodies import ErrorView
from sixin.core.wire.codec import encode, error_view
from sixin.core.wire.views import contact_view, message_view
from sixin.server.store.memory import MemoryStore
from sixin.verify.history import Call, CutOff, History, Mark, Queued, Shown, StoredContacts, StoredMessages, Told

ALL = 10**9


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

    async def take_end(self, rows: MemoryStore, uids: Iterable[int], sessions: Iterable[str]) -> None:
        """What the server holds at the end."""
        for session_id in map(SessionId, sessions):
            head = await rows.session(session_id)
            messages = await rows.messages(session_id, before_sort_key=None, limit=ALL)
            if head.version_id or messages:
                encoded = [Raw(encode(message_view(message))) for message in messages]
                self.history.ends.append(StoredMessages(session_id, head.version_id, encoded))
        for uid in map(Uid, uids):
            await self._take_user(rows, uid)

    async def _take_user(self, rows: MemoryStore, uid: Uid) -> None:
        head = await rows.user(uid)
        contacts: list[Contact] = []
        hidden: list[tuple[str, str, int]] = []
        more = True
        while more:
            after_version = contacts[-1].version_id if contacts else 0
            page = await rows.pull_contacts(uid, after_version=after_version, limit=1_000)
            contacts += page.contacts
            more = page.more
        for contact in contacts:
            hidden += await _hidden(rows, contact)
        lines = [Raw(encode(contact_view(contact))) for contact in contacts]
        self.history.ends.append(StoredContacts(str(uid), head.version_id, head.unread_total, lines, hidden))


async def _hidden(rows: MemoryStore, contact: Contact) -> list[tuple[str, str, int]]:
    """What a user hid in a session, with the version of each: a page tells only its last, so each is asked for."""
    found: list[tuple[str, str, int]] = []
    known: set[int] = set()
    for version in range(contact.hidden_version, 0, -1):
        page = await rows.pull_hidden(
            contact.owner, contact.session_id, after_version=version - 1, limit=PAGE_HIDDEN_MAX
        )
        found += [(contact.session_id, str(msg_id), version) for msg_id in page.msg_ids if msg_id not in known]
        known.update(page.msg_ids)
    return found
