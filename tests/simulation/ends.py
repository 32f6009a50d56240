"""What the server holds at the end of a run, as it lies in its rows."""

from collections.abc import Iterable

from msgspec import Raw

from sixin.core.contact import Contact
from sixin.core.ids import SessionId, Uid
from sixin.core.limits import PAGE_HIDDEN_MAX
from sixin.core.wire.codec import encode
from sixin.core.wire.views import contact_view, message_view
from sixin.server.store.memory import MemoryStore
from sixin.verify.history import History, StoredContacts, StoredMessages

ALL = 10**9


async def take_end(history: History, rows: MemoryStore, uids: Iterable[int], sessions: Iterable[str]) -> None:
    """Write it down."""
    for session_id in map(SessionId, sessions):
        head = await rows.session(session_id)
        messages = await rows.messages(session_id, before_sort_key=None, limit=ALL)
        if head.version_id or messages:
            encoded = [Raw(encode(message_view(message))) for message in messages]
            history.ends.append(StoredMessages(session_id, head.version_id, encoded))
    for uid in map(Uid, uids):
        history.ends.append(await _user(rows, uid))


async def _user(rows: MemoryStore, uid: Uid) -> StoredContacts:
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
    return StoredContacts(str(uid), head.version_id, head.unread_total, lines, hidden)


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
