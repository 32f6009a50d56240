"""The copy's heads, kept in memory: every contact, and what is held of which session. Messages stay in the store."""

from sixin.client.held import Held
from sixin.client.model import State, Writes
from sixin.core.contact import Contact
from sixin.core.ids import SessionId


class Heads:
    """What the store would say, without asking it. Changed only by `take`, after the store has taken the same."""

    def __init__(self, state: State) -> None:
        self.contact_version = state.contact_version
        self.contacts: dict[SessionId, Contact] = {contact.session_id: contact for contact in state.contacts}
        self.held: dict[SessionId, Held] = {held.session_id: held for held in state.held}

    def take(self, writes: Writes) -> None:
        """Follow the store."""
        if writes.forget:
            self.contact_version = 0
            self.contacts.clear()
            self.held.clear()
        for contact in writes.contacts:
            self.contacts[contact.session_id] = contact
        for held in writes.held:
            self.held[held.session_id] = held
        if writes.contact_version is not None:
            self.contact_version = writes.contact_version

    @property
    def unread_total(self) -> int:
        """The number on the badge: over the contacts that are neither muted nor deleted."""
        return sum(contact.counted for contact in self.contacts.values())

    def listed(self) -> list[Contact]:
        """The contact list, newest and pinned first, without the deleted."""
        shown = [contact for contact in self.contacts.values() if contact.status == "normal"]
        return sorted(shown, key=lambda contact: contact.sort_key, reverse=True)
