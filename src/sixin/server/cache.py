"""The cache: tails of timelines that prove they are complete, and users' heads (docs/write-path.md).

It never acknowledges anything. It is filled by what was committed, so writing keeps it warm; a row whose version is
not the next one drops the tail it would have extended. What it cannot prove, the store is asked for.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from sixin.core.contact import Contact, UserHead
from sixin.core.ids import SessionId, Uid
from sixin.core.message import Message
from sixin.core.notices import ContactChanged, MessageChanged
from sixin.core.rows import Changes
from sixin.core.timeline import (
    ContactPage,
    MessagePage,
    Tail,
    contact_tail,
    message_tail,
    newest_of,
    page_after,
    page_before,
    page_of_contacts,
)
from sixin.server.bus.base import Told

CACHED_ROWS_MAX = 100_000
"""Rows of all tails together: some 50 MB of ordinary messages."""

CACHED_CONTENT_BYTES_MAX = 4_096
"""A tail that would take in a larger content is dropped: few of them would fill the memory of all others."""

CACHED_HEADS_MAX = 100_000

K = TypeVar("K", bound=Hashable)
R = TypeVar("R", Message, Contact)
T = TypeVar("T")


class Cache:
    """Tails of sessions' messages and of users' contacts, with bounds."""

    def __init__(self, *, enabled: bool = True, rows_max: int = CACHED_ROWS_MAX) -> None:
        """Where it is not `enabled`, it knows nothing and every read goes to the store."""
        self._enabled = enabled
        self._rows_max = rows_max
        self._rows = 0
        self._messages: dict[SessionId, Tail[Message]] = {}
        self._contacts: dict[Uid, Tail[Contact]] = {}
        self._heads: dict[Uid, UserHead] = {}
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        """Rows held."""
        return self._rows

    def committed(self, changes: Changes) -> None:
        """Follow one decision that is now durable. Decisions come in the order they were taken."""
        if not self._enabled:
            return
        for message in changes.born:
            self._extend_message(message)
        for message in changes.emptied:
            self._extend_message(message)
        for contact in changes.contacts:
            self._extend_contact(contact)
        for head in changes.users:
            self._heads[head.uid] = head
        while len(self._heads) > CACHED_HEADS_MAX:
            del self._heads[next(iter(self._heads))]

    def received(self, told: Iterable[Told]) -> None:
        """Follow what another node committed. What it did not send along, the versions give away."""
        if not self._enabled:
            return
        for one in told:
            if isinstance(one, MessageChanged):
                self._extend_message(one.message)
            elif isinstance(one, ContactChanged):
                self._extend_contact(one.contact)

    def forget(self) -> None:
        """It is not known what the last batch wrote: only the store can tell now."""
        self._messages.clear()
        self._contacts.clear()
        self._heads.clear()
        self._rows = 0

    def _extend_message(self, message: Message) -> None:
        self._extend(self._messages, message.session_id, message, message_tail, message)

    def _extend_contact(self, contact: Contact) -> None:
        self._extend(self._contacts, contact.owner, contact, contact_tail, contact.last_message)

    def _extend(
        self, tails: dict[K, Tail[R]], key: K, row: R, make: Callable[[int], Tail[R]], shown: Message | None
    ) -> None:
        tail = tails.get(key)
        if tail is None:
            tail = tails[key] = make(row.version_id - 1)
        held = tail.size
        fits = shown is None or len(shown.content) <= CACHED_CONTENT_BYTES_MAX
        if fits and tail.extend(row):
            self._rows += tail.size - held
        else:
            del tails[key]
            self._rows -= held
        if self._rows > self._rows_max:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Tails are dropped in the order they were begun: a busy one is begun again by its next write."""
        self._drop_from(self._messages)
        self._drop_from(self._contacts)

    def _drop_from(self, tails: dict[K, Tail[R]]) -> None:
        while tails and self._rows > self._rows_max * 9 // 10:
            self._rows -= tails.pop(next(iter(tails))).size

    def user(self, uid: Uid) -> UserHead | None:
        """A user's head, if it is known."""
        return self._counted(self._heads.get(uid))

    def contact(self, owner: Uid, session_id: SessionId) -> Contact | None:
        """A contact, if it is known."""
        return self._counted(self._contact(owner, session_id))

    def _contact(self, owner: Uid, session_id: SessionId) -> Contact | None:
        tail = self._contacts.get(owner)
        return None if tail is None else tail.get(session_id)

    def pull_new(
        self, owner: Uid, session_id: SessionId, *, after_version: int, born_up_to: int | None, limit: int
    ) -> MessagePage | None:
        """What `Store.pull_new` would answer, if that can be proven."""
        return self._counted(self._pull_new(owner, session_id, after_version, born_up_to, limit))

    def _pull_new(
        self, owner: Uid, session_id: SessionId, after_version: int, born_up_to: int | None, limit: int
    ) -> MessagePage | None:
        contact, tail = self._contact(owner, session_id), self._messages.get(session_id)
        if contact is None or contact.hidden_version or tail is None:
            return None
        changed = tail.after(after_version)
        if changed is None:
            return None
        visible = [
            message
            for message in changed
            if message.msg_id > contact.last_del_msg_id and (born_up_to is None or message.sort_key <= born_up_to)
        ]
        return page_after(visible[: limit + 1], limit=limit, version_id=tail.last)

    def pull_old(
        self, owner: Uid, session_id: SessionId, *, before_sort_key: int | None, limit: int
    ) -> MessagePage | None:
        """What `Store.pull_old` would answer, if that can be proven."""
        contact, tail = self._contact(owner, session_id), self._messages.get(session_id)
        found = None
        if contact is not None and not contact.hidden_version and tail is not None:
            found = newest_of(tail, before_sort_key=before_sort_key, above_msg_id=contact.last_del_msg_id, limit=limit)
        if found is None or tail is None:
            return self._counted(None)
        return self._counted(page_before(found, limit=limit, version_id=tail.last))

    def pull_contacts(self, owner: Uid, *, after_version: int, limit: int) -> ContactPage | None:
        """What `Store.pull_contacts` would answer, if that can be proven."""
        tail, head = self._contacts.get(owner), self._heads.get(owner)
        if tail is None or head is None or head.version_id != tail.last:
            return self._counted(None)
        changed = tail.after(after_version)
        if changed is None:
            return self._counted(None)
        return self._counted(
            page_of_contacts(changed[: limit + 1], limit=limit, version_id=tail.last, unread_total=head.unread_total)
        )

    def _counted(self, found: T | None) -> T | None:
        if found is None:
            self.misses += 1
        else:
            self.hits += 1
        return found
