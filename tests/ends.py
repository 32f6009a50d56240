"""What the server holds at the end of a run, as it lies in its rows."""

from collections.abc import Iterable

from msgspec import Raw

from sixin.core.contact import Contact
from sixin.core.ids import SessionId, Uid
from sixin.core.limits import PAGE_CONTACTS_MAX, PAGE_HIDDEN_MAX, PAGE_MESSAGES_MAX
from sixin.core.message import Message
from sixin.core.wire.codec import encode
from sixin.core.wire.views import contact_view, message_view
from sixin.server.store.base import Store
from sixin.trial.ends import versions_of_hidden
from sixin.verify.history import End, StoredContacts, StoredMessages


async def stored_of(rows: Store, uids: Iterable[int], session_ids: Iterable[str] = ()) -> list[End]:
    """The lines of these users, and of everybody they have a line with; every session they are in, and these."""
    ends: list[End] = []
    sessions = set(map(SessionId, session_ids))
    left, seen = {Uid(uid) for uid in uids}, set[Uid]()
    while left:
        uid = min(left)
        contacts = await _contacts(rows, uid)
        ends.append(await _user(rows, uid, contacts))
        sessions.update(contact.session_id for contact in contacts)
        seen.add(uid)
        left = (left | {contact.peer for contact in contacts}) - seen
    for session_id in sorted(sessions):
        head = await rows.session(session_id)
        messages = [Raw(encode(message_view(message))) for message in await _messages(rows, session_id)]
        if head.version_id or messages:
            ends.append(StoredMessages(session_id, head.version_id, messages))
    return ends


async def _messages(rows: Store, session_id: SessionId) -> list[Message]:
    found: list[Message] = []
    while True:
        before = found[-1].sort_key if found else None
        page = await rows.messages(session_id, before_sort_key=before, limit=PAGE_MESSAGES_MAX)
        found += page
        if len(page) < PAGE_MESSAGES_MAX:
            return found


async def _contacts(rows: Store, uid: Uid) -> list[Contact]:
    found: list[Contact] = []
    while True:
        after_version = found[-1].version_id if found else 0
        page = await rows.pull_contacts(uid, after_version=after_version, limit=PAGE_CONTACTS_MAX)
        found += page.contacts
        if not page.more:
            return found


async def _user(rows: Store, uid: Uid, contacts: list[Contact]) -> StoredContacts:
    head = await rows.user(uid)
    hidden: list[tuple[str, str, int]] = []
    for contact in contacts:
        if contact.hidden_version:
            hidden += await _hidden(rows, contact)
    lines = [Raw(encode(contact_view(contact))) for contact in contacts]
    return StoredContacts(str(uid), head.version_id, head.unread_total, lines, hidden)


async def _hidden(rows: Store, contact: Contact) -> list[tuple[str, str, int]]:
    async def above(version_id: int) -> set[str]:
        found: set[str] = set()
        more = True
        while more:
            page = await rows.pull_hidden(
                contact.owner, contact.session_id, after_version=version_id, limit=PAGE_HIDDEN_MAX
            )
            found.update(map(str, page.msg_ids))
            version_id, more = page.version_id, page.more
        return found

    versions = await versions_of_hidden(above, contact.hidden_version)
    return [(contact.session_id, msg_id, version_id) for msg_id, version_id in versions]
