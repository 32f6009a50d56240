"""Rows as the SQLite file holds them, and as the core knows them. The columns stand in the order of the statements."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from sixin.core.contact import Contact, Hidden, Profile, UserHead
from sixin.core.message import Message
from sixin.core.session import Session

Columns = tuple[Any, ...]
"""What one row of a statement takes: integers, texts and bytes. msgspec has no union of the last two."""

Stored = Sequence[Any]
"""What one row of a statement gives: typed by its STRICT table, which a type checker cannot see."""

_labels = msgspec.json.Decoder(tuple[str, ...])
_NO_LABELS = "[]"
_CONTACT_COLUMNS = 19

MESSAGE_CONTENT: Final = 8
"""The column of a message's content."""

PREVIEW_CONTENT: Final = _CONTACT_COLUMNS + MESSAGE_CONTENT
"""The same in a contact's row, where its preview stands behind its own columns."""


def message_columns(row: Message) -> Columns:
    """For `add_messages`."""
    return (
        row.msg_id,
        row.session_id,
        row.sender,
        row.seq_id,
        row.ordinal,
        row.version_id,
        row.sort_key,
        row.status,
        row.content,
        row.digest,
        row.sent_at_ms,
        row.changed_at_ms,
    )


def emptied_columns(row: Message) -> Columns:
    """For `empty_message`."""
    return (row.status, row.content, row.version_id, row.changed_at_ms, row.msg_id)


def session_columns(row: Session) -> Columns:
    """For `put_sessions`."""
    return (row.session_id, row.version_id, row.last_ordinal, row.last_msg_id)


def user_columns(row: UserHead) -> Columns:
    """For `put_users`."""
    return (row.uid, row.version_id, row.unread_total)


def contact_columns(row: Contact) -> Columns:
    """For `put_contacts`. Of the preview, its id: the content is stored once."""
    return (
        row.owner,
        row.session_id,
        row.peer,
        row.version_id,
        row.sort_key,
        row.last_msg_id,
        row.last_message.msg_id if row.last_message is not None else 0,
        row.last_del_msg_id,
        row.last_read_msg_id,
        row.peer_read_msg_id,
        row.unread,
        1 if row.pinned else 0,
        1 if row.muted else 0,
        msgspec.json.encode(row.labels).decode() if row.labels else _NO_LABELS,
        row.status,
        1 if row.peer_ack else 0,
        row.message_version,
        row.hidden_version,
        row.last_seq_id,
    )


def hidden_columns(row: Hidden) -> Columns:
    """For `add_hidden`."""
    return (row.owner, row.msg_id, row.session_id, row.version_id)


def profile_columns(row: Profile) -> Columns:
    """For `put_profiles`."""
    return (row.uid, row.kind, row.name, row.avatar, row.registered, row.tokens_from_s)


def profile_of(stored: Stored) -> Profile:
    """A profile; SQLite has no booleans."""
    uid, kind, name, avatar, registered, tokens_from_s = stored
    return Profile(uid, kind, name, avatar, bool(registered), tokens_from_s)


def message_of(stored: Stored) -> Message:
    """A message."""
    return Message(*stored)


def contact_of(stored: Stored) -> Contact:
    """A contact, from its own columns and those of its preview, which are NULL where it has none."""
    columns, preview = list(stored[:_CONTACT_COLUMNS]), stored[_CONTACT_COLUMNS:]
    columns[6] = None if preview[0] is None else Message(*preview)
    columns[11] = bool(columns[11])
    columns[12] = bool(columns[12])
    columns[13] = () if columns[13] == _NO_LABELS else _labels.decode(columns[13])
    columns[15] = bool(columns[15])
    return Contact(*columns)
