"""Sentences 1 to 4: an acknowledged send is there, once, in its place; an unacknowledged one is there once or not."""

from sixin.verify.case import Attempts, Case, refused
from sixin.verify.history import NEVER, Call
from sixin.verify.logs import UNKNOWN, SessionLog
from sixin.verify.rows import row_of
from sixin.verify.seen import Body, Message

SLOTS = 10_000


def judge(case: Case) -> None:
    """Hold every send against the timelines, and every message against the sends."""
    for key, attempts in case.sends.items():
        _judge_attempts(case, key, attempts)
    for log in case.logs.values():
        _judge_messages(case, log)
        _judge_order(case, log)
    _judge_ids(case)


def _judge_attempts(case: Case, key: tuple[str, int, int], attempts: Attempts) -> None:
    session_id, sender, seq_id = key
    log = case.logs.get(session_id)
    end = log.by_seq.get((sender, seq_id)) if log is not None else None
    acked: Message | None = None
    for call, body, message in attempts.calls:
        case.findings.judged[12 if refused(call) else 1 if message is not None else 3] += 1
        if message is None:
            continue
        if (message.session_id, message.sender, message.seq_id) != key:
            case.findings.breaks(2, "first answer", f"The answer to {key} is about another message.", call)
        elif end is None and (log is None or log.complete):
            says = (
                f"{sender} was told that seq_id {seq_id} is message {message.msg_id} of {session_id}; it is not there."
            )
            case.findings.breaks(1, "acknowledged and lost", says, call)
        elif end is not None and log is not None:
            _judge_ack(case, log, call, body, message, end)
        if acked is not None and _numbers(acked) != _numbers(message):
            says = f"Two answers to seq_id {seq_id} of {sender} in {session_id} give different numbers."
            case.findings.breaks(2, "first answer", says, *(call for call, _, answer in attempts.calls if answer))
        acked = acked or message
    if end is not None and log is not None:
        _judge_found(case, log, attempts, end)


def _judge_ack(case: Case, log: SessionLog, call: Call, body: Body, message: Message, end: Message) -> None:
    case.findings.judged[2] += 1
    if _numbers(message) != _numbers(end):
        says = (
            f"The answer to seq_id {end.seq_id} of {end.sender} in {log.session_id} gives numbers that are not stored."
        )
        case.findings.breaks(2, "first answer", says, call, row_of("stored message", end))
        return
    said = log.said(end)
    if said is not UNKNOWN and body.content != said:
        says = f"seq_id {end.seq_id} of {end.sender} was used for two contents, and both were acknowledged."
        case.findings.breaks(2, "conflict", says, call, row_of("stored message", end))
    elif message.content is not None and message.content != body.content:
        says = f"{end.sender} said one thing with seq_id {end.seq_id} and was answered another."
        case.findings.breaks(2, "first answer", says, call)


def _judge_found(case: Case, log: SessionLog, attempts: Attempts, end: Message) -> None:
    """A message that is there was asked for, and by a call that was not refused."""
    case.findings.judged[3] += 1
    if all(refused(call) for call, _, _ in attempts.calls):
        says = f"Every send of seq_id {end.seq_id} by {end.sender} was refused, and its message is in {log.session_id}."
        case.findings.breaks(12, "refused and done", says, attempts.calls[0][0], row_of("stored message", end))
        return
    bodies = [body for call, body, _ in attempts.calls if not refused(call)]
    if end.content is not None and all(body.content != end.content for body in bodies):
        says = f"Message {end.msg_id} of {log.session_id} says what nobody sent under seq_id {end.seq_id}."
        case.findings.breaks(2, "what was sent", says, attempts.calls[0][0], row_of("stored message", end))


