"""What people asked the SQLite file for, made from the rows it gave: in the server, where the rows are wanted."""

from typing import Any

from sixin.core.contact import Contact, UserHead
from sixin.core.message import Message
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
from sixin.server.store.sqlite_requests import PullContacts, PullHidden, PullNew, PullOld, ReadTails
from sixin.server.store.sqlite_rows import contact_of

Found = Any
"""What the engine's method of the same name gives, or the same after its travel, where tuples have become lists."""


def contact_found(found: Found) -> Contact | None:
    """`Store.contact`."""
    return None if found is None else contact_of(found)


def user_found(found: Found) -> UserHead:
    """`Store.user`."""
    return UserHead(*found)


def session_found(found: Found) -> Session:
    """`Store.session`."""
    return Session(*found)


def new_found(asked: PullNew, found: Found) -> MessagePage:
    """`Store.pull_new`."""
    version_id, rows = found
    return page_after(messages_found(rows), limit=asked.limit, version_id=version_id)


def old_found(asked: PullOld, found: Found) -> MessagePage:
    """`Store.pull_old`."""
    version_id, rows = found
    return page_before(messages_found(rows), limit=asked.limit, version_id=version_id)


def contacts_found(asked: PullContacts, found: Found) -> ContactPage:
    """`Store.pull_contacts`."""
    (_, version_id, unread_total), rows = found
    contacts = list(map(contact_of, rows))
    return page_of_contacts(contacts, limit=asked.limit, version_id=version_id, unread_total=unread_total)


def hidden_found(asked: PullHidden, found: Found) -> HiddenPage:
    """`Store.pull_hidden`."""
    version_id, rows = found
    return page_of_hidden([(version, msg_id) for version, msg_id in rows], limit=asked.limit, version_id=version_id)


def tails_found(asked: ReadTails, found: Found) -> list[TailRead]:
    """`Store.read_tails`."""
    return tails_of(((Message(*row[:-1]), row[-1]) for row in found), asked.versions_max)


def messages_found(found: Found) -> list[Message]:
    """`Store.messages`."""
    return [Message(*row) for row in found]
