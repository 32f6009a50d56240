"""The verdict: after a run, everything is pulled and compared with what was acknowledged (contract 1, 2, 3, 6, 7)."""

from collections.abc import Sequence
from itertools import pairwise

import msgspec
from msgspec import Struct

from sixin.bench.link import Calls
from sixin.bench.plan import Verdict
from sixin.bench.traffic import Sender
from sixin.core.ids import Uid

PAGE = 500


class SeenMessage(Struct):
    """What the verdict needs of a message."""

    msg_id: str
    sender: str
    seq_id: int
    ordinal: int
    version_id: int
    sort_key: int
    status: str


class SeenContact(Struct):
    """What the verdict needs of a contact."""

    session_id: str
    version_id: int
    last_msg_id: str
    last_read_msg_id: str
    unread: int
    message_version: int


class _Messages(Struct):
    messages: list[SeenMessage]
    version_id: int
    more: bool


class _Contacts(Struct):
    contacts: list[SeenContact]
    version_id: int
    more: bool
    unread_total: int


async def check_user(calls: Calls, uid: Uid, sender: Sender | None, verdict: Verdict) -> None:
    """Pull all of a user's timelines and judge them; `sender` knows what was acknowledged to one of his devices."""
    contacts, total, after, more = list[SeenContact](), 0, 0, True
    while more:
        page = msgspec.json.decode(
            await calls.call("pull_contacts", {"after_version": after, "limit": 1_000}), type=_Contacts
        )
        contacts += page.contacts
        after, more, total = page.version_id, page.more, page.unread_total
    mine: dict[int, str] = {}
    for contact in contacts:
        messages = await _messages_of(calls, contact.session_id)
        judge_session(uid, contact, messages, verdict)
        for message in messages:
            if message.sender == str(uid):
                # Peers apart: each seq_id of a load generator's link is used in one session only.
                if message.seq_id in mine:
                    verdict.fault(f"{contact.session_id}: seq_id {message.seq_id} of {uid} is there twice")
                mine[message.seq_id] = message.msg_id
    judge_contacts(uid, contacts, after, total, verdict)
    if sender is not None:
        judge_sends(uid, sender, mine, verdict)


async def _messages_of(calls: Calls, session_id: str) -> list[SeenMessage]:
    messages, after, more = list[SeenMessage](), 0, True
    while more:
        body = {"session_id": session_id, "after_version": after, "limit": PAGE}
        page = msgspec.json.decode(await calls.call("pull_new", body), type=_Messages)
        messages += page.messages
        after, more = page.version_id, page.more
    return messages


def judge_session(uid: Uid, contact: SeenContact, messages: Sequence[SeenMessage], verdict: Verdict) -> None:
    """A timeline in which nobody recalled or deleted: every number is consecutive, and unread can be counted."""
    verdict.sessions += 1
    verdict.messages += len(messages)
    name = f"{uid} in {contact.session_id}"
    wanted = list(range(1, len(messages) + 1))
    for what in ("version_id", "sort_key", "ordinal"):
        if [getattr(message, what) for message in messages] != wanted:
            verdict.fault(f"{name}: {what} is not 1 to {len(messages)}, each once and in order")
    ids = [int(message.msg_id) for message in messages]
    if any(later <= earlier for earlier, later in pairwise(ids)):
        verdict.fault(f"{name}: msg_id does not increase")
    if contact.message_version != len(messages) or (ids and int(contact.last_msg_id) != ids[-1]):
        verdict.fault(f"{name}: the contact stands at another message than the timeline")
    read_up_to = int(contact.last_read_msg_id)
    unread = sum(message.sender != str(uid) and int(message.msg_id) > read_up_to for message in messages)
    if contact.unread != unread:
        verdict.fault(f"{name}: unread is {contact.unread}, counted {unread}")


def judge_contacts(uid: Uid, contacts: Sequence[SeenContact], version_id: int, total: int, verdict: Verdict) -> None:
    """The list: each session once, versions below the cursor, and a total that is the sum."""
    if len({contact.session_id for contact in contacts}) != len(contacts):
        verdict.fault(f"{uid}: a session is in the list twice")
    versions = [contact.version_id for contact in contacts]
    if sorted(set(versions)) != versions or (versions and versions[-1] != version_id):
        verdict.fault(f"{uid}: contact versions are not in order, or end below the cursor")
    if sum(contact.unread for contact in contacts) != total:
        verdict.fault(f"{uid}: unread_total is {total}, summed {sum(contact.unread for contact in contacts)}")


def judge_sends(uid: Uid, sender: Sender, found: dict[int, str], verdict: Verdict) -> None:
    """Everything acknowledged is there under the number it was acknowledged with."""
    for seq_id, msg_id in sender.acked.items():
        verdict.acknowledged += 1
        if found.get(seq_id) != msg_id.decode():
            verdict.fault(f"{uid}: seq_id {seq_id} was acknowledged as {msg_id.decode()}, found {found.get(seq_id)}")
    unanswered = set(range(sender.first_seq, sender.first_seq + sender.sent)) - sender.acked.keys()
    verdict.unanswered_present += len(unanswered & found.keys())
    strangers = [seq_id for seq_id in found if seq_id >= sender.first_seq + sender.sent]
    if strangers:
        verdict.fault(f"{uid}: messages nobody sent: seq_id {strangers[:3]}")
