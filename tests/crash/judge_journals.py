"""What the devices were promised, against what the database holds."""

from collections import defaultdict
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from sixin.core.content import canonical
from sixin.core.ids import SessionId, Uid
from sixin.core.message import Message
from tests.crash.findings import Findings
from tests.crash.journal import Acknowledged, Done, Intent, Line, Queued, read_journal
from tests.crash.plan import DevicePlan, Plan, journal_of
from tests.crash.rows import Rows

RENUMBERED: Final = "a text got another seq_id only where another device had taken its own"


class Witness(Struct):
    """One device and what it wrote down."""

    device: DevicePlan
    lines: list[Line]


def witnesses_of(plan: Plan, folder: Path) -> list[Witness]:
    """All journals of a run."""
    return [Witness(device, read_journal(journal_of(folder, device))) for device in plan.devices]


class Stored(Struct):
    """The messages of a database, by what a device knows of its own."""

    by_seq: dict[tuple[str, int, int], Message]
    """By session, sender and seq_id."""
    by_text: dict[tuple[str, int, bytes], Message]
    """By session, sender and digest, which stays when the content is gone."""

    @classmethod
    def of(cls, rows: Rows) -> "Stored":
        """All of them."""
        stored = cls({}, {})
        for messages in rows.messages.values():
            for message in messages:
                stored.by_seq[message.session_id, message.sender, message.seq_id] = message
                stored.by_text[message.session_id, message.sender, message.digest] = message
        return stored


def judge_journals(witnesses: list[Witness], rows: Rows, findings: Findings) -> None:
    """Judge every line."""
    stored = Stored.of(rows)
    for witness in witnesses:
        _judge_acknowledged(witness, stored, findings)
        _judge_queued(witness, stored, findings)
        _judge_operations(witness, rows, findings)
    _judge_origins(witnesses, rows, findings)
    _judge_order(witnesses, stored, findings)


def _judge_acknowledged(witness: Witness, stored: Stored, findings: Findings) -> None:
    for line in witness.lines:
        if isinstance(line, Acknowledged):
            message = stored.by_seq.get((line.session_id, witness.device.uid, line.seq_id))
            promised = (line.msg_id, line.ordinal, line.sort_key)
            findings.look(
                "acknowledged sends are there, with the numbers that were answered",
                message is not None and (message.msg_id, message.ordinal, message.sort_key) == promised,
                (line, message),
            )


def _judge_queued(witness: Witness, stored: Stored, findings: Findings) -> None:
    uid = witness.device.uid
    places: dict[str, int] = defaultdict(int)
    for line in witness.lines:
        if not isinstance(line, Queued):
            continue
        message = stored.by_text.get((line.session_id, uid, digest_of(line.text)))
        findings.look("everything a device took for sending arrived, as it was said", message is not None, line)
        if message is None:
            continue
        if message.seq_id != line.seq_id:
            # Two devices of one user may draw one number; whose send comes second takes another.
            taken = stored.by_seq.get((line.session_id, uid, line.seq_id))
            findings.look(RENUMBERED, taken is not None and taken.digest != message.digest, (line, message, taken))
        in_order = message.sort_key > places[line.session_id]
        findings.look("one device's texts stand in the order it said them", in_order, (line, message))
        places[line.session_id] = message.sort_key


def _judge_operations(witness: Witness, rows: Rows, findings: Findings) -> None:
    owner = Uid(witness.device.uid)
    by_id: dict[int, Message] = {message.msg_id: message for messages in rows.messages.values() for message in messages}
    for line in witness.lines:
        if not isinstance(line, Done):
            continue
        contact = rows.contacts[owner][SessionId(line.session_id)]
        gone = line.msg_id in rows.hidden.get((owner, contact.session_id), {})
        match line.op:
            case "recall" | "delete_all":
                # Whichever of the two was decided first stays.
                holds = by_id[line.msg_id].status != "normal"
            case "delete_me":
                holds = gone or line.msg_id <= contact.last_del_msg_id
            case "clear" | "delete_contact":
                holds = line.msg_id <= contact.last_del_msg_id
            case "read":
                holds = line.msg_id <= contact.last_read_msg_id
        findings.look(f"acknowledged {line.op} holds", holds, (line, contact))


def _judge_origins(witnesses: list[Witness], rows: Rows, findings: Findings) -> None:
    """Nothing is there that nobody said, and nobody's words under another's name or in another session."""
    said = {
        (witness.device.uid, line.session_id, digest_of(line.text))
        for witness in witnesses
        for line in witness.lines
        if isinstance(line, Intent)
    }
    for messages in rows.messages.values():
        for message in messages:
            key = (message.sender, message.session_id, message.digest)
            findings.look("every message was said by its sender, there", key in said, message)


def _judge_order(witnesses: list[Witness], stored: Stored, findings: Findings) -> None:
    """If a's acknowledgement came before b was said, a stands before b (§3.4), whoever said them."""
    spans: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for witness in witnesses:
        begun = {line.text: line.at_ns for line in witness.lines if isinstance(line, Intent)}
        texts = {(line.session_id, line.seq_id): line.text for line in witness.lines if isinstance(line, Queued)}
        for line in witness.lines:
            text = texts.get((line.session_id, line.seq_id)) if isinstance(line, Acknowledged) else None
            if isinstance(line, Acknowledged) and text is not None:
                message = stored.by_seq.get((line.session_id, witness.device.uid, line.seq_id))
                if message is not None:
                    spans[line.session_id].append((message.sort_key, begun[text], line.at_ns))
    for session_id, found in spans.items():
        latest_begin = 0
        for place, begun_ns, acknowledged_ns in sorted(found):
            findings.look(
                "what was acknowledged first stands first", acknowledged_ns > latest_begin, (session_id, place)
            )
            latest_begin = max(latest_begin, begun_ns)


def digest_of(text: str) -> bytes:
    """By which the server recognises what was said."""
    return canonical(msgspec.json.encode({"type": "text", "text": text})).digest
