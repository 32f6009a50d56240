"""Sentence 6: a device that has pulled until nothing was new holds what the server holds for its user."""

from typing import Any

import msgspec

from sixin.verify.case import Case
from sixin.verify.history import DeviceCopy, HeldMessages, Shown
from sixin.verify.logs import UNKNOWN, SessionLog, difference
from sixin.verify.rows import row_of
from sixin.verify.seen import Contact, Message, contact_of, members_of, message_of


def judge(case: Case) -> None:
    """Compare every device with the server."""
    for device in case.devices:
        _judge_strangers(case, device)
        if device.settled:
            _judge_contacts(case, device)
            for held in device.sessions:
                _judge_session(case, device, held)
        _judge_unsent(case, device)
    _judge_queued(case)
    for shown in case.shown:
        _judge_shown(case, shown)


def _name(device: DeviceCopy) -> str:
    return f"Device {device.device} of {device.uid}"


def _judge_strangers(case: Case, device: DeviceCopy) -> None:
    for held in device.sessions:
        case.findings.judged[11] += 1
        if int(device.uid) not in members_of(held.session_id):
            says = f"{_name(device)} holds messages of {held.session_id}."
            case.findings.breaks(
                11, "strangers", says, *(row_of("held message", message_of(m)) for m in held.messages[:1])
            )


def _judge_contacts(case: Case, device: DeviceCopy) -> None:
    stored = case.stored.get(int(device.uid))
    if stored is None:
        return
    case.findings.judged[6] += 1
    if device.version_id != stored.version_id:
        says = (
            f"{_name(device)} is at version {device.version_id} of the contacts; the server is at {stored.version_id}."
        )
        case.findings.breaks(6, "contacts", says)
    if device.unread_total != stored.unread_total:
        says = f"{_name(device)} shows {device.unread_total} unread in total; the server says {stored.unread_total}."
        case.findings.breaks(6, "counts", says)
    held = {contact.session_id: contact for contact in map(contact_of, device.contacts)}
    there = {contact.session_id: contact for contact in case.stored_of(int(device.uid))}
    for session_id in sorted(held.keys() | there.keys()):
        case.findings.judged[6] += 1
        if held.get(session_id) != there.get(session_id):
            _report_contact(case, device, session_id, held.get(session_id), there.get(session_id))


def _report_contact(
    case: Case, device: DeviceCopy, session_id: str, held: Contact | None, there: Contact | None
) -> None:
    rows = row_of("held contact", held), row_of("stored contact", there)
    if held is None or there is None:
        says = f"{_name(device)} and the server disagree whether there is a contact for {session_id}."
        case.findings.breaks(6, "contacts", says, *rows)
        return
    fields = [name for name in Contact.__struct_fields__ if getattr(held, name) != getattr(there, name)]
    says = f"{_name(device)} holds the contact for {session_id} with another {', '.join(fields)} than the server."
    rule = "counts" if fields == ["unread"] else "contacts"
    case.findings.breaks(6, rule, says, *rows)


def _judge_session(case: Case, device: DeviceCopy, held: HeldMessages) -> None:
    log = case.logs.get(held.session_id)
    if log is None:
        if held.messages:
            case.findings.breaks(6, "messages", f"{_name(device)} holds messages of {held.session_id}; there are none.")
        return
    uid = int(device.uid)
    mark, hidden = case.final_mark(uid, log.session_id), case.hidden.get((uid, log.session_id), {})
    messages = {message.msg_id: message for message in map(message_of, held.messages)}
    case.findings.judged[6] += 1
    if held.version_id > log.version_id:
        says = (
            f"{_name(device)} is at version {held.version_id} of {log.session_id}; the server is at {log.version_id}."
        )
        case.findings.breaks(6, "messages", says)
    for message in messages.values():
        _judge_held(case, device, log, message, mark, hidden)
    for first, last in held.ranges:
        for end in log.messages[log.place_before(first) : log.place_before(last + 1)]:
            case.findings.judged[6] += 1
            if end.msg_id > mark and end.msg_id not in hidden and end.msg_id not in messages:
                says = (
                    f"{_name(device)} claims to hold {log.session_id} from {first} to {last}, and lacks {end.msg_id}."
                )
                case.findings.breaks(6, "messages", says, row_of("stored message", end))


