"""Answers that read: each is one snapshot, as new as anything known before it was asked, with nothing missing in it
that its reader may see and nothing in it that he may not (sentences 5, 9, 12).
"""

from collections.abc import Iterator
from itertools import pairwise

from sixin.verify.case import Case
from sixin.verify.history import Call
from sixin.verify.logs import SessionLog, version_at
from sixin.verify.rows import row_of
from sixin.verify.seen import Answer, Body, Contact, Message

PAGE_MESSAGES_DEFAULT = 50


def judge_pull_new(case: Case, call: Call, body: Body, answer: Answer) -> None:
    """A page of changes by version."""
    log, version_id = case.logs.get(body.session_of(int(call.uid))), answer.version_id
    rows = answer.messages
    if rows is None or version_id is None:
        return
    case.findings.judged[5] += 1
    versions = [message.version_id for message in rows]
    in_order = all(below < above for below, above in zip([body.after_version, *versions], versions, strict=False))
    if not in_order or (versions and versions[-1] > version_id):
        says = f"A pull of {call.uid} after version {body.after_version} gave versions {versions} up to {version_id}."
        case.findings.breaks(5, "in version order", says, call)
        return
    if body.born_up_to is not None and any(message.sort_key > body.born_up_to for message in rows):
        case.findings.breaks(5, "in version order", f"A message born after {body.born_up_to} was not asked for.", call)
    if log is None or not _judge_snapshot(case, call, log, version_id, more=answer.more):
        return
    if answer.more:
        _judge_part(case, call, body, log, rows, version_id)
    else:
        shown = {message.msg_id: message for message in rows}
        _judge_rows_at(case, call, log, rows, version_id)
        for end in _changed_between(log, body.after_version, version_id, body.born_up_to):
            if end.msg_id not in shown:
                _judge_missing(case, call, log, end, body.after_version, version_id)


def judge_pull_old(case: Case, call: Call, body: Body, answer: Answer) -> None:
    """A page of history by sort key, oldest first."""
    log, version_id = case.logs.get(body.session_of(int(call.uid))), answer.version_id
    rows = answer.messages
    if rows is None or version_id is None:
        return
    case.findings.judged[5] += 1
    keys = [message.sort_key for message in rows]
    before = body.before_sort_key
    if any(low >= high for low, high in pairwise(keys)) or (keys and before is not None and keys[-1] >= before):
        case.findings.breaks(4, "one order", f"A page of history of {call.uid} is not in order: {keys}.", call)
        return
    if log is None or not _judge_snapshot(case, call, log, version_id, more=False):
        return
    _judge_rows_at(case, call, log, rows, version_id)
    shown = set(keys)
    lowest = keys[0] if keys and answer.more else 0
    mark = case.cleared_by(int(call.uid), log.session_id, call.end or 0)
    for end in _below(log, before, version_id):
        if end.sort_key < lowest or end.msg_id <= mark:
            break
        if end.sort_key not in shown:
            _judge_missing(case, call, log, end, lowest - 1, version_id)


def _below(log: SessionLog, before: int | None, version_id: int) -> Iterator[Message]:
    """The messages below a sort key that were born by a version, newest first."""
    place = min(log.place_before(before), log.newest_at(version_id))
    while place > 0:
        place -= 1
        yield log.messages[place]


def _changed_between(log: SessionLog, after: int, version_id: int, born_up_to: int | None) -> Iterator[Message]:
    """The messages whose version at `version_id` lies above `after`."""
    for version in range(after + 1, version_id + 1):
        end = log.at_version.get(version)
        if end is None or version_at(end, version_id) != version:
            continue
        if born_up_to is None or end.sort_key <= born_up_to:
            yield end


def _judge_snapshot(case: Case, call: Call, log: SessionLog, version_id: int, *, more: bool) -> bool:
    """A page was read at a version that the timeline has, and no older one than was known before it was asked."""
    if version_id > log.version_id:
        says = f"{call.op} answered version {version_id} of {log.session_id}, which it never reached."
        case.findings.breaks(5, "shown before stored", says, call)
        return False
    case.findings.judged[12] += 1
    if more:
        return True
    if version_id < case.answered[log.session_id].before(call.start):
        says = f"{call.op} of {call.uid} read {log.session_id} at version {version_id}; a later one was known before."
        case.findings.breaks(12, "as new as known", says, call)
    elif version_id < case.noticed[log.session_id].before(call.start):
        says = (
            f"{call.op} of {call.uid} read {log.session_id} at version {version_id}; a notice had told of a later one."
        )
        case.findings.breaks(5, "shown before stored", says, call)
    return True


