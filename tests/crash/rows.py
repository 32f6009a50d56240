"""What the database holds, read without the server: every row that the promises are about."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from sixin.core.contact import Contact, UserHead
from sixin.core.ids import MsgId, SessionId, Uid
from sixin.core.message import Message
from sixin.core.session import Session

_MESSAGE: Final = (
    "msg_id, session_id, sender, seq_id, ordinal, version_id, sort_key, status, content, digest, sent_at_ms,"
    " changed_at_ms"
)
_CONTACT: Final = (
    "owner, session_id, peer, version_id, sort_key, last_msg_id, preview_msg_id, last_del_msg_id, last_read_msg_id,"
    " peer_read_msg_id, unread, pinned, muted, labels, status, peer_ack, message_version, hidden_version, last_seq_id"
)
_QUERIES: Final = {
    "messages": f"SELECT {_MESSAGE} FROM messages ORDER BY session_id, sort_key",  # noqa: S608  # names from above
    "contacts": f"SELECT {_CONTACT} FROM contacts ORDER BY owner, version_id",  # noqa: S608
    "sessions": "SELECT session_id, version_id, last_ordinal, last_msg_id FROM sessions",
    "users": "SELECT uid, version_id, unread_total FROM users",
    "hidden": "SELECT owner, session_id, msg_id, version_id FROM hidden",
}


class Rows(Struct):
    """A database, by what it is asked for."""

    messages: dict[SessionId, list[Message]]
    """By sort_key."""
    contacts: dict[Uid, dict[SessionId, Contact]]
    """With their previews; in the order of their versions."""
    sessions: dict[SessionId, Session]
    users: dict[Uid, UserHead]
    hidden: dict[tuple[Uid, SessionId], dict[MsgId, int]]
    """What a user deleted for himself, and the contact version at which he did."""

    def visible(self, owner: Uid, session_id: SessionId) -> list[Message]:
        """What a member sees of a session, by sort_key."""
        contact = self.contacts.get(owner, {}).get(session_id)
        if contact is None:
            return []
        gone = self.hidden.get((owner, session_id), {})
        return [
            message
            for message in self.messages.get(session_id, [])
            if message.msg_id > contact.last_del_msg_id and message.msg_id not in gone
        ]


def rows_of_file(path: Path) -> Rows:
    """Read an SQLite file that no server has open."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"{path} is damaged: {verdict}")
        return _rows({name: connection.execute(query).fetchall() for name, query in _QUERIES.items()})


async def rows_of_postgres(url: str) -> Rows:
    """Read a PostgreSQL database, all of it at one moment."""
    connection = await asyncpg.connect(url, server_settings={"search_path": "sixin"})
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            found = {name: await connection.fetch(query) for name, query in _QUERIES.items()}
    finally:
        await connection.close()
    return _rows({name: [tuple(row.values()) for row in rows] for name, rows in found.items()})


def _rows(found: dict[str, Sequence[tuple[Any, ...]]]) -> Rows:
    rows = Rows(defaultdict(list), defaultdict(dict), {}, {}, defaultdict(dict))
    by_id: dict[int, Message] = {}
    for row in found["messages"]:
        message = Message(*row)
        rows.messages[message.session_id].append(message)
        by_id[message.msg_id] = message
    for contact in _contacts(found["contacts"], by_id):
        rows.contacts[contact.owner][contact.session_id] = contact
    rows.sessions = {session.session_id: session for session in (Session(*row) for row in found["sessions"])}
    rows.users = {head.uid: head for head in (UserHead(*row) for row in found["users"])}
    for owner, session_id, msg_id, version_id in found["hidden"]:
        rows.hidden[owner, session_id][msg_id] = version_id
    return rows


def _contacts(found: Iterable[tuple[Any, ...]], by_id: dict[int, Message]) -> Iterable[Contact]:
    for row in found:
        values = dict(zip(_CONTACT.replace(" ", "").split(","), row, strict=True))
        preview = values.pop("preview_msg_id")
        labels = values.pop("labels")
        for name in ("pinned", "muted", "peer_ack"):
            values[name] = bool(values[name])
        contact = Contact(**values, labels=tuple(msgspec.json.decode(labels) if isinstance(labels, str) else labels))
        yield replace(contact, last_message=by_id[preview]) if preview else contact