def _judge_messages(case: Case, log: SessionLog) -> None:
    """Each message is there once, and somebody of the session sent it."""
    ids: set[int] = set()
    seqs: dict[tuple[int, int], Message] = {}
    for message in log.messages:
        case.findings.judged[2] += 1
        twin = seqs.setdefault((message.sender, message.seq_id), message)
        if twin is not message:
            says = f"seq_id {message.seq_id} of {message.sender} stands twice in {log.session_id}."
            rows = row_of("stored message", twin), row_of("stored message", message)
            attempts = case.sends.get((log.session_id, message.sender, message.seq_id))
            silent = attempts is not None and attempts.first_ack == NEVER
            case.findings.breaks(*((3, "once or not at all") if silent else (2, "twice")), says, *rows)
        if message.msg_id in ids:
            says = f"Two messages of {log.session_id} have the msg_id {message.msg_id}."
            case.findings.breaks(2, "msg_id", says, row_of("stored message", message))
        ids.add(message.msg_id)
        if (log.session_id, message.sender, message.seq_id) not in case.sends:
            _judge_unsent(case, log, message)


def _judge_unsent(case: Case, log: SessionLog, message: Message) -> None:
    for member in log.members:
        forged = case.sends.get((log.session_id, member, message.seq_id))
        if member != message.sender and forged is not None:
            says = f"{member} sent message {message.msg_id} of {log.session_id}, and it stands under {message.sender}."
            case.findings.breaks(11, "who speaks", says, forged.calls[0][0], row_of("stored message", message))
            return
    says = f"Message {message.msg_id} stands in {log.session_id}, and nobody sent it."
    case.findings.breaks(2, "what was sent", says, row_of("stored message", message))


def _judge_order(case: Case, log: SessionLog) -> None:
    """Ordinals count the messages; a message sent after another's acknowledgement stands after it."""
    for place, message in enumerate(log.messages, 1):
        case.findings.judged[4] += 1
        if log.complete and message.ordinal != place:
            says = (
                f"Message {message.msg_id} is number {place} of {log.session_id}, and its ordinal is {message.ordinal}."
            )
            case.findings.breaks(4, "ordinal", says, row_of("stored message", message))
    for below, above in zip(log.messages, log.messages[1:], strict=False):
        if below.msg_id >= above.msg_id or below.ordinal >= above.ordinal:
            says = f"Messages {below.msg_id} and {above.msg_id} of {log.session_id} stand in two orders at once."
            rows = row_of("stored message", below), row_of("stored message", above)
            case.findings.breaks(4, "one order", says, *rows)
    _judge_real_time(case, log)


def _judge_real_time(case: Case, log: SessionLog) -> None:
    """Sweep over starts and acknowledgements: whoever starts stands above everyone acknowledged before."""
    moments: list[tuple[int, bool, Message, Attempts]] = []
    for message in log.messages:
        attempts = case.sends.get((log.session_id, message.sender, message.seq_id))
        if attempts is not None:
            moments.append((attempts.first_start, False, message, attempts))
            moments.append((attempts.first_ack, True, message, attempts))
    moments.sort(key=lambda moment: moment[0])
    highest: tuple[Message, Attempts] | None = None
    for _, acknowledged, message, attempts in moments:
        if acknowledged:
            if highest is None or message.sort_key > highest[0].sort_key:
                highest = message, attempts
        elif highest is not None and message.sort_key < highest[0].sort_key:
            says = (
                f"Message {highest[0].msg_id} was acknowledged before {message.msg_id} was sent, and stands behind it "
                f"in {log.session_id}."
            )
            case.findings.breaks(4, "real time", says, highest[1].calls[0][0], attempts.calls[0][0])


def _judge_ids(case: Case) -> None:
    """No two messages share an id, whatever their sessions; the last four digits are one per session."""
    owners: dict[int, str] = {}
    for log in case.logs.values():
        slots = {message.msg_id % SLOTS for message in log.messages}
        if len(slots) > 1:
            says = f"The messages of {log.session_id} end in different slots: {sorted(slots)}."
            case.findings.breaks(2, "msg_id", says, *(row_of("stored message", row) for row in log.messages[:2]))
        for message in log.messages:
            other = owners.setdefault(message.msg_id, log.session_id)
            if other != log.session_id:
                says = f"{other} and {log.session_id} both have a message {message.msg_id}."
                case.findings.breaks(2, "msg_id", says, row_of("stored message", message))


def _numbers(message: Message) -> tuple[int, ...]:
    return (message.msg_id, message.ordinal, message.sort_key, message.sent_at_ms)
