"""Rows as PostgreSQL has them: the composite types of its schema, from and to those of the core."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import astuple

from sixin.core.contact import Contact, Hidden, Profile, UserHead
from sixin.core.ids import MsgId, SessionId, slot_of, slot_of_message
from sixin.core.message import Message
from sixin.core.rows import Changes, Keys, Loaded, PreviewWithout, UnreadUpTo
from sixin.core.session import Session, SlotHead
from sixin.server.store.base import Heads

Record = Sequence[Any]
"""A row from the driver: values in the order of the type in `sql/postgres/`."""

Records = Sequence[Record] | None
"""An array of rows; PostgreSQL gives null for an empty one."""

Arguments = tuple[list[Any] | str, ...]

_CONTACT_COLUMNS = len(Contact.__struct_fields__)
_SESSION_ID = Contact.__struct_fields__.index("session_id")
_PREVIEW = Contact.__struct_fields__.index("last_message")
_LABELS = Contact.__struct_fields__.index("labels")
"""A `sixin.contact_row` has the fields of a `Contact` in their order; where that has a message, it has an id."""


def message_from(row: Record) -> Message:
    """A `sixin.message_row`; its slot is in its id."""
    return Message(*row[1:])


def messages_from(rows: Records) -> list[Message]:
    """An array of `sixin.message_row`."""
    return [Message(*row[1:]) for row in rows or ()]


def contact_found(row: Record) -> Contact:
    """The columns of a contact, and those of the message it shows, but for its id and its session."""
    preview_msg_id = row[_PREVIEW]
    if preview_msg_id is None:
        return _contact_of(row[:_CONTACT_COLUMNS], None)
    return _contact_of(row[:_CONTACT_COLUMNS], Message(preview_msg_id, row[_SESSION_ID], *row[_CONTACT_COLUMNS:]))


def _contact_from(row: Record, shown: Mapping[MsgId, Message]) -> Contact:
    preview_msg_id = row[_PREVIEW]
    return _contact_of(row, None if preview_msg_id is None else shown[preview_msg_id])


def _contact_of(row: Record, preview: Message | None) -> Contact:
    fields = list(row)
    fields[_PREVIEW] = preview
    fields[_LABELS] = tuple(fields[_LABELS])
    return Contact(*fields)


def session_from(row: Record) -> Session:
    """A `sixin.session_row`."""
    return Session(*row[1:])


def user_from(row: Record) -> UserHead:
    """A `sixin.user_row`."""
    return UserHead(*row)


def loaded_from(row: Any, keys: Keys) -> Loaded:
    """What `sixin.load_batch` gave, a record by the names of its results.

    A head at version 0 was only made to be locked: it does not exist yet.
    """
    shown = {message.msg_id: message for message in messages_from(row["shown"])}
    unread_facts, preview_facts = _facts_of(keys)
    return Loaded(
        slots=[SlotHead(*slot) for slot in row["slots"] or ()],
        sessions=[session_from(session) for session in row["sessions"] or () if session["version_id"]],
        users=[user_from(user) for user in row["users"] or () if user["version_id"]],
        contacts=[
            *(_contact_from(contact, shown) for contact in row["contacts"] or ()),
            *(_contact_of(contact, None) for contact in row["replaced"] or ()),
        ],
        messages=messages_from(row["messages"]),
        hidden=[Hidden(*hidden) for hidden in row["hidden"] or ()],
        profiles=[Profile(*profile) for profile in row["profiles"] or ()],
        unread=list(zip(unread_facts, row["unread"], strict=True)),
        previews=[
            (fact, None if msg_id is None else shown[msg_id])
            for fact, msg_id in zip(preview_facts, row["previews"], strict=True)
        ],
    )


def load_arguments(keys: Keys) -> Arguments:
    """What `sixin.load_batch` is given, after whether to lock."""
    unread_facts, preview_facts = _facts_of(keys)
    return (
        list(keys.slots),
        [(slot_of(session_id), session_id) for session_id in keys.sessions],
        list(keys.users),
        list(keys.contacts - keys.replaced),
        list(keys.replaced),
        list(keys.messages),
        [(slot_of(session_id), session_id, sender, seq_id) for session_id, sender, seq_id in keys.seqs],
        list(keys.hidden),
        list(keys.profiles),
        [(fact.owner, slot_of(fact.session_id), fact.session_id, fact.up_to) for fact in unread_facts],
        [(fact.owner, slot_of(fact.session_id), fact.session_id, list(fact.msg_ids)) for fact in preview_facts],
    )


def _facts_of(keys: Keys) -> tuple[list[UnreadUpTo], list[PreviewWithout]]:
    """Both kinds, in the order in which they are asked and answered: a set keeps its order while nobody changes it."""
    return (
        [fact for fact in keys.facts if isinstance(fact, UnreadUpTo)],
        [fact for fact in keys.facts if isinstance(fact, PreviewWithout)],
    )


def relied_arguments(heads: Heads) -> Arguments:
    """The first part of what `sixin.commit_batch` is given: in the order of its locks, which is how it compares."""
    return (
        _slots_text(sorted(heads.slots, key=lambda head: head.slot)),
        _sessions_text(sorted(heads.sessions, key=lambda session: session_key(session.session_id))),
        _users_text(sorted(heads.users, key=lambda head: head.uid)),
    )


def write_arguments(changes: Changes) -> Arguments:
    """What `sixin.write_batch` is given."""
    return (
        _slots_text(changes.slots),
        _sessions_text(changes.sessions),
        _users_text(changes.users),
        [_contact_row(contact) for contact in changes.contacts],
        _message_rows(changes.born),
        _message_rows(changes.emptied),
        [(hidden.owner, hidden.session_id, hidden.msg_id, hidden.version_id) for hidden in changes.hidden],
        [astuple(profile) for profile in changes.profiles],
    )


def session_key(session_id: SessionId) -> tuple[int, SessionId]:
    """The primary key of a session."""
    return slot_of(session_id), session_id


# Heads travel as PostgreSQL writes an array of rows: the driver takes 1.3 µs for a row of two numbers, and this a
# quarter of it. Nothing in them needs quotes. For contacts and messages the driver is as fast, and PostgreSQL faster.


def _slots_text(heads: Iterable[SlotHead]) -> str:
    return _array([f"{head.slot},{head.last_tick}" for head in heads])


def _sessions_text(sessions: Iterable[Session]) -> str:
    return _array(
        [
            f"{slot_of(row.session_id)},{row.session_id},{row.version_id},{row.last_ordinal},{row.last_msg_id}"
            for row in sessions
        ]
    )


def _users_text(heads: Iterable[UserHead]) -> str:
    return _array([f"{head.uid},{head.version_id},{head.unread_total}" for head in heads])


def _array(rows: list[str]) -> str:
    return '{"(' + ')","('.join(rows) + ')"}' if rows else "{}"


def _message_rows(messages: Iterable[Message]) -> list[tuple[Any, ...]]:
    return [
        (
            slot_of_message(message.msg_id),
            message.msg_id,
            message.session_id,
            message.sender,
            message.seq_id,
            message.ordinal,
            message.version_id,
            message.sort_key,
            message.status,
            message.content,
            message.digest,
            message.sent_at_ms,
            message.changed_at_ms,
        )
        for message in messages
    ]


def _contact_row(contact: Contact) -> tuple[Any, ...]:
    return (
        contact.owner,
        contact.session_id,
        contact.peer,
        contact.version_id,
        contact.sort_key,
        contact.last_msg_id,
        None if contact.last_message is None else contact.last_message.msg_id,
        contact.last_del_msg_id,
        contact.last_read_msg_id,
        contact.peer_read_msg_id,
        contact.unread,
        contact.pinned,
        contact.muted,
        contact.labels,
        contact.status,
        contact.peer_ack,
        contact.message_version,
        contact.hidden_version,
        contact.last_seq_id,
    )
