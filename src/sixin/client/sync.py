"""Sync: what to write and what to ask for, given what a device learns. Pure: no link, no store, no clock.

    notice, answer, event → Writes (for the store)        then: `requests()` → pulls (for the link)

A notice whose version is the device's own + 1 is applied; a higher one makes it pull; an older one is nothing. Contacts
come by one cursor. Their `message_version` tells which of the sessions that are held are behind, so that no change to a
held message is missed, and a session of which nothing is held costs nothing.

A method that returns `Writes` has changed nothing of the copy yet: the caller gives them to the store, then to the
heads, before it calls the next method.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from sixin.client.heads import Heads
from sixin.client.held import Held, held_from_notice, held_from_page
from sixin.client.model import Cleared, Gap, Hidden, Writes
from sixin.client.requests import OfSession, Pull, PullContacts, PullHidden, PullNew, PullOld
from sixin.core.contact import Contact
from sixin.core.ids import MsgId, SessionId
from sixin.core.limits import (
    FAR_BEHIND_VERSIONS,
    PAGE_CONTACTS_MAX,
    PAGE_MESSAGES_DEFAULT,
    PAGE_MESSAGES_MAX,
    PULLS_IN_FLIGHT_MAX,
)
from sixin.core.message import Message


class Sizes(Struct, frozen=True):
    """How much is asked for at once. The pages are no larger than the server's limits."""

    far_behind: int = FAR_BEHIND_VERSIONS
    """Versions after which a session starts again from its newest page."""
    newest: int = PAGE_MESSAGES_DEFAULT
    """Messages of that page."""
    changes: int = PAGE_MESSAGES_MAX
    contacts: int = PAGE_CONTACTS_MAX


