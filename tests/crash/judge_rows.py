"""The database by itself: numbers are consecutive, nothing is there twice, and every count is what can be counted.

Written from the sentences of the contract, and not with the rules of `sixin.core` that made the rows.
"""

from sixin.core.contact import Contact
from sixin.core.ids import Uid, slot_of, slot_of_message
from sixin.core.message import Message
from tests.crash.findings import Findings
from tests.crash.rows import Rows


def judge_rows(rows: Rows, findings: Findings) -> None:
    """Judge every session and every user."""
    _judge_uniqueness(rows, findings)
    for session_id, messages in rows.messages.items():
        _judge_session(rows, session_id, messages, findings)
    for owner in rows.users:
        _judge_user(rows, owner, findings)


def _judge_uniqueness(rows: Rows, findings: Findings) -> None:
    seqs: set[tuple[str, int, int]] = set()
    digests: set[bytes] = set()
    msg_ids: set[int] = set()
    for messages in rows.messages.values():
        for message in messages:
            seq = (message.session_id, message.sender, message.seq_id)
            findings.look("stored once by (session, sender, seq_id)", seq not in seqs, message)
            # The digest stays when the content is gone; every text of a run is unlike every other.
            findings.look("stored once by its text", message.digest not in digests, message)
            findings.look("msg_id given out once", message.msg_id not in msg_ids, message)
            seqs.add(seq)
            digests.add(message.digest)
            msg_ids.add(message.msg_id)


def _judge_session(rows: Rows, session_id: str, messages: list[Message], findings: Findings) -> None:
    session = rows.sessions.get(messages[0].session_id)
    last = messages[-1]
    for nth, message in enumerate(messages):
        before = messages[nth - 1] if nth else None
        findings.look("ordinals are 1, 2, 3 …", message.ordinal == nth + 1, message)
        findings.look("msg_id grows with sort_key", before is None or before.msg_id < message.msg_id, message)
        findings.look(
            "msg_id ends in the session's slot",
            slot_of_message(message.msg_id) == slot_of(message.session_id),
            message,
        )
        findings.look(
            "content is there unless taken back", (message.status == "normal") == bool(message.content), message
        )
    # A version is a birth or the last change of a message, and here no message can change twice.
    versions = [message.version_id for message in messages]
    births = {message.sort_key for message in messages}
    findings.look("versions differ", len(set(versions)) == len(versions), session_id)
    findings.look(
        "versions are 1, 2, 3 …",
        session is not None and births.union(versions) == set(range(1, session.version_id + 1)),
        session_id,
    )
    findings.look(
        "a session's head is its last message",
        session is not None and (session.last_ordinal, session.last_msg_id) == (last.ordinal, last.msg_id),
        session,
    )


def _judge_user(rows: Rows, owner: Uid, findings: Findings) -> None:
    contacts = list(rows.contacts.get(owner, {}).values())
    head = rows.users[owner]
    versions = [contact.version_id for contact in contacts]
    findings.look("contact versions differ", len(set(versions)) == len(versions), owner)
    findings.look("a user's head is his newest contact", head.version_id == max(versions, default=0), head)
    total = 0
    for contact in contacts:
        unread = _judge_contact(rows, contact, findings)
        total += unread if contact.status == "normal" and not contact.muted else 0
    findings.look("total unread recounted from the messages", head.unread_total == total, (head, total))


def _judge_contact(rows: Rows, contact: Contact, findings: Findings) -> int:
    """The unread as it can be counted."""
    visible = rows.visible(contact.owner, contact.session_id)
    unread = sum(
        message.sender != contact.owner and message.status == "normal" and message.msg_id > contact.last_read_msg_id
        for message in visible
    )
    findings.look("unread recounted from the messages", contact.unread == unread, (contact, unread))
    preview = visible[-1] if visible else None
    findings.look("preview is the newest visible message", contact.last_message == preview, (contact, preview))

    session = rows.sessions[contact.session_id]
    heads = (contact.last_msg_id, contact.message_version)
    findings.look("a contact knows its session's head", heads == (session.last_msg_id, session.version_id), contact)
    other = rows.contacts.get(contact.peer, {}).get(contact.session_id)
    findings.look("both sides have a contact", other is not None, contact)
    if other is not None and contact.peer != contact.owner:
        findings.look(
            "a contact knows how far the peer has read", contact.peer_read_msg_id == other.last_read_msg_id, contact
        )
    return unread
