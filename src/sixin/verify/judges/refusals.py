"""Sentences 11 and 12: what may be refused, and what may no longer be delivered."""

from itertools import product

from sixin.verify.case import Case
from sixin.verify.history import Call, Told, known_at
from sixin.verify.seen import Body, members_of

OF_ONE_MESSAGE = frozenset({"recall", "read", "clear", "delete"})


def judge(case: Case) -> None:
    """Hold every refusal against what was there, and every delivery against what was cut off."""
    acked = _first_acks(case)
    for call, body, _ in case.calls:
        if call.error is None:
            continue
        case.findings.judged[12] += 1
        if call.error.code == "not_found":
            _judge_not_found(case, call, body, acked)
        elif call.error.code == "conflict":
            _judge_conflict(case, call, body)
        elif call.error.code == "forbidden":
            _judge_forbidden(case, call, body)
        if not call.error.message:
            case.findings.breaks(12, "says which rule", f"{call.op} was refused without a word.", call)
    _judge_cut_offs(case)


def _first_acks(case: Case) -> dict[int, int]:
    """When each message was first known to be there."""
    acks: dict[int, int] = {}
    for attempts in case.sends.values():
        for call, _, message in attempts.calls:
            if message is not None:
                acks[message.msg_id] = min(acks.get(message.msg_id, known_at(call)), known_at(call))
    return acks


def _judge_not_found(case: Case, call: Call, body: Body, acked: dict[int, int]) -> None:
    """A message that was acknowledged is found by whoever may see it, on any node, after any restart."""
    uid = int(call.uid)
    session_id = body.session_of(uid)
    log = case.logs.get(session_id)
    named = [msg_id for msg_id in (body.msg_id, body.up_to_msg_id, *(body.msg_ids or ())) if msg_id is not None]
    if log is None or not named or uid not in members_of(session_id) or call.op not in OF_ONE_MESSAGE:
        return
    if all(_there(case, call, session_id, msg_id, acked) for msg_id in named):
        says = f"{call.op} of {uid} was told not_found for messages that were there: {named}."
        case.findings.breaks(12, "same answers", says, call)


def _there(case: Case, call: Call, session_id: str, msg_id: int, acked: dict[int, int]) -> bool:
    uid, until = int(call.uid), call.end or 0
    return (
        msg_id in case.logs[session_id].by_id
        and acked.get(msg_id, until) < call.start
        and msg_id > case.cleared_by(uid, session_id, until)
        and not case.maybe_hidden(uid, session_id, msg_id, until)
    )


def _judge_conflict(case: Case, call: Call, body: Body) -> None:
    """A conflict says that the same `seq_id` was used for another content: then there is one."""
    attempts = case.sends.get((body.session_of(int(call.uid)), int(call.uid), body.seq_id or 0))
    others = [other for other, its, _ in attempts.calls if its.content != body.content] if attempts is not None else []
    if not others:
        says = f"seq_id {body.seq_id} of {call.uid} was refused as a conflict, and was never used for anything else."
        case.findings.breaks(12, "says which rule", says, call)


def _judge_forbidden(case: Case, call: Call, body: Body) -> None:
    """Nobody is forbidden to empty what he said, nor a moderator to delete what another did."""
    log = case.logs.get(body.session_of(int(call.uid)))
    named = [body.msg_id] if call.op == "recall" else body.msg_ids if call.op == "delete" else None
    if log is None or not named or any(msg_id not in log.by_id for msg_id in named):
        return
    anybodys = call.op == "delete" and (call.moderator or body.scope == "me")
    if anybodys or all(log.by_id[msg_id].sender == int(call.uid) for msg_id in named if msg_id is not None):
        says = f"{call.op} of {named} by {call.uid} was refused as forbidden, and he may do it."
        case.findings.breaks(12, "says which rule", says, call)


def _judge_cut_offs(case: Case) -> None:
    """Past a cut nothing is delivered: the earliest of each kind decides."""
    cut: dict[_Cut, int] = {}
    for off in case.cut_offs:
        key = (int(off.uid), off.device, off.session_id, off.token)
        cut[key] = min(off.at, cut.get(key, off.at))
    if not cut:
        return
    for event in case.timeline:
        if isinstance(event, Told):
            _judge_delivery(case, cut, event, event.at, "")
        else:
            call, body, _ = event
            _judge_delivery(case, cut, call, known_at(call), body.session_of(int(call.uid)))


_Cut = tuple[int, str, str, str]


def _judge_delivery(case: Case, cut: dict[_Cut, int], event: Told | Call, at: int, session_id: str) -> None:
    uid = int(event.uid)
    case.findings.judged[11] += 1
    for key in product((uid,), ("", event.device), ("", session_id), ("", event.token)):
        if cut.get(key, at) < at:
            says = f"{event.device} of {uid} was cut off, and was still served past the bound."
            case.findings.breaks(11, "cut off", says, event)
            return
