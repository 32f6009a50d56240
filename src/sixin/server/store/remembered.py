"""What a node remembers of rows that other nodes write too: heads, and what stands under them.

A contact is never changed without its owner's head. So the contacts of an owner are remembered together with the head
they were seen under, and while that head is what it was, so are they. Whether it is, the store says in the end.
"""

from typing import Final

from sixin.core.contact import Contact, UserHead
from sixin.core.ids import SessionId, Slot, Uid
from sixin.core.rows import ContactKey, Keys, Rows
from sixin.core.session import Session, SlotHead
from sixin.server.store.base import Heads

ROWS_MAX: Final = 50_000
"""Contacts, and sessions, kept in memory: some tens of megabytes each."""

CONTENT_BYTES_MAX: Final = 1_024
"""A contact whose preview is larger is not kept: 50,000 of 16 KiB would be most of a gigabyte."""


class _Line:
    """An owner's head, and those of his contacts that were seen under it."""

    __slots__ = ("contacts", "head")

    def __init__(self, head: UserHead) -> None:
        self.head = head
        self.contacts: dict[SessionId, Contact | None] = {}


class Remembered:
    """Rows of earlier batches."""

    def __init__(self) -> None:
        self._slots: dict[Slot, SlotHead] = {}
        self._sessions: dict[SessionId, Session] = {}
        self._lines: dict[Uid, _Line] = {}
        self._contacts = 0

    def __len__(self) -> int:
        """Contacts held."""
        return self._contacts

    def recall(self, keys: Keys) -> tuple[Rows, Keys]:
        """What is known of a batch's rows, and what has to be asked for."""
        rows = Rows()
        missing = Keys(messages=keys.messages, hidden=keys.hidden, profiles=keys.profiles, facts=keys.facts)
        for slot in keys.slots:
            if slot in self._slots:
                rows.slots[slot] = self._slots[slot]
            else:
                missing.slots.add(slot)
        for session_id in keys.sessions:
            if session_id in self._sessions:
                rows.sessions[session_id] = self._sessions[session_id]
            else:
                missing.sessions.add(session_id)
        for uid in keys.users:
            if uid in self._lines:
                rows.users[uid] = self._lines[uid].head
            else:
                missing.users.add(uid)
        for key in keys.contacts:
            owner, session_id = key
            line = self._lines.get(owner)
            if line is not None and session_id in line.contacts:
                rows.contacts[key] = line.contacts[session_id]
            else:
                missing.contacts.add(key)
        missing.replaced = missing.contacts & keys.replaced
        for session_id, sender, seq_id in keys.seqs:
            contact = rows.contacts.get((sender, session_id))
            # Above the largest its sender ever used here, it is new without a look: that is nearly every one.
            if contact is not None and seq_id > contact.last_seq_id:
                rows.seqs[session_id, sender, seq_id] = None
            else:
                missing.seqs.add((session_id, sender, seq_id))
        return rows, missing

    def learn(self, keys: Keys, decided_on: Heads, rows: Rows, unsure: set[ContactKey]) -> None:
        """A batch is written: this is how it left its rows, and these are the heads it began from. `unsure`: contacts
        that were loaded without their preview."""
        for slot in keys.slots:
            self._slots[slot] = rows.slots[slot]
        for session_id in keys.sessions:
            self._sessions.pop(session_id, None)
            self._sessions[session_id] = rows.sessions[session_id]
        before = {head.uid: head for head in decided_on.users}
        for uid in keys.users:
            line = self._lines.pop(uid, None)
            if line is None or line.head != before[uid]:
                # Others wrote in between: what was seen under an older head may be old.
                self._contacts -= 0 if line is None else len(line.contacts)
                line = _Line(before[uid])
            line.head = rows.users[uid]
            self._lines[uid] = line
        for key in keys.contacts:
            self._learn_contact(key, rows.contacts[key], key in unsure)
        self._drop_oldest()

    def _learn_contact(self, key: ContactKey, contact: Contact | None, unsure: bool) -> None:
        owner, session_id = key
        contacts = self._lines[owner].contacts
        self._contacts -= session_id in contacts
        contacts.pop(session_id, None)
        preview = None if contact is None else contact.last_message
        if unsure if preview is None else len(preview.content) > CONTENT_BYTES_MAX:
            return
        contacts[session_id] = contact
        self._contacts += 1

    def forget(self, keys: Keys) -> None:
        """What a batch named was not so, or is not any more."""
        for slot in keys.slots:
            self._slots.pop(slot, None)
        for session_id in keys.sessions:
            self._sessions.pop(session_id, None)
        for uid in keys.users:
            self._forget_line(uid)

    def _forget_line(self, uid: Uid) -> None:
        line = self._lines.pop(uid, None)
        if line is not None:
            self._contacts -= len(line.contacts)

    def _drop_oldest(self) -> None:
        while self._contacts > ROWS_MAX or len(self._lines) > ROWS_MAX:
            self._forget_line(next(iter(self._lines)))
        while len(self._sessions) > ROWS_MAX:
            del self._sessions[next(iter(self._sessions))]
