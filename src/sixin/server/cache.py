"""The cache: tails of timelines that prove they are complete, and users' heads (docs/write-path.md).

It never acknowledges anything. It is filled by what was committed, so writing keeps it warm; a row whose version is
not the next one drops the tail it would have extended. What it cannot prove, the store is asked for, and what the store
answers fills it too, where that is a proof: a read that a commit has overtaken is not.
"""

from collections.abc import Callable, Hashable, Iterable
from itertools import islice
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
    TailRead,
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
        self._lost = 0
        """How often something was dropped: what was committed to it since is not known here any more."""
        self._certain = True
        """Whether all that was ever committed is known to have been; False after `forget`, until the next commit."""
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        """Rows held."""
        return self._rows

    def committed(self, changes: Changes) -> None:
        """Follow one decision that is now durable. Decisions come in the order they were taken."""
        if not self._enabled:
            return
        self._certain = True  # the store answers in order: what was uncertain before this was loaded for it
        for message in changes.born:
            self._extend_message(message)
        for message in changes.emptied:
            self._extend_message(message)
        for contact in changes.contacts:
            self._extend_contact(contact)
        for head in changes.users:
            self._put_head(head)

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
        self._certain = False
        self._lost += 1
        self._messages.clear()
        self._contacts.clear()
        self._heads.clear()
        self._rows = 0

    # What the store was asked for.

    def moment(self) -> int:
        """To be taken before the store is asked for what shall fill the cache, and handed in with it."""
        return self._lost

    def _may_fill(self, moment: int) -> bool:
        """Whether what was read since then can be judged; the store answers in the order it was asked.

        What has been committed since extended the tails, so one that is there shows a read to be old. One that was
        dropped shows nothing, and a batch of which nobody knows whether it was written can come to light after any
        read."""
        return self._enabled and self._certain and moment == self._lost

    def fill_head(self, head: UserHead, moment: int) -> None:
        """A user's head, as the store gave it."""
        if not self._enabled:
            return
        self._seen_of_owner(head.uid, head.version_id)
        if self._may_fill(moment):
            self._put_head(head)

    def fill_contacts(self, owner: Uid, page: ContactPage, *, after_version: int, moment: int) -> None:
        """A page of contacts holds every row that changed between its two versions."""
        if not self._enabled:
            return
        for contact in page.contacts:
            self.seen(contact.session_id, contact.message_version)
        if not self._may_fill(moment) or page.version_id < after_version:
            self._seen_of_owner(owner, page.version_id)
            return
        tail = self._contacts.get(owner)
        if not all(_fits(contact.last_message) for contact in page.contacts):
            self._seen_of_owner(owner, page.version_id)
        elif tail is not None and tail.last == after_version:  # the next page
            self._rows -= tail.size
            tail.take(page.contacts, page.version_id, whole=not page.more)
            self._rows += tail.size
            self._bound()
        else:
            tail = contact_tail(after_version)
            tail.take(page.contacts, page.version_id, whole=not page.more)
            self._begin(self._contacts, owner, tail)
        if not page.more:
            self._put_head(UserHead(owner, page.version_id, page.unread_total))

    def fill_messages(self, tails: Iterable[TailRead], moment: int) -> None:
        """The ends of several sessions' timelines."""
        if not self._may_fill(moment):
            return
        for read in tails:
            if all(map(_fits, read.messages)):
                tail = message_tail(read.first - 1)
                tail.take(read.messages, read.last)
                self._begin(self._messages, read.session_id, tail)

    def seen(self, session_id: SessionId, version_id: int) -> None:
        """The store has shown somebody a session at a version. A commit can be read a moment before we are told of it:
        who has seen it must not be answered from before it (contract 5)."""
        tail = self._messages.get(session_id)
        if tail is not None and tail.last < version_id:
            self._drop(self._messages, session_id)

    def _seen_of_owner(self, owner: Uid, version_id: int) -> None:
        """The same for a user's contacts."""
        tail, head = self._contacts.get(owner), self._heads.get(owner)
        if tail is not None and tail.last < version_id:
            self._drop(self._contacts, owner)
        if head is not None and head.version_id < version_id:
            self._lost += 1
            del self._heads[owner]

    def _drop(self, tails: dict[K, Tail[R]], key: K) -> None:
        self._rows -= tails.pop(key).size
        self._lost += 1

    def _begin(self, tails: dict[K, Tail[R]], key: K, tail: Tail[R]) -> None:
        """Put a tail that was read in the place of one that is older, or as old and proves no more."""
        held = tails.get(key)
        if held is not None:
            if (held.last, held.whole, -held.first) >= (tail.last, tail.whole, -tail.first):
                return
            self._rows -= held.size
        tails[key] = tail
        self._rows += tail.size
        self._bound()

    def _put_head(self, head: UserHead) -> None:
        held = self._heads.get(head.uid)
        if held is not None and held.version_id > head.version_id:
            return  # read, and overtaken; or committed, and read before we were told
        self._heads[head.uid] = head
        if len(self._heads) > CACHED_HEADS_MAX:
            self._lost += 1
            for uid in [*islice(self._heads, CACHED_HEADS_MAX // 10)]:
                del self._heads[uid]

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
        elif row.version_id <= tail.last:
            return  # it was read from the store before we were told
        held = tail.size
        if _fits(shown) and tail.extend(row):
            self._rows += tail.size - held
        else:
            self._drop(tails, key)
        self._bound()

    def _bound(self) -> None:
        """Tails are dropped in the order they were begun: a busy one is begun again by its next write."""
        if self._rows > self._rows_max:
            self._lost += 1
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
        if contact is None or tail is None or not _speak_of_one_time(contact, tail):
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
        if contact is not None and tail is not None and _speak_of_one_time(contact, tail):
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

    def message_version(self, owner: Uid, session_id: SessionId) -> int | None:
        """How far a session has come, if a tail of its messages would answer this reader's pulls."""
        contact = self._contact(owner, session_id)
        return None if contact is None or contact.hidden_version else contact.message_version

    def _counted(self, found: T | None) -> T | None:
        if found is None:
            self.misses += 1
        else:
            self.hits += 1
        return found


def _fits(shown: Message | None) -> bool:
    return shown is None or len(shown.content) <= CACHED_CONTENT_BYTES_MAX


def _speak_of_one_time(contact: Contact, tail: Tail[Message]) -> bool:
    """Whether a reader's contact answers for a session's messages: he hid none of them, and nothing that it knows of
    is missing from the tail, as may be for a moment where one of the two was read and the other followed."""
    return not contact.hidden_version and contact.message_version <= tail.last
