"""The reference store: dicts. It forgets everything with the object, and `open` gives again what it holds."""

from sixin.client.errors import StoreRefused
from sixin.client.held import Held
from sixin.client.model import Applied, Entry, State, Writes
from sixin.client.store.base import Store
from sixin.core.contact import Contact
from sixin.core.ids import MsgId, SessionId
from sixin.core.message import Message


class MemoryStore(Store):
    """Every row in a dict."""

    def __init__(self) -> None:
        self._uid = 0
        self._device_id = ""
        self._contact_version = 0
        self._last_seq_id = 0
        self._contacts: dict[SessionId, Contact] = {}
        self._held: dict[SessionId, Held] = {}
        self._messages: dict[MsgId, Message] = {}
        self._hidden: dict[MsgId, SessionId] = {}
        self._entries: dict[int, Entry] = {}
        self._is_open = False

    def open(self) -> State:
        """What it holds."""
        if self._is_open:
            raise StoreRefused("This store is open already; one client at a time can have it.")
        self._is_open = True
        return State(
            uid=self._uid,
            device_id=self._device_id,
            contact_version=self._contact_version,
            last_seq_id=self._last_seq_id,
            contacts=sorted(self._contacts.values(), key=lambda contact: contact.session_id),
            held=sorted(self._held.values(), key=lambda held: held.session_id),
            entries=[entry for _, entry in sorted(self._entries.items())],
        )

    def adopt(self, uid: int, device_id: str) -> None:
        """Whose this is."""
        if self._uid not in (0, uid):
            raise StoreRefused(f"This store belongs to user {self._uid}, not to {uid}. Give each user one of his own.")
        self._uid = uid
        self._device_id = device_id

    def apply(self, writes: Writes) -> Applied:
        """Nothing here can fail half-way."""
        if writes.forget:
            for rows in (self._contacts, self._held, self._messages, self._hidden):
                rows.clear()
            self._contact_version = 0
        applied = Applied()
        for message in writes.messages:
            self._put(message, applied)
        for hidden in writes.hidden:
            for msg_id in hidden.msg_ids:
                self._hidden[msg_id] = hidden.session_id
                self._messages.pop(msg_id, None)
        for cleared in writes.cleared:
            self._drop([one for one in self._of(cleared.session_id) if one.msg_id <= cleared.up_to])
        for gap in writes.gaps:
            self._drop([one for one in self._of(gap.session_id) if gap.low <= one.sort_key <= gap.high])
        self._contacts.update((contact.session_id, contact) for contact in writes.contacts)
        if writes.contact_version is not None:
            self._contact_version = writes.contact_version
        self._held.update((held.session_id, held) for held in writes.held)
        self._entries.update((entry.number, entry) for entry in writes.entries)
        for number in writes.settled:
            self._entries.pop(number, None)
        if writes.last_seq_id is not None:
            self._last_seq_id = writes.last_seq_id
        return applied

    def _put(self, message: Message, applied: Applied) -> None:
        before = self._messages.get(message.msg_id)
        if message.msg_id in self._hidden or (before is not None and message.version_id <= before.version_id):
            return
        self._messages[message.msg_id] = message
        (applied.born if before is None else applied.changed).append(message)

    def _of(self, session_id: SessionId) -> list[Message]:
        return [message for message in self._messages.values() if message.session_id == session_id]

    def _drop(self, messages: list[Message]) -> None:
        for message in messages:
            del self._messages[message.msg_id]

    def page(self, session_id: SessionId, *, low: int, high: int, limit: int) -> list[Message]:
        """Messages, newest first."""
        found = [message for message in self._of(session_id) if low <= message.sort_key <= high]
        return sorted(found, key=lambda message: message.sort_key, reverse=True)[:limit]

    def message(self, session_id: SessionId, msg_id: MsgId) -> Message | None:
        """One message."""
        message = self._messages.get(msg_id)
        return message if message is not None and message.session_id == session_id else None

    def close(self) -> None:
        """It may be opened again."""
        self._is_open = False
