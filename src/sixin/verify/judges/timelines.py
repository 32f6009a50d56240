"""Sentences 5 and 9 on what is stored: versions are consecutive, and emptied messages are empty and in their place."""

from sixin.verify.case import Case, refused
from sixin.verify.history import Call
from sixin.verify.logs import SessionLog
from sixin.verify.rows import row_of
from sixin.verify.seen import Answer, Message


def judge(case: Case) -> None:
    """Hold every stored timeline against itself, and every recall and deletion against it."""
    for log in case.logs.values():
        if log.complete:
            _judge_versions(case, log)
        for message in log.messages:
            _judge_message(case, log, message)
    for msg_id, calls in case.empties.items():
        for call, answer in calls:
            _judge_emptying(case, msg_id, call, answer)
    _judge_hides(case)


def _judge_versions(case: Case, log: SessionLog) -> None:
    """Every version up to the newest stands on one message: the one it was born with, or the one it emptied."""
    taken: dict[int, Message] = {}
    for message in log.messages:
        for version in {message.sort_key, message.version_id}:
            case.findings.judged[5] += 1
            other = taken.setdefault(version, message)
            if other is not message:
                says = f"Version {version} of {log.session_id} stands on messages {other.msg_id} and {message.msg_id}."
                rows = row_of("stored message", other), row_of("stored message", message)
                case.findings.breaks(5, "consecutive", says, *rows)
    missing = [version for version in range(1, log.version_id + 1) if version not in taken]
    if missing:
        says = f"No message of {log.session_id} carries {_some(missing)} of its {log.version_id} versions."
        case.findings.breaks(5, "consecutive", says)
    beyond = [message for version, message in taken.items() if version > log.version_id]
    if beyond:
        says = f"{log.session_id} is at version {log.version_id}, and a message carries {beyond[0].version_id}."
        case.findings.breaks(5, "consecutive", says, row_of("stored message", beyond[0]))


def _some(versions: list[int]) -> str:
    return ", ".join(map(str, versions[:5])) + (" …" if len(versions) > 5 else "")


def _judge_message(case: Case, log: SessionLog, message: Message) -> None:
    case.findings.judged[9] += 1
    if message.status == "normal":
        if message.version_id != message.sort_key or message.content is None:
            says = f"Message {message.msg_id} of {log.session_id} is normal, and not as it was born."
            case.findings.breaks(4, "place", says, row_of("stored message", message))
        return
    if message.content is not None:
        says = f"Message {message.msg_id} of {log.session_id} is {message.status}, and its content is stored."
        case.findings.breaks(9, "content is gone", says, row_of("stored message", message))
    if message.version_id <= message.sort_key:
        says = f"Message {message.msg_id} of {log.session_id} was emptied without a version of its own."
        case.findings.breaks(5, "consecutive", says, row_of("stored message", message))
    _judge_emptied(case, log, message)


OPERATION_OF = {"recalled": "recall", "deleted": "delete"}
"""What empties a message so."""


def _may_empty(call: Call, message: Message) -> bool:
    """Its sender may, and a moderator may delete it; he does not take back what another said."""
    return int(call.uid) == message.sender or (call.moderator and call.op == "delete")


def _judge_emptied(case: Case, log: SessionLog, message: Message) -> None:
    """Somebody asked for it who may, and was not refused."""
    operation = OPERATION_OF.get(message.status)
    calls = [call for call, _ in case.empties.get(message.msg_id, ()) if call.op == operation]
    asked = [call for call in calls if not refused(call)]
    if not asked:
        sentence, rule = (12, "refused and done") if calls else (9, "asked for")
        says = (
            f"Message {message.msg_id} of {log.session_id} is {message.status}, and no call that was not refused asked."
        )
        case.findings.breaks(sentence, rule, says, *calls[:1], row_of("stored message", message))
    elif not any(_may_empty(call, message) for call in asked):
        says = f"Message {message.msg_id} of {log.session_id} was emptied by somebody who may not do that."
        case.findings.breaks(11, "who speaks", says, asked[0], row_of("stored message", message))


def _judge_emptying(case: Case, msg_id: int, call: Call, answer: Answer | None) -> None:
    """An acknowledged recall or deletion for all has emptied its message."""
    if answer is None:
        return
    case.findings.judged[9] += 1
    if answer.message is not None and (answer.message.status == "normal" or answer.message.content is not None):
        case.findings.breaks(9, "content is gone", f"{call.op} of {msg_id} was answered with its content.", call)
    message = next((log.by_id[msg_id] for log in case.logs.values() if msg_id in log.by_id), None)
    if message is None:
        return
    if not _may_empty(call, message):
        says = f"{call.op} of message {msg_id} by {call.uid} was acknowledged, and it is not his."
        case.findings.breaks(11, "who speaks", says, call, row_of("stored message", message))
    if message.status == "normal":
        says = f"{call.op} of message {msg_id} was acknowledged, and it still says what it said."
        case.findings.breaks(9, "content is gone", says, call, row_of("stored message", message))


def _judge_hides(case: Case) -> None:
    """What was deleted for oneself is hidden or cleared, and only what was asked for is."""
    for (uid, session_id), by_message in case.hides.items():
        stored = case.hidden.get((uid, session_id), {})
        for msg_id, calls in by_message.items():
            acked = next((call for call in calls if call.answer is not None), None)
            case.findings.judged[9] += 1
            if acked and msg_id not in stored and msg_id > case.final_mark(uid, session_id) and uid in case.stored:
                says = f"{uid} deleted message {msg_id} for himself, and he would still see it."
                case.findings.breaks(9, "deleted for oneself", says, acked)
    for (uid, session_id), hidden in case.hidden.items():
        asked = case.hides.get((uid, session_id), {})
        for msg_id in hidden:
            calls = asked.get(msg_id, [])
            case.findings.judged[10] += 1
            if all(refused(call) for call in calls):
                sentence, rule = (12, "refused and done") if calls else (10, "for oneself alone")
                says = f"Message {msg_id} of {session_id} is hidden from {uid}, who did not ask for it."
                case.findings.breaks(sentence, rule, says, *calls[:1])