def _judge_rows_at(case: Case, call: Call, log: SessionLog, rows: list[Message], version_id: int) -> None:
    """Each row of a page is as it was at the version the page was read at, and its reader may see it."""
    for message in rows:
        end = log.by_id.get(message.msg_id)
        if end is None:
            continue
        if message.version_id < version_at(end, version_id):
            sentence, rule = (9, "content is gone") if message.content is not None else (5, "in version order")
            says = f"{call.uid} was shown message {end.msg_id} as it was before version {version_at(end, version_id)}."
            case.findings.breaks(sentence, rule, says, call, row_of("stored message", end))
        _judge_may_see(case, call, message)


def _judge_may_see(case: Case, call: Call, message: Message) -> None:
    uid, session_id = int(call.uid), message.session_id
    case.findings.judged[9] += 1
    if message.msg_id <= case.cleared[uid, session_id].before(call.start):
        says = f"{uid} cleared {session_id} above message {message.msg_id}, and was shown it again."
        case.findings.breaks(9, "below the watermark", says, call)
    elif case.hidden_before(uid, session_id, message.msg_id, call.start):
        says = f"{uid} deleted message {message.msg_id} for himself, and was shown it again."
        case.findings.breaks(9, "deleted for oneself", says, call)


def _judge_missing(case: Case, call: Call, log: SessionLog, end: Message, after: int, version_id: int) -> None:
    """A message is not on a page: only right if its reader may have cleared or hidden it."""
    uid, until = int(call.uid), call.end or 0
    if end.msg_id <= case.cleared_by(uid, log.session_id, until):
        return
    if case.maybe_hidden(uid, log.session_id, end.msg_id, until):
        return
    row = row_of("stored message", end)
    for member in log.members:
        if member != uid and _emptied_from_sight(case, member, log.session_id, end.msg_id, until):
            says = f"{member} cleared or deleted message {end.msg_id} for himself, and {uid} misses it."
            case.findings.breaks(10, "for oneself alone", says, call, row)
            return
    says = (
        f"{call.op} of {uid} between {after} and version {version_id} of {log.session_id} misses message {end.msg_id}, "
        f"whose version then was {version_at(end, version_id)}."
    )
    case.findings.breaks(5, "nothing missed", says, call, row)


def _emptied_from_sight(case: Case, member: int, session_id: str, msg_id: int, until: int) -> bool:
    return msg_id <= case.cleared_by(member, session_id, until) or case.maybe_hidden(member, session_id, msg_id, until)


def _judge_part(case: Case, call: Call, body: Body, log: SessionLog, rows: list[Message], cursor: int) -> None:
    """A page with more after it. The version it was read at is not told: there has to be one that explains it all.

    A message shown as it was born was read before it was emptied; one that is left out though it was born in the
    page's range was read after.
    """
    if not rows or cursor != rows[-1].version_id:
        says = f"A page of {call.uid} says there is more, and its cursor {cursor} is not its last row's version."
        case.findings.breaks(5, "in version order", says, call)
        return
    shown = {message.msg_id: message for message in rows}
    earliest = max(cursor, case.answered[log.session_id].before(call.start))
    latest, emptied = log.version_id, None
    for message in rows:
        _judge_may_see(case, call, message)
        end = log.by_id.get(message.msg_id)
        if end is not None and message.version_id < end.version_id <= latest:
            latest, emptied = end.version_id - 1, end
    for version in range(body.after_version + 1, cursor + 1):
        end = log.at_version.get(version)
        if end is None or end.msg_id in shown or (body.born_up_to is not None and end.sort_key > body.born_up_to):
            continue
        if end.version_id > version:
            if _surely_sees(case, call, log, end):
                earliest = max(earliest, end.version_id)
        else:
            _judge_missing(case, call, log, end, body.after_version, cursor)
    if earliest > latest and emptied is not None:
        says = f"A page of {call.uid} shows message {emptied.msg_id} as it was before version {latest + 1}."
        case.findings.breaks(9, "content is gone", says, call, row_of("stored message", emptied))