class Sync:
    """One user's copy on one device, on its way to being equal to the server."""

    def __init__(self, heads: Heads, sizes: Sizes | None = None) -> None:
        self._heads = heads
        self._sizes = sizes or Sizes()
        self._connected = False
        self._contacts_due = False
        self._contacts_asked: PullContacts | None = None
        # Dicts for their order: the same run asks for the same things in the same order.
        self._due: dict[SessionId, None] = {}
        self._news: dict[SessionId, None] = {}
        """Sessions of which something was heard since the pull that is under way was asked."""
        self._asked: dict[SessionId, OfSession] = {}
        self._heard: dict[SessionId, int] = {}
        self._to_check: dict[SessionId, None] = {}
        self._to_open: dict[SessionId, None] = {}
        self._chats: dict[SessionId, int] = {}

    # What happens.

    def connected(self, contact_version: int) -> Writes:
        """A hello was answered. A server whose timeline is shorter than our copy of it was set back: start again."""
        self._connected = True
        self._contacts_due = True
        forget = contact_version < self._heads.contact_version
        if forget:
            self._to_open.update(dict.fromkeys(self._chats))
        else:
            self._due.update(dict.fromkeys(self._heads.held))
            for session_id in self._chats:
                self.wanted(session_id)
        self._due.update(self._to_open)
        return Writes(forget=True, contact_version=0) if forget else Writes()

    def disconnected(self) -> None:
        """The connection is gone, and with it every answer that had not come."""
        self._connected = False
        self._contacts_asked = None
        self._contacts_due = False
        self._asked.clear()
        self._due.clear()
        self._news.clear()
        self._heard.clear()
        self._to_check.clear()

    def list_entered(self) -> None:
        """Somebody looks at the contact list, or a reader wants to be sure: pull it once."""
        self._contacts_due = True

    def chat_opened(self, session_id: SessionId) -> None:
        """Somebody looks at a session: from now on some of it is held."""
        self._chats[session_id] = self._chats.get(session_id, 0) + 1
        self.wanted(session_id)

    def chat_closed(self, session_id: SessionId) -> None:
        """Back in the list."""
        left = self._chats[session_id] - 1
        if left:
            self._chats[session_id] = left
        else:
            del self._chats[session_id]
        self._contacts_due = True

    def timer(self) -> None:
        """Time has passed inside a chat: perhaps a notice was lost."""
        self._contacts_due = True
        for session_id in self._chats:
            self.wanted(session_id)

    @property
    def in_chat(self) -> bool:
        """Whether the timer is needed."""
        return bool(self._chats)

    def wanted(self, session_id: SessionId) -> None:
        """Bring a session up to date, and hold its newest page if nothing of it is held."""
        (self._to_check if session_id in self._heads.held else self._to_open)[session_id] = None
        self._stir(session_id)

    # What the server says unasked, and in answers to operations.

    def message_noticed(self, session_id: SessionId, version_id: int, message: Message | None) -> Writes:
        """A session's timeline reached a version; by this change, if it came along."""
        held = self._heads.held.get(session_id)
        if message is not None and (message.session_id != session_id or message.version_id != version_id):
            message = None
        if held is None:
            return self._first_noticed(session_id, version_id, message)
        if version_id <= held.top.version:
            return Writes()
        if message is None or version_id > held.top.version + 1:
            self._heard[session_id] = max(version_id, self._heard.get(session_id, 0))
            self._stir(session_id)
            return Writes()
        return self._with_messages(held.after_notice(version_id), [message])

    def _first_noticed(self, session_id: SessionId, version_id: int, message: Message | None) -> Writes:
        if message is None or message.sort_key != version_id or not self._visible(message):
            return Writes()
        self._stir(session_id)
        return self._with_messages(held_from_notice(session_id, version_id), [message])

    def contact_noticed(self, version_id: int, contact: Contact | None) -> Writes:
        """The contact timeline reached a version; by this change, if it came along."""
        if version_id <= self._heads.contact_version:
            return Writes()
        if contact is None or contact.version_id != version_id or version_id > self._heads.contact_version + 1:
            self._contacts_due = True
            return Writes()
        return self._with_contacts([contact], version_id)

    # What the server answers to a pull.

    def contacts_pulled(
        self, pull: PullContacts, contacts: Sequence[Contact], version_id: int, *, more: bool
    ) -> Writes:
        """A page of contacts by version."""
        self._release(pull)
        self._contacts_due = self._contacts_due or more
        if pull.after > self._heads.contact_version:  # asked before the copy was forgotten
            self._contacts_due = True
            return Writes()
        return self._with_contacts(contacts, max(version_id, self._heads.contact_version))

    def new_pulled(self, pull: PullNew, messages: Sequence[Message], version_id: int, *, more: bool) -> Writes:
        """A page of a session's changes by version."""
        self._release(pull)
        held = self._heads.held.get(pull.session_id)
        if held is None:
            return Writes()
        after = held.after_pull_new(pull.after, pull.born_up_to, version_id, more=more)
        self._settle(pull, held, after)
        return self._with_messages(after, messages)

    def old_pulled(self, pull: PullOld, messages: Sequence[Message], version_id: int, *, more: bool) -> Writes:
        """A page of a session's history, oldest first."""
        self._release(pull)
        held = self._heads.held.get(pull.session_id)
        low = messages[0].sort_key if more and messages else 0
        if held is None:
            if pull.before is not None:  # the copy was forgotten meanwhile: there is nothing to add an older page to
                return Writes()
            self._stir(pull.session_id)
            return self._with_messages(held_from_page(pull.session_id, low, version_id, pull.hidden_version), messages)
        if pull.before is not None:
            return self._with_messages(held.after_older_page(low, pull.before, version_id), messages)
        after = held.after_newest_page(low, version_id)
        self._settle(pull, held, after)
        writes = self._with_messages(after, messages)
        hole_low = held.top.high + 1
        if after is not held and hole_low < low:
            # What the open end had brought in lies in a hole now.
            writes.gaps.append(Gap(held.session_id, hole_low, low - 1))
        return writes

    def hidden_pulled(self, pull: PullHidden, msg_ids: Sequence[MsgId], version_id: int, *, more: bool) -> Writes:
        """A page of what the owner deleted for himself."""
        self._release(pull)
        held = self._heads.held.get(pull.session_id)
        if held is None or pull.after > held.hidden_version:
            return Writes()
        after = replace(held, hidden_version=max(held.hidden_version, version_id))
        self._settle(pull, held, after)
        return Writes(hidden=[Hidden(held.session_id, tuple(msg_ids))] if msg_ids else [], held=[after])

    def refused(self, pull: Pull, *, again: bool) -> None:
        """A pull was refused. `again`: ask once more; else not until something new is heard."""
        was_asked = self._release(pull)
        if isinstance(pull, PullContacts):
            self._contacts_due = self._contacts_due or again
        elif again:
            self._stir(pull.session_id)
            if isinstance(pull, PullNew):
                self._to_check[pull.session_id] = None
        elif was_asked and pull.session_id not in self._news:
            # Not for a page that somebody scrolled to: what is due in its session has nothing to do with it.
            self._drop(pull.session_id)

    # What to ask for.

    def requests(self) -> list[Pull]:
        """The pulls to make now. Each is under way until an answer, a refusal or the end of the connection."""
        if not self._connected:
            return []
        pulls: list[Pull] = []
        if self._contacts_due and self._contacts_asked is None:
            self._contacts_due = False
            self._contacts_asked = PullContacts(self._heads.contact_version, self._sizes.contacts)
            pulls.append(self._contacts_asked)
        for session_id in [session_id for session_id in self._due if session_id not in self._asked]:
            if len(self._asked) >= PULLS_IN_FLIGHT_MAX:
                break
            pull = self._next_of(session_id)
            if pull is None:
                self._drop(session_id)
            else:
                self._asked[session_id] = pull
                self._news.pop(session_id, None)
                pulls.append(pull)
        return pulls

    def page_of(self, session_id: SessionId, before: int, limit: int) -> PullOld:
        """A page of history that somebody scrolled to; not one of `requests`, and asked for by the reader himself."""
        return PullOld(session_id, before, limit, self._hidden_version(session_id))

    def newest_of(self, session_id: SessionId, limit: int) -> PullOld:
        """The same for the newest page."""
        return PullOld(session_id, None, limit, self._hidden_version(session_id))

    @property
    def idle(self) -> bool:
        """Whether there is nothing to ask and nothing under way: as far as was heard, the copy is equal."""
        return self._connected and not (self._contacts_due or self._contacts_asked or self._due or self._asked)

    def settled(self, session_id: SessionId) -> bool:
        """The same for one session."""
        return session_id not in self._due and session_id not in self._asked

    def _next_of(self, session_id: SessionId) -> OfSession | None:
        held = self._heads.held.get(session_id)
        if held is None:
            if session_id not in self._to_open:
                return None
            return self.newest_of(session_id, self._sizes.newest)
        self._to_open.pop(session_id, None)
        if held.hidden_version < self._hidden_version(session_id):
            return PullHidden(session_id, held.hidden_version)

        wanted = max(self._heard.get(session_id, 0), self._message_version(session_id))
        if wanted - held.top.version > self._sizes.far_behind:
            return self.newest_of(session_id, self._sizes.newest)
        if wanted > held.top.version or not held.complete or session_id in self._to_check:
            self._to_check.pop(session_id, None)
            return PullNew(session_id, held.top.version, self._sizes.changes)
        lagging = held.lagging(wanted)
        if lagging:
            oldest = min(one.version for one in lagging)
            return PullNew(session_id, oldest, self._sizes.changes, born_up_to=lagging[-1].high)
        return None

    def _settle(self, pull: OfSession, before: Held, after: Held) -> None:
        """An answer that brought a session no further is not asked for once more: else a stale replica would be asked
        for ever. What else is to be asked there, is: a range may lag behind while the newest page is up to date."""
        if after != before or before.session_id in self._news:
            return
        if self._next_of(before.session_id) in (None, pull):
            self._drop(before.session_id)

    def _stir(self, session_id: SessionId) -> None:
        self._due[session_id] = None
        self._news[session_id] = None

    def _drop(self, session_id: SessionId) -> None:
        self._due.pop(session_id, None)
        self._news.pop(session_id, None)
        self._heard.pop(session_id, None)
        self._to_check.pop(session_id, None)
        self._to_open.pop(session_id, None)

    def _release(self, pull: Pull) -> bool:
        """Whether it was one of `requests`, and is no longer under way."""
        # Compared by identity: a page that a reader asked for is nobody's turn.
        if pull is self._contacts_asked:
            self._contacts_asked = None
            return True
        if not isinstance(pull, PullContacts) and self._asked.get(pull.session_id) is pull:
            del self._asked[pull.session_id]
            return True
        return False

    def _message_version(self, session_id: SessionId) -> int:
        contact = self._heads.contacts.get(session_id)
        return 0 if contact is None else contact.message_version

    def _hidden_version(self, session_id: SessionId) -> int:
        contact = self._heads.contacts.get(session_id)
        return 0 if contact is None else contact.hidden_version

    # What to write.

    def _visible(self, message: Message) -> bool:
        contact = self._heads.contacts.get(message.session_id)
        return contact is None or message.msg_id > contact.last_del_msg_id

    def _with_messages(self, held: Held, messages: Iterable[Message]) -> Writes:
        kept = [message for message in messages if held.keeps(message.sort_key) and self._visible(message)]
        return Writes(
            messages=kept,
            held=[] if self._heads.held.get(held.session_id) == held else [held],
            contacts=self._previews_emptied(held.session_id, kept),
        )

    def _previews_emptied(self, session_id: SessionId, messages: Sequence[Message]) -> list[Contact]:
        """What was taken back is gone from the list at once, although the list's own notice may still be on its way."""
        contact = self._heads.contacts.get(session_id)
        preview = contact.last_message if contact is not None else None
        if contact is None or preview is None:
            return []
        for message in messages:
            if message.msg_id == preview.msg_id and message.version_id > preview.version_id:
                return [replace(contact, last_message=message)]
        return []

    def _with_contacts(self, contacts: Sequence[Contact], version_id: int) -> Writes:
        writes = Writes()
        if version_id > self._heads.contact_version:
            writes.contact_version = version_id
        for contact in contacts:
            before = self._heads.contacts.get(contact.session_id)
            if before is not None and contact.version_id <= before.version_id:
                continue
            writes.contacts.append(contact)
            if contact.last_del_msg_id > (before.last_del_msg_id if before is not None else 0):
                writes.cleared.append(Cleared(contact.session_id, MsgId(contact.last_del_msg_id)))
            held = self._heads.held.get(contact.session_id)
            if held is not None:
                self._stir(contact.session_id)
                if contact.last_del_msg_id >= contact.last_msg_id > 0:
                    writes.held.append(held.after_full_clear(contact.message_version))
                else:
                    self._take_preview(contact, held, writes)
        return writes

    def _take_preview(self, contact: Contact, held: Held, writes: Writes) -> None:
        """Where the one change a session lacks stands in its preview, it need not be pulled: the usual case of a device
        that was away for a while."""
        preview = contact.last_message
        if preview is None or not preview.version_id == contact.message_version == held.top.version + 1:
            return
        after = held.after_notice(preview.version_id)
        writes.held.append(after)
        if after.keeps(preview.sort_key):
            writes.messages.append(preview)
