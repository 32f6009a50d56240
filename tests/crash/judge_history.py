"""The run as a history for the checker of the contract, `sixin.verify`: the twelve sentences, judged once more."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Raw, Struct

from sixin.core.wire.bodies import ErrorView
from sixin.core.wire.codec import encode
from sixin.core.wire.views import contact_view, message_view
from sixin.trial.copies import device_copy
from sixin.verify.checker import check
from sixin.verify.history import (
    Call,
    DeviceCopy,
    Entry,
    History,
    Queued,
    StoredContacts,
    StoredMessages,
    Told,
)
from tests.crash import journal
from tests.crash.findings import Findings
from tests.crash.judge_journals import Witness
from tests.crash.plan import DevicePlan, dump_of, recording_of
from tests.crash.recording import ARRIVED, SENT, Passed, read_recording
from tests.crash.rows import Rows
from tests.crash.worker import Dump


class _Request(Struct):
    id: int
    op: str
    body: Raw = Raw(b"{}")


class _Reply(Struct):
    id: int | None = None
    ok: Raw = Raw(b"")
    error: ErrorView | None = None
    notice: str = ""


def judge_history(witnesses: list[Witness], folder: Path, rows: Rows, findings: Findings) -> None:
    """Every sentence of the contract, against every frame that passed."""
    history = History()
    for witness in witnesses:
        for entry in _frames_of(witness.device, folder):
            history.add(entry)
        for entry in _queued_of(witness):
            history.add(entry)
        history.add(_copy_of(witness.device, folder))
    for end in _stored(rows):
        history.add(end)
    verdict = check(history)
    for sentence, facts in verdict.judged.items():
        broken = [str(violation) for violation in verdict.violations if violation.sentence == sentence]
        findings.looked_at[f"sentence {sentence} of the contract, by sixin.verify"] += facts
        for violation in broken:
            findings.look(f"sentence {sentence} of the contract, by sixin.verify", False, violation)


def _frames_of(device: DevicePlan, folder: Path) -> Iterator[Entry]:
    waiting: dict[int, tuple[int, _Request]] = {}
    for passed in read_recording(recording_of(folder, device)):
        if passed.way == SENT:
            request = msgspec.json.decode(passed.frame, type=_Request)
            if request.op == "hello":  # it carries the token, which is nobody's business
                request.body = Raw(b"{}")
            waiting[request.id] = (passed.at_ns, request)
        elif passed.way == ARRIVED:
            yield from _arrived(device, passed, waiting)
        else:
            yield from (_call(device, *asked) for asked in waiting.values())
            waiting.clear()
    yield from (_call(device, *asked) for asked in waiting.values())


def _arrived(device: DevicePlan, passed: Passed, waiting: dict[int, tuple[int, _Request]]) -> Iterator[Entry]:
    reply = msgspec.json.decode(passed.frame, type=_Reply)
    if reply.notice == "bye":
        return
    if reply.notice:
        yield Told(passed.at_ns, str(device.uid), device.device_id, Raw(passed.frame))
    elif reply.id in waiting:
        start, request = waiting.pop(reply.id)
        yield _call(device, start, request, end=passed.at_ns, reply=reply)


def _call(
    device: DevicePlan, start: int, request: _Request, *, end: int | None = None, reply: _Reply | None = None
) -> Call:
    error = reply.error if reply is not None else None
    answer = reply.ok if reply is not None and error is None else None
    return Call(start, str(device.uid), device.device_id, request.op, request.body, end, answer, error)


def _queued_of(witness: Witness) -> Iterator[Queued]:
    begun = {line.text: line.at_ns for line in witness.lines if isinstance(line, journal.Intent)}
    for line in witness.lines:
        if isinstance(line, journal.Queued):
            content = Raw(encode({"type": "text", "text": line.text}))
            device = witness.device
            yield Queued(begun[line.text], str(device.uid), device.device_id, line.session_id, content)


def _copy_of(device: DevicePlan, folder: Path) -> DeviceCopy:
    copy = msgspec.msgpack.decode(dump_of(folder, device).read_bytes(), type=Dump).copy
    return device_copy(copy, (), device.device_id)


def _stored(rows: Rows) -> Iterator[Entry]:
    for session_id, messages in rows.messages.items():
        views = [Raw(encode(message_view(message))) for message in messages]
        yield StoredMessages(session_id, rows.sessions[session_id].version_id, views)
    for uid, head in rows.users.items():
        hidden = [
            (str(session_id), str(msg_id), version_id)
            for (owner, session_id), found in rows.hidden.items()
            if owner == uid
            for msg_id, version_id in found.items()
        ]
        contacts = [Raw(encode(contact_view(contact))) for contact in rows.contacts.get(uid, {}).values()]
        yield StoredContacts(str(uid), head.version_id, head.unread_total, contacts, hidden)