def _judge_held(
    case: Case, device: DeviceCopy, log: SessionLog, message: Message, mark: int, hidden: dict[int, int]
) -> None:
    case.findings.judged[6] += 1
    end, row = log.by_id.get(message.msg_id), row_of("held message", message)
    if message.msg_id <= mark:
        says = f"{_name(device)} still holds message {message.msg_id} of {log.session_id}, which its user cleared."
        case.findings.breaks(9, "below the watermark", says, row)
    elif message.msg_id in hidden:
        says = f"{_name(device)} still holds message {message.msg_id}, which its user deleted for himself."
        case.findings.breaks(6, "messages", says, row)
    elif end is None:
        says = f"{_name(device)} holds message {message.msg_id} of {log.session_id}, which the server does not."
        case.findings.breaks(6, "messages", says, row)
    elif message != end:
        says = f"{_name(device)} holds message {message.msg_id} with another {difference(message, end, None)}."
        emptied = end.content is None and message.content is not None
        sentence, rule = (9, "content is gone") if emptied else (6, "messages")
        case.findings.breaks(sentence, rule, says, row, row_of("stored message", end))


def _judge_unsent(case: Case, device: DeviceCopy) -> None:
    """A device that is settled has told the server everything, and forgets nothing that it has not told."""
    if device.settled and device.unsent:
        session_id, seq_id = device.unsent[0]
        says = f"{_name(device)} is settled, and still has seq_id {seq_id} for {session_id} in its outbox."
        case.findings.breaks(6, "outbox", says)


def _judge_shown(case: Case, shown: Shown) -> None:
    """A page on a screen has no gap that it does not admit: between two of its messages lies nothing it could show."""
    log = case.logs.get(shown.session_id)
    if log is None:
        return
    uid, device = int(shown.uid), shown.device
    messages = [message_of(raw) for raw in shown.messages]
    case.findings.judged[6] += 1
    if not messages:
        return
    keys = {message.sort_key for message in messages}
    low = 0 if not (shown.more or shown.hole) else min(keys)
    mark = case.cleared_by(uid, log.session_id, shown.at)
    for end in log.messages[log.place_before(low) : log.place_before(max(keys))]:
        if end.sort_key in keys or end.msg_id <= mark or case.maybe_hidden(uid, log.session_id, end.msg_id, shown.at):
            continue
        says = (
            f"{device} of {uid} showed {log.session_id} from {low} to {max(keys)}, and nothing where {end.msg_id} is."
        )
        case.findings.breaks(6, "no gap unsaid", says, shown, row_of("stored message", end))
        return


def _judge_queued(case: Case) -> None:
    """What a device promised to deliver was delivered, once, or is shown as waiting or refused."""
    sent = _sent_by_content(case)
    copies = {(device.uid, device.device): device for device in case.devices}
    for queued in case.queued:
        said = msgspec.json.decode(queued.content)
        messages = sent.get((queued.session_id, int(queued.uid), queued.device, _key(said)), set())
        case.findings.judged[6] += 1
        if len(messages) > 1:
            says = f"{queued.uid} said it once on {queued.device}, and it stands {len(messages)} times: {messages}."
            case.findings.breaks(2, "twice", says, queued)
        device = copies.get((queued.uid, queued.device))
        if messages or device is None or not device.settled:
            continue
        if not any(msgspec.json.decode(content) == said for _, content in device.refused):
            says = f"{queued.device} of {queued.uid} had promised to deliver this, and forgot it."
            case.findings.breaks(6, "outbox", says, queued)


def _sent_by_content(case: Case) -> dict[tuple[str, int, str, str], set[int]]:
    """The messages that each device's sends have become, by what they said."""
    found: dict[tuple[str, int, str, str], set[int]] = {}
    for (session_id, sender, seq_id), attempts in case.sends.items():
        log = case.logs.get(session_id)
        end = log.by_seq.get((sender, seq_id)) if log is not None else None
        for call, body, _ in attempts.calls:
            if end is not None and log is not None and log.said(end) in (UNKNOWN, body.content):
                found.setdefault((session_id, sender, call.device, _key(body.content)), set()).add(end.msg_id)
    return found


def _key(content: Any) -> str:
    return msgspec.json.encode(content, order="sorted").decode()
