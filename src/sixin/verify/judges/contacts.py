"""Sentences 8 and 10: how a contact becomes the next one. Watermarks go forward; what its owner set stays until he
changes it; nothing changes without a reason; and its place in the list follows the rules of docs/glossary.md.
"""

from itertools import pairwise
from typing import Any

from sixin.verify.case import EVERYTHING, Case, Change, ContactKey, SeenContact, refused
from sixin.verify.history import NEVER, Call
from sixin.verify.rows import row_of
from sixin.verify.seen import Body, Contact

PINNED_SORT_KEY_BASE = 2**52
WATERMARKS = ("last_del_msg_id", "last_read_msg_id", "peer_read_msg_id")
SETTINGS = ("pinned", "muted", "labels")


def judge(case: Case) -> None:
    """Walk every contact through the versions of it that were shown, up to the stored one."""
    _take_stored(case)
    for call, body, answer in case.calls:
        if answer is not None and answer.contact is not None:
            _judge_done(case, call, body, answer.contact)
    for key, versions in case.contacts.items():
        seen = [versions[version] for version in sorted(versions)]
        for before, after in pairwise([_unborn(key, seen[0]), *seen]):
            _judge_step(case, key, before, after)
    _judge_consecutive(case)
    _judge_pages(case)
    _judge_peers(case)


def _take_stored(case: Case) -> None:
    """What is stored at the end is one more sight of each contact."""
    for key, contact in case.stored_contacts.items():
        row = row_of(f"stored contact of {key[0]}", contact)
        first = case.contacts[key].setdefault(contact.version_id, SeenContact(contact, NEVER, row))
        case.session_at[key[0]].setdefault(contact.version_id, key[1])
        case.findings.judged[12] += 1
        if first.contact != contact:
            says = f"Version {contact.version_id} of the contacts of {key[0]} was shown in another form than is stored."
            case.findings.breaks(12, "same answers", says, first.where, row)


def _unborn(key: ContactKey, first: SeenContact) -> SeenContact:
    """The contact before its first message."""
    nothing = Contact(
        key[1], key[0], first.contact.peer, 0, 0, 0, None, 0, 0, 0, 0, False, False, (), "normal", False, 0, 0
    )
    return SeenContact(nothing, 0, first.where)


def _judge_step(case: Case, key: ContactKey, before: SeenContact, after: SeenContact) -> None:
    was, now = before.contact, after.contact
    for name in (*WATERMARKS, "hidden_version", "message_version", "last_msg_id"):
        case.findings.judged[8] += 1
        if getattr(now, name) < getattr(was, name):
            says = (
                f"{name} of the contact of {key[0]} for {key[1]} went back from {getattr(was, name)} at version "
                f"{was.version_id} to {getattr(now, name)} at version {now.version_id}."
            )
            case.findings.breaks(8, "never back", says, before.where, after.where)
    for name in SETTINGS:
        case.findings.judged[10] += 1
        if getattr(now, name) != getattr(was, name):
            _judge_reason(case, key, name, before, after)
    for name in ("last_del_msg_id", "last_read_msg_id"):
        if getattr(now, name) > getattr(was, name):
            _judge_reason(case, key, name, before, after)
    _judge_status(case, key, before, after)
    _judge_place(case, key, before, after)
    _judge_unchanged(case, key, before, after)
    case.begun[key[0]][now.version_id] = _begun(case, was, now)


def _judge_reason(case: Case, key: ContactKey, name: str, before: SeenContact, after: SeenContact) -> None:
    """What an owner sets is changed by a call of his alone."""
    value = getattr(after.contact, name)
    changes = [change for change in case.changes.get((*key, name), ()) if _gives(change, name, value, after.contact)]
    if any(_explains(change, before, after) for change in changes):
        return
    attempt = next((change.call for change in changes if refused(change.call)), None)
    says = f"{name} of the contact of {key[0]} for {key[1]} became {value} at version {after.contact.version_id}"
    if attempt is not None:
        says += f", and the call that asked for it was refused ({attempt.error.code if attempt.error else ''})."
        case.findings.breaks(12, "refused and done", says, attempt, after.where)
    else:
        says += ", and no call of his asked for it."
        case.findings.breaks(10, "changed by its owner alone", says, before.where, after.where)


def _gives(change: Change, name: str, value: Any, now: Contact) -> bool:
    if change.value == EVERYTHING and name == "last_del_msg_id":
        # Everything up to then: some message that was newest at some time, so at least the value must be one.
        return bool(value <= now.last_msg_id)
    return bool(change.value == value)


def _explains(change: Change, before: SeenContact, after: SeenContact) -> bool:
    if change.version is not None:
        return before.contact.version_id < change.version <= after.contact.version_id
    return change.unknown and change.call.start < after.at


def _judge_status(case: Case, key: ContactKey, before: SeenContact, after: SeenContact) -> None:
    """Only a newer message brings a deleted contact back, and it always does."""
    was, now = before.contact, after.contact
    case.findings.judged[10] += 1
    if was.status == "normal" and now.status == "deleted":
        _judge_reason(case, key, "status", before, after)
    if was.status == "deleted" and now.status == "normal" and now.last_msg_id == was.last_msg_id:
        says = f"The deleted contact of {key[0]} for {key[1]} came back without a newer message."
        case.findings.breaks(9, "below the watermark", says, before.where, after.where)
    if now.status == "deleted" and now.last_msg_id > now.last_del_msg_id:
        says = f"The contact of {key[0]} for {key[1]} is deleted, and has a message its owner never cleared."
        case.findings.breaks(9, "below the watermark", says, after.where)