def _surely_sees(case: Case, call: Call, log: SessionLog, end: Message) -> bool:
    uid, until = int(call.uid), call.end or 0
    return end.msg_id > case.cleared_by(uid, log.session_id, until) and not case.maybe_hidden(
        uid, log.session_id, end.msg_id, until
    )


def judge_message(case: Case, call: Call, message: Message) -> None:
    """A message alone, as the answer to a send or a recall: as it was at some version that was not yet outdated."""
    log = case.logs.get(message.session_id)
    end = log.by_id.get(message.msg_id) if log is not None else None
    if log is None or end is None:
        return
    case.findings.judged[12] += 1
    known = case.answered[log.session_id].before(call.start)
    if message.version_id < version_at(end, known):
        sentence, rule = (9, "content is gone") if message.content is not None else (12, "as new as known")
        says = f"{call.op} of {call.uid} answered message {end.msg_id} as it was before version {end.version_id}."
        case.findings.breaks(sentence, rule, says, call, row_of("stored message", end))


def judge_contact(case: Case, call: Call, contact: Contact) -> None:
    """A contact alone: as new as what was known of it, and of its session."""
    case.findings.judged[12] += 1
    uid = int(call.uid)
    known = case.contact_reached[uid, contact.session_id].before(call.start)
    session_known = case.answered[contact.session_id].before(call.start)
    if contact.version_id < known or contact.message_version < session_known:
        says = (
            f"{call.op} of {uid} gave version {contact.version_id} of his contact for {contact.session_id}, at message "
            f"version {contact.message_version}; versions {known} and {session_known} were known before."
        )
        case.findings.breaks(12, "as new as known", says, call)


def judge_pull_contacts(case: Case, call: Call, body: Body, answer: Answer) -> None:
    """A page of contacts by version."""
    rows, version_id, uid = answer.contacts, answer.version_id, int(call.uid)
    if rows is None or version_id is None:
        return
    case.findings.judged[5] += 1
    versions = [contact.version_id for contact in rows]
    in_order = all(below < above for below, above in zip([body.after_version, *versions], versions, strict=False))
    if not in_order or (versions and versions[-1] > version_id):
        says = f"A pull of contacts after {body.after_version} gave versions {versions} up to {version_id}."
        case.findings.breaks(5, "in version order", says, call)
        return
    stored = case.stored.get(uid)
    if stored is not None and version_id > stored.version_id:
        says = f"{uid} was answered version {version_id} of his contacts, which they never reached."
        case.findings.breaks(5, "shown before stored", says, call)
        return
    case.contact_pages.append((call, body.after_version, answer))
    if answer.more:
        return
    case.findings.judged[12] += 1
    if version_id < case.contacts_answered[uid].before(call.start):
        says = f"The contacts of {uid} were answered at version {version_id}; a later one was known before."
        case.findings.breaks(12, "as new as known", says, call)
    elif version_id < case.contacts_noticed[uid].before(call.start):
        says = f"The contacts of {uid} were answered at version {version_id}; a notice had told of a later one."
        case.findings.breaks(5, "shown before stored", says, call)


def judge_pull_hidden(case: Case, call: Call, body: Body, answer: Answer) -> None:
    """A page of what a user deleted for himself: complete up to its cursor."""
    uid, msg_ids, version_id = int(call.uid), answer.msg_ids, answer.version_id
    if msg_ids is None or version_id is None:
        return
    case.findings.judged[5] += 1
    hidden = case.hidden.get((uid, body.session_of(uid)), {})
    expected = {msg_id for msg_id, version in hidden.items() if body.after_version < version <= version_id}
    if expected - set(msg_ids):
        says = (
            f"{uid} deleted {sorted(expected - set(msg_ids))} for himself, and pull_hidden up to {version_id} lacks it."
        )
        case.findings.breaks(5, "nothing missed", says, call)
    if set(msg_ids) - set(hidden):
        says = f"pull_hidden told {uid} of {sorted(set(msg_ids) - set(hidden))}, which he did not delete for himself."
        case.findings.breaks(10, "for oneself alone", says, call)
