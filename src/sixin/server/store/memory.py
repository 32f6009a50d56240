"""The reference store: dicts, and as little cleverness as possible. It forgets everything when it closes."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from msgspec.structs import replace

from sixin.core.contact import Contact, UserHead
from sixin.core.ids import MsgId, SessionId, Uid
from sixin.core.message import Message
from sixin.core.rows import Changes, Keys, Loaded, PreviewWithout, Rows, UnreadUpTo
from sixin.core.session import Session
from sixin.core.timeline import (
    ContactPage,
    HiddenPage,
    MessagePage,
    TailRead,
    page_after,
    page_before,
    page_of_contacts,
    page_of_hidden,
    tails_of,
)
from sixin.server.store.base import Store, Transaction

T = TypeVar("T")


class MemoryStore(Store):
    """Every row in a dict."""

    def __init__(self) -> None:
        self._rows = Rows()
        self._timelines: dict[SessionId, list[MsgId]] = {}
        """The messages of each session by sort_key."""

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One transaction."""
        yield _MemoryTransaction(self)

    async def contact(self, owner: Uid, session_id: SessionId) -> Contact | None:
        """One contact."""
        return self._rows.contacts.get((owner, session_id))

    async def user(self, uid: Uid) -> UserHead:
        """A user's head."""
        return self._rows.users.get(uid) or UserHead(uid)

    async def revocations(self) -> list[tuple[Uid, int]]:
        """Whose tokens were revoked."""
        profiles = _found(self._rows.profiles.values())
        return [(profile.uid, profile.tokens_from_s) for profile in profiles if profile.tokens_from_s]

    async def session(self, session_id: SessionId) -> Session:
        """A session's head."""
        return self._rows.sessions.get(session_id) or Session(session_id)

    async def pull_new(
        self, owner: Uid, session_id: SessionId, *, after_version: int, born_up_to: int | None, limit: int
    ) -> MessagePage:
        """Visible messages by version."""
        found = [
            message
            for message in self._visible(owner, session_id)
            if message.version_id > after_version and (born_up_to is None or message.sort_key <= born_up_to)
        ]
        found.sort(key=lambda message: message.version_id)
        version_id = (await self.session(session_id)).version_id
        return page_after(found[: limit + 1], limit=limit, version_id=version_id)

    async def pull_old(
        self, owner: Uid, session_id: SessionId, *, before_sort_key: int | None, limit: int
    ) -> MessagePage:
        """Visible messages by sort_key."""
        found = [
            message
            for message in self._visible(owner, session_id)
            if before_sort_key is None or message.sort_key < before_sort_key
        ]
        version_id = (await self.session(session_id)).version_id
        return page_before(found[::-1][: limit + 1], limit=limit, version_id=version_id)

    async def pull_contacts(self, owner: Uid, *, after_version: int, limit: int) -> ContactPage:
        """Contacts by version."""
        found = [
            contact
            for (whose, _), contact in self._rows.contacts.items()
            if whose == owner and contact is not None and contact.version_id > after_version
        ]
        found.sort(key=lambda contact: contact.version_id)
        head = await self.user(owner)
        return page_of_contacts(
            found[: limit + 1], limit=limit, version_id=head.version_id, unread_total=head.unread_total
        )

    async def pull_hidden(self, owner: Uid, session_id: SessionId, *, after_version: int, limit: int) -> HiddenPage:
        """Hidden messages by version."""
        found = sorted(
            (row.version_id, row.msg_id)
            for row in self._rows.hidden.values()
            if row is not None
            and row.owner == owner
            and row.session_id == session_id
            and row.version_id > after_version
        )
        return page_of_hidden(found[: limit + 1], limit=limit, version_id=(await self.user(owner)).version_id)

    async def read_tails(self, session_ids: Sequence[SessionId], *, versions_max: int) -> list[TailRead]:
        """The ends of timelines."""
        return tails_of(
            (
                (message, session.version_id)
                for session in _found(self._rows.sessions.get(session_id) for session_id in session_ids)
                for message in self._timeline(session.session_id)
                if message.version_id > session.version_id - versions_max
            ),
            versions_max,
        )

    async def messages(self, session_id: SessionId, *, before_sort_key: int | None, limit: int) -> list[Message]:
        """Messages as they are stored."""
        found = [
            message
            for message in self._timeline(session_id)
            if before_sort_key is None or message.sort_key < before_sort_key
        ]
        return found[::-1][:limit]

    def _timeline(self, session_id: SessionId) -> Iterable[Message]:
        found = (self._rows.messages[msg_id] for msg_id in self._timelines.get(session_id, ()))
        return (message for message in found if message is not None)

    def _visible(self, owner: Uid, session_id: SessionId) -> list[Message]:
        contact = self._rows.contacts.get((owner, session_id))
        mark = contact.last_del_msg_id if contact else 0
        return [
            message
            for message in self._timeline(session_id)
            if message.msg_id > mark and (owner, message.msg_id) not in self._rows.hidden
        ]

    def load(self, keys: Keys) -> Loaded:
        """The rows that exist of those named."""
        rows = self._rows
        by_seq = (rows.seqs.get(key) for key in keys.seqs)
        return Loaded(
            slots=_found(rows.slots.get(key) for key in keys.slots),
            sessions=_found(rows.sessions.get(key) for key in keys.sessions),
            users=_found(rows.users.get(key) for key in keys.users),
            contacts=_found(rows.contacts.get(key) for key in keys.contacts),
            messages=_found(rows.messages.get(msg_id) for msg_id in {*keys.messages, *_found(by_seq)}),
            hidden=_found(rows.hidden.get(key) for key in keys.hidden),
            profiles=_found(rows.profiles.get(key) for key in keys.profiles),
            unread=[(fact, self._unread_up_to(fact)) for fact in keys.facts if isinstance(fact, UnreadUpTo)],
            previews=[(fact, self._preview_without(fact)) for fact in keys.facts if isinstance(fact, PreviewWithout)],
        )

    def _unread_up_to(self, fact: UnreadUpTo) -> int:
        contact = self._rows.contacts.get((fact.owner, fact.session_id))
        if contact is None:
            return 0
        return sum(
            contact.counts(message)
            for message in self._visible(fact.owner, fact.session_id)
            if message.msg_id <= fact.up_to
        )

    def _preview_without(self, fact: PreviewWithout) -> Message | None:
        seen = [message for message in self._visible(fact.owner, fact.session_id) if message.msg_id not in fact.msg_ids]
        return seen[-1] if seen else None

    def write(self, changes: Changes) -> None:
        """All of it; nothing here can fail half-way."""
        for message in changes.born:
            self._timelines.setdefault(message.session_id, []).append(message.msg_id)
        self._rows.put(changes)
        for contact in changes.contacts:
            # The preview is read through its id, as in every engine, so that it can never be an old copy.
            preview = contact.last_message
            if preview is not None:
                as_stored = replace(contact, last_message=self._rows.messages[preview.msg_id])
                self._rows.contacts[contact.owner, contact.session_id] = as_stored


def _found(rows: Iterable[T | None]) -> list[T]:
    return [row for row in rows if row is not None]


class _MemoryTransaction(Transaction):
    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def load(self, keys: Keys) -> Loaded:
        """The rows that exist of those named."""
        return self._store.load(keys)

    async def commit(self, changes: Changes) -> None:
        """Visible at once; durable as long as the process."""
        self._store.write(changes)