def _judge_place(case: Case, key: ContactKey, before: SeenContact, after: SeenContact) -> None:
    """A message moves a contact to its version; a pin lifts it above all others; nothing else moves it."""
    was, now = before.contact, after.contact
    place, place_before = _unpinned(now), _unpinned(was)
    case.findings.judged[10] += 1
    moved = now.last_msg_id != was.last_msg_id
    right = was.version_id < place <= now.version_id if moved else place == place_before
    if not right:
        says = (
            f"The contact of {key[0]} for {key[1]} (pinned: {now.pinned}) has sort_key {now.sort_key} at version "
            f"{now.version_id}; before it was {was.sort_key} at version {was.version_id}."
        )
        case.findings.breaks(10, "place in the list", says, before.where, after.where)


def _unpinned(contact: Contact) -> int:
    """The sort key without the pin; negative for a pinned contact that stands among the others."""
    return contact.sort_key - PINNED_SORT_KEY_BASE if contact.pinned else contact.sort_key


def _judge_unchanged(case: Case, key: ContactKey, before: SeenContact, after: SeenContact) -> None:
    """A version that changes nothing tells its owner that something happened which is not his to know."""
    was, now = before.contact, after.contact
    if was.version_id == 0 or _same_but_version(was, now) is False:
        return
    sessions = case.session_at[key[0]]
    if all(version in sessions for version in range(was.version_id + 1, now.version_id)):
        says = f"Version {now.version_id} of the contacts of {key[0]} changed nothing of {key[1]}."
        case.findings.breaks(10, "for oneself alone", says, before.where, after.where)


def _same_but_version(was: Contact, now: Contact) -> bool:
    return all(getattr(was, name) == getattr(now, name) for name in Contact.__struct_fields__ if name != "version_id")


def _begun(case: Case, was: Contact, now: Contact) -> int:
    """When the call that made a contact what it is was asked; 0 where that is not known."""
    log = case.logs.get(now.session_id)
    if log is None or now.message_version == was.message_version:
        return 0
    message = log.at_version.get(now.message_version)
    if message is None:
        return 0
    if message.sort_key == now.message_version:
        attempts = case.sends.get((message.session_id, message.sender, message.seq_id))
        return attempts.first_start if attempts is not None else 0
    return min((call.start for call, _ in case.empties.get(message.msg_id, ())), default=0)


def _judge_done(case: Case, call: Call, body: Body, contact: Contact) -> None:
    """An acknowledgement shows what was asked."""
    wrong: tuple[int, str] | None = None
    match call.op:
        case "pin" | "mute" | "label":
            asked = {"pin": (body.pinned, contact.pinned), "mute": (body.muted, contact.muted)}.get(
                call.op, (set(body.labels or ()), set(contact.labels))
            )
            wrong = (10, "done as asked") if asked[0] != asked[1] else None
        case "read":
            wrong = (8, "done as asked") if contact.last_read_msg_id < (body.msg_id or 0) else None
        case "clear":
            up_to = contact.last_msg_id if body.up_to_msg_id is None else body.up_to_msg_id
            wrong = (8, "done as asked") if contact.last_del_msg_id < up_to else None
        case "delete_contact":
            wrong = (8, "done as asked") if contact.last_del_msg_id < contact.last_msg_id else None
    case.findings.judged[12] += 1
    if wrong is not None:
        case.findings.breaks(*wrong, f"{call.op} of {call.uid} was answered, and its answer does not show it.", call)


def _judge_consecutive(case: Case) -> None:
    """The newest version of a user's contacts stands on one of them, and none stands above it."""
    for uid, stored in case.stored.items():
        newest = max((contact.version_id for contact in case.stored_of(uid)), default=0)
        case.findings.judged[5] += 1
        if newest != stored.version_id:
            says = f"The contacts of {uid} are at version {stored.version_id}, and the newest of them at {newest}."
            case.findings.breaks(
                5, "consecutive", says, *(row_of("stored contact", c) for c in case.stored_of(uid)[-1:])
            )


def _judge_pages(case: Case) -> None:
    """A page of contacts has every contact that changed in its range, as far as anyone ever saw the changes."""
    for call, after, answer in case.contact_pages:
        uid, cursor = int(call.uid), answer.version_id or 0
        shown = {contact.session_id: contact.version_id for contact in answer.contacts or ()}
        for version in range(after + 1, cursor + 1):
            session_id = case.session_at[uid].get(version)
            if session_id is None or shown.get(session_id, 0) >= version:
                continue
            if answer.more and _changed_later(case, (uid, session_id), cursor):
                continue
            says = f"The contacts of {uid} after {after} up to {cursor} lack {session_id}, which changed at {version}."
            case.findings.breaks(5, "nothing missed", says, call, case.contacts[uid, session_id][version].where)
            break


def _changed_later(case: Case, key: ContactKey, version_id: int) -> bool:
    return max(case.contacts[key]) > version_id


def _judge_peers(case: Case) -> None:
    """At the end each side knows how far the other has read, and each line is as new as its session."""
    for (uid, session_id), contact in case.stored_contacts.items():
        peers = case.stored_contacts.get((contact.peer, session_id))
        log = case.logs.get(session_id)
        case.findings.judged[8] += 1
        if peers is not None and contact.peer_read_msg_id != peers.last_read_msg_id:
            says = f"{uid} is told that {contact.peer} read up to {contact.peer_read_msg_id} of {session_id}."
            rows = row_of("stored contact", contact), row_of("stored contact", peers)
            case.findings.breaks(8, "the peer's mark", says, *rows)
        if log is not None and contact.message_version != log.version_id:
            says = f"The contact of {uid} says {session_id} is at {contact.message_version}; it is at {log.version_id}."
            case.findings.breaks(5, "consecutive", says, row_of("stored contact", contact))
