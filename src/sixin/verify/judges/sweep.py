"""One pass over what everybody was answered and told, in order of time. It judges what can be judged on the spot
(sentences 5, 9, 11, 12) and collects for the judges after it how far each timeline was known when.
"""

import msgspec

from sixin.verify.case import Case, SeenContact
from sixin.verify.history import Call, Evidence, Told
from sixin.verify.judges import pages
from sixin.verify.logs import difference
from sixin.verify.rows import row_of
from sixin.verify.seen import Answer, Body, Contact, Message, Notice, members_of, notice_of


def judge(case: Case) -> None:
    """Sweep."""
    for event in case.timeline:
        if isinstance(event, Told):
            _take_notice(case, event)
        else:
            _take_answer(case, *event)


def _take_answer(case: Case, call: Call, body: Body, answer: Answer) -> None:
    uid = int(call.uid)
    session_id = body.session_of(uid)
    if session_id and uid not in members_of(session_id):
        _judge_stranger(case, call, session_id, answer)
        return
    # First what it had to reach, then what it shows: its own rows were not known when it started.
    if call.op == "pull_new":
        pages.judge_pull_new(case, call, body, answer)
    elif call.op == "pull_old":
        pages.judge_pull_old(case, call, body, answer)
    elif call.op == "pull_contacts":
        pages.judge_pull_contacts(case, call, body, answer)
    elif call.op == "pull_hidden":
        pages.judge_pull_hidden(case, call, body, answer)
    elif answer.message is not None:
        pages.judge_message(case, call, answer.message)
    elif answer.contact is not None:
        pages.judge_contact(case, call, answer.contact)
    elif call.op == "unread" and answer.unread_total is not None:
        case.totals.append((call, case.contacts_answered[uid].before(call.start), answer.unread_total))
    at = call.start if call.end is None else call.end
    _take_rows(case, call, at, answer, session_id)


def _judge_stranger(case: Case, call: Call, session_id: str, answer: Answer) -> None:
    """Whoever is not in a session is refused; an answer that says nothing at all would still tell that it exists."""
    case.findings.judged[11] += 1
    says = f"{call.uid} is not in {session_id}, and {call.op} answered."
    case.findings.breaks(11, "strangers", says, call)
    del answer


def _take_rows(case: Case, call: Call, at: int, answer: Answer, session_id: str) -> None:
    uid = int(call.uid)
    for message in answer.messages or ():
        take_message(case, message, uid, call)
    if answer.message is not None:
        take_message(case, answer.message, uid, call)
        case.answered[answer.message.session_id].reach(answer.message.version_id, at)
    for contact in answer.contacts or ():
        take_contact(case, contact, uid, at, call)
    if answer.contact is not None:
        take_contact(case, answer.contact, uid, at, call)
    if answer.version_id is not None:
        if call.op in ("pull_new", "pull_old"):
            case.answered[session_id].reach(answer.version_id, at)
        else:
            case.contacts_answered[uid].reach(answer.version_id, at)
    if answer.contact_version is not None:
        case.contacts_answered[uid].reach(answer.contact_version, at)


def take_message(case: Case, shown: Message, uid: int, where: Evidence) -> None:
    """A message that somebody was shown is the stored one, as it was at the version it was shown with."""
    case.findings.judged[11] += 1
    if uid not in members_of(shown.session_id):
        says = f"{uid} is not in {shown.session_id}, and was shown its message {shown.msg_id}."
        case.findings.breaks(11, "strangers", says, where)
        return
    log = case.logs.get(shown.session_id)
    end = log.by_id.get(shown.msg_id) if log is not None else None
    if log is None or end is None:
        _judge_vanished(case, shown, uid, where)
        return
    case.findings.judged[12] += 1
    field = difference(shown, end, log.said(end))
    if field is not None:
        sentence, rule = _CONTRADICTION.get(field, (12, "same answers"))
        if field == "content" and shown.content is None:
            sentence, rule = 12, "same answers"
        says = f"{uid} was shown message {shown.msg_id} of {shown.session_id} with another {field} than it has."
        case.findings.breaks(sentence, rule, says, where, row_of("stored message", end))
    elif shown.content is not None:
        log.remember(shown.msg_id, shown.content)


_CONTRADICTION = {
    "content": (9, "content is gone"),
    "status": (9, "content is gone"),
    "sender": (11, "who speaks"),
    "ordinal": (4, "place"),
    "sort_key": (4, "place"),
    "version_id": (5, "consecutive"),
    "changed_at_ms": (12, "same answers"),
}


def _judge_vanished(case: Case, shown: Message, uid: int, where: Evidence) -> None:
    """A row was shown that the timeline does not hold. For the answer to a send that is sentence 1, judged there."""
    log = case.logs.get(shown.session_id)
    own_answer = isinstance(where, Call) and where.op == "send"
    if own_answer or (log is not None and not log.complete):
        return
    says = f"{uid} was shown message {shown.msg_id} of {shown.session_id}, which the timeline does not hold."
    case.findings.breaks(5, "shown before stored", says, where)


