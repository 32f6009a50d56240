"""Pulls: what a device asks for to become equal to the server. Cache first, where it can prove its answer."""

from collections.abc import Coroutine, Sequence
from typing import Any, TypeAlias, TypeVar

from msgspec import UNSET, UnsetType

from sixin.core import errors
from sixin.core.contact import Contact, UserHead
from sixin.core.ids import SessionId, Uid
from sixin.core.limits import (
    PAGE_CONTACTS_DEFAULT,
    PAGE_HIDDEN_MAX,
    PAGE_MESSAGES_DEFAULT,
)
from sixin.core.timeline import ContactPage, MessagePage
from sixin.core.wire.bodies import (
    PullContactsBody,
    PullHiddenAnswer,
    PullHiddenBody,
    PullNewBody,
    PullOldBody,
    SessionBody,
    UnreadBody,
)
from sixin.server.cache import Cache
from sixin.server.operations.actor import Actor, session_named
from sixin.server.operations.ahead import AHEAD_VERSIONS_MIN, LISTED_SESSIONS_MIN, Ahead
from sixin.server.store.base import Store

T = TypeVar("T")

Found: TypeAlias = T | Coroutine[Any, Any, T]
"""What a read gives: the answer at once, where the cache can prove it, else what to wait for. A task costs more than
most pulls."""


class Pulls:
    """Every read. Each method, or what it gives to wait for, raises what refuses it; `Unavailable` when the store
    cannot answer."""

    def __init__(self, store: Store, cache: Cache) -> None:
        self._store = store
        self._cache = cache
        self._ahead = Ahead()

    def pull_new(self, actor: Actor, body: PullNewBody) -> Found[MessagePage]:
        """拉新: what changed in a session."""
        session_id = session_named(actor, body)
        after, limit = body.after_version, _or(body.limit, PAGE_MESSAGES_DEFAULT)
        born_up_to = None if body.born_up_to is UNSET else body.born_up_to
        found = self._cache.pull_new(actor.uid, session_id, after_version=after, born_up_to=born_up_to, limit=limit)
        if found is not None:
            return found
        version = self._cache.message_version(actor.uid, session_id)
        if version is not None:
            versions = max(version - after, AHEAD_VERSIONS_MIN)
            ahead = self._ahead.sessions(actor.uid, session_id, versions=versions)
            if ahead:
                return self._new_with(ahead, versions, actor.uid, session_id, after, born_up_to, limit)
        return self._stored_new(actor.uid, session_id, after, born_up_to, limit)

    async def _stored_new(
        self, owner: Uid, session_id: SessionId, after: int, born_up_to: int | None, limit: int
    ) -> MessagePage:
        page = await self._store.pull_new(owner, session_id, after_version=after, born_up_to=born_up_to, limit=limit)
        self._cache.seen(session_id, page.version_id)
        return page

    async def _new_with(
        self,
        ahead: Sequence[SessionId],
        versions: int,
        owner: Uid,
        session_id: SessionId,
        after: int,
        born_up_to: int | None,
        limit: int,
    ) -> MessagePage:
        moment = self._cache.moment()
        self._cache.fill_messages(await self._store.read_tails(ahead, versions_max=versions), moment)
        return self._cache.pull_new(
            owner, session_id, after_version=after, born_up_to=born_up_to, limit=limit
        ) or await self._stored_new(owner, session_id, after, born_up_to, limit)

    def pull_old(self, actor: Actor, body: PullOldBody) -> Found[MessagePage]:
        """拉旧: a page of history."""
        session_id = session_named(actor, body)
        before = None if body.before_sort_key is UNSET else body.before_sort_key
        limit = _or(body.limit, PAGE_MESSAGES_DEFAULT)
        return self._cache.pull_old(actor.uid, session_id, before_sort_key=before, limit=limit) or self._stored_old(
            actor.uid, session_id, before, limit
        )

    async def _stored_old(self, owner: Uid, session_id: SessionId, before: int | None, limit: int) -> MessagePage:
        page = await self._store.pull_old(owner, session_id, before_sort_key=before, limit=limit)
        self._cache.seen(session_id, page.version_id)
        return page

    def pull_contacts(self, actor: Actor, body: PullContactsBody) -> Found[ContactPage]:
        """What changed in the actor's contacts."""
        after, limit = body.after_version, _or(body.limit, PAGE_CONTACTS_DEFAULT)
        found = self._cache.pull_contacts(actor.uid, after_version=after, limit=limit)
        if found is None:
            return self._stored_contacts(actor.uid, after, limit)
        self._listed(actor.uid, found, after)
        return found

    async def _stored_contacts(self, owner: Uid, after: int, limit: int) -> ContactPage:
        moment = self._cache.moment()
        page = await self._store.pull_contacts(owner, after_version=after, limit=limit)
        self._cache.fill_contacts(owner, page, after_version=after, moment=moment)
        self._listed(owner, page, after)
        return page

    def _listed(self, owner: Uid, page: ContactPage, after: int) -> None:
        if after and len(page.contacts) >= LISTED_SESSIONS_MIN:
            session_ids = [contact.session_id for contact in page.contacts]
            self._ahead.listed(owner, session_ids, after_version=after, version_id=page.version_id)

    async def pull_hidden(self, actor: Actor, body: PullHiddenBody) -> PullHiddenAnswer:
        """What the actor deleted for himself."""
        page = await self._store.pull_hidden(
            actor.uid, session_named(actor, body), after_version=body.after_version, limit=PAGE_HIDDEN_MAX
        )
        return PullHiddenAnswer([str(msg_id) for msg_id in page.msg_ids], page.version_id, page.more)

    def contact(self, actor: Actor, body: SessionBody) -> Found[Contact]:
        """One contact."""
        session_id = session_named(actor, body)
        return self._cache.contact(actor.uid, session_id) or self._stored_contact(actor.uid, session_id)

    async def _stored_contact(self, owner: Uid, session_id: SessionId) -> Contact:
        found = await self._store.contact(owner, session_id)
        if found is None:
            raise errors.NotFound
        self._cache.seen(session_id, found.message_version)
        return found

    def unread(self, actor: Actor, body: UnreadBody) -> Found[UserHead]:
        """The total."""
        return self.head(actor.uid)

    def head(self, uid: Uid) -> Found[UserHead]:
        """How far a user's contact timeline has come, with the total."""
        return self._cache.user(uid) or self._stored_head(uid)

    async def _stored_head(self, uid: Uid) -> UserHead:
        moment = self._cache.moment()
        head = await self._store.user(uid)
        self._cache.fill_head(head, moment)
        return head


def _or(value: int | UnsetType, default: int) -> int:
    return default if value is UNSET else value