def take_contact(case: Case, shown: Contact, uid: int, at: int, where: Evidence) -> None:
    """A contact that somebody was shown is his own, and the same whoever shows that version of it."""
    case.findings.judged[11] += 1
    if shown.owner != uid or uid not in members_of(shown.session_id):
        says = f"{uid} was shown the contact of {shown.owner} for {shown.session_id}."
        case.findings.breaks(11, "strangers", says, where)
        return
    if shown.last_message is not None:
        take_message(case, shown.last_message, uid, where)
    key = (uid, shown.session_id)
    first = case.contacts[key].setdefault(shown.version_id, SeenContact(shown, at, where))
    case.findings.judged[12] += 1
    if first.contact != shown:
        says = f"Version {shown.version_id} of the contacts of {uid} was shown in two forms."
        case.findings.breaks(12, "same answers", says, first.where, where)
    _judge_version_owner(case, shown, uid, where)
    # Every change of a session's timeline bumps its contacts with it, in one transaction.
    frontier = case.answered if isinstance(where, Call) else case.noticed
    frontier[shown.session_id].reach(shown.message_version, at)
    own = case.contacts_answered if isinstance(where, Call) else case.contacts_noticed
    own[uid].reach(shown.version_id, at)
    case.contact_reached[key].reach(shown.version_id, at)
    case.cleared[key].reach(shown.last_del_msg_id, at)


def _judge_version_owner(case: Case, shown: Contact, uid: int, where: Evidence) -> None:
    session_id = case.session_at[uid].setdefault(shown.version_id, shown.session_id)
    if session_id != shown.session_id:
        says = f"Version {shown.version_id} of the contacts of {uid} stands on {session_id} and on {shown.session_id}."
        case.findings.breaks(5, "consecutive", says, case.contacts[uid, session_id][shown.version_id].where, where)


def _take_notice(case: Case, told: Told) -> None:
    uid = int(told.uid)
    try:
        notice = notice_of(told.notice)
    except msgspec.DecodeError as error:
        case.findings.breaks(12, "malformed", f"A notice cannot be read: {error}.", told)
        return
    if notice.notice == "message" and notice.session_id is not None and notice.version_id is not None:
        _take_message_notice(case, told, uid, notice, notice.session_id, notice.version_id)
    elif notice.notice == "contact" and notice.version_id is not None:
        _take_contact_notice(case, told, uid, notice, notice.version_id)
    elif notice.notice == "typing" and notice.session_id is not None:
        _judge_member(case, told, uid, notice.session_id)


def _judge_member(case: Case, told: Told, uid: int, session_id: str) -> bool:
    case.findings.judged[11] += 1
    if uid in members_of(session_id):
        return True
    case.findings.breaks(11, "strangers", f"{uid} is not in {session_id}, and was told of it.", told)
    return False


def _take_message_notice(case: Case, told: Told, uid: int, notice: Notice, session_id: str, version_id: int) -> None:
    if not _judge_member(case, told, uid, session_id):
        return
    log = case.logs.get(session_id)
    case.findings.judged[5] += 1
    if log is None or version_id > log.version_id:
        says = f"{uid} was told that {session_id} is at version {version_id}, which it never reached."
        case.findings.breaks(5, "shown before stored", says, told)
        return
    if notice.message is not None:
        if notice.message.version_id != version_id:
            says = f"A notice of version {version_id} of {session_id} carries version {notice.message.version_id}."
            case.findings.breaks(5, "consecutive", says, told)
        take_message(case, notice.message, uid, told)
        _judge_resurfaced(case, told, uid, notice.message)
    case.noticed[session_id].reach(version_id, told.at)


def _judge_resurfaced(case: Case, told: Told, uid: int, shown: Message) -> None:
    """A message that was emptied after somebody cleared it is not even named to him.

    A notice of its birth may still have been on its way when he cleared; one of its end cannot have been sent before.
    """
    if shown.version_id == shown.sort_key:
        return
    started = min((call.start for call, _ in case.empties.get(shown.msg_id, ())), default=0)
    case.findings.judged[9] += 1
    if shown.msg_id <= case.cleared[uid, shown.session_id].before(started):
        says = f"{uid} cleared message {shown.msg_id}; when it was {shown.status} later, he was shown it again."
        case.findings.breaks(9, "below the watermark", says, told)


def _take_contact_notice(case: Case, told: Told, uid: int, notice: Notice, version_id: int) -> None:
    stored = case.stored.get(uid)
    case.findings.judged[5] += 1
    if stored is not None and version_id > stored.version_id:
        says = f"{uid} was told that his contacts are at version {version_id}, which they never reached."
        case.findings.breaks(5, "shown before stored", says, told)
        return
    if notice.contact is not None:
        if notice.contact.version_id != version_id:
            says = f"A notice of version {version_id} of the contacts carries version {notice.contact.version_id}."
            case.findings.breaks(5, "consecutive", says, told)
        take_contact(case, notice.contact, uid, told.at, told)
    case.contacts_noticed[uid].reach(version_id, told.at)
