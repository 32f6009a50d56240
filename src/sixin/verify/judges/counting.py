"""Sentence 7: every contact that anybody was ever shown is recomputed from the messages, and every total from the
contacts. With it goes what else of a contact follows from the messages: the preview, the newest message.
"""

from bisect import bisect_right
from collections.abc import Iterator

from sixin.verify.case import Case, ContactKey, SeenContact
from sixin.verify.history import NEVER
from sixin.verify.logs import SessionLog, version_at
from sixin.verify.rows import row_of
from sixin.verify.seen import Contact, Message


class Tree:
    """A Fenwick tree: counts by place, in logarithmic time."""

    __slots__ = ("_sums",)

    def __init__(self, places: int) -> None:
        self._sums = [0] * (places + 1)

    def add(self, place: int, count: int) -> None:
        """Count at a place, from 0."""
        place += 1
        while place < len(self._sums):
            self._sums[place] += count
            place += place & -place

    def below(self, place: int) -> int:
        """The sum of the counts at places below one."""
        total = 0
        while place > 0:
            total += self._sums[place]
            place -= place & -place
        return total


class Recount:
    """The unread messages of one owner in one session, recomputed as his contact grows older."""

    def __init__(self, log: SessionLog, owner: int, hidden: dict[int, int]) -> None:
        self._log = log
        self._owner = owner
        self._places = {message.msg_id: place for place, message in enumerate(log.messages)}
        self._ids = [message.msg_id for message in log.messages]
        self._hiding = sorted((version, msg_id) for msg_id, version in hidden.items())
        self._counted = Tree(len(log.messages))
        self._in: set[int] = set()
        self.spoken_at = next((message.sort_key for message in log.messages if message.sender != owner), NEVER)
        """The version at which the peer first said something."""
        self.gone: set[int] = set()
        """What its owner has hidden by now."""
        self._message_version = 0
        self._hidden = 0

    def advance(self, contact: Contact) -> None:
        """Go on to the state in which a contact was shown."""
        while self._message_version < min(contact.message_version, self._log.version_id):
            self._message_version += 1
            message = self._log.at_version.get(self._message_version)
            if message is not None:
                self._place(message)
        while self._hidden < len(self._hiding) and self._hiding[self._hidden][0] <= contact.version_id:
            msg_id = self._hiding[self._hidden][1]
            self._hidden += 1
            self.gone.add(msg_id)
            self._take_out(msg_id)

    def _place(self, message: Message) -> None:
        emptied = message.status != "normal" and message.version_id <= self._message_version
        if emptied:
            self._take_out(message.msg_id)
        elif message.sender != self._owner and message.msg_id not in self.gone:
            self._in.add(message.msg_id)
            self._counted.add(self._places[message.msg_id], 1)

    def _take_out(self, msg_id: int) -> None:
        if msg_id in self._in:
            self._in.remove(msg_id)
            self._counted.add(self._places[msg_id], -1)

    def unread(self, contact: Contact) -> int:
        """How many unread messages the contact's owner has."""
        above = max(contact.last_del_msg_id, contact.last_read_msg_id)
        return self._counted.below(len(self._ids)) - self._counted.below(bisect_right(self._ids, above))


def judge(case: Case) -> None:
    """Recompute every contact that was shown, and every total."""
    for key, versions in case.contacts.items():
        log = case.logs.get(key[1])
        if log is not None and log.complete:
            _judge_contacts(case, key, log, [versions[version] for version in sorted(versions)])
    _judge_totals(case)


def _judge_contacts(case: Case, key: ContactKey, log: SessionLog, seen: list[SeenContact]) -> None:
    recount = Recount(log, key[0], case.hidden.get(key, {}))
    for shown in seen:
        contact = shown.contact
        recount.advance(contact)
        case.findings.judged[7] += 1
        expected = recount.unread(contact)
        if contact.unread != expected:
            says = (
                f"The contact of {key[0]} for {key[1]} at version {contact.version_id} says {contact.unread} unread; "
                f"the messages say {expected}."
            )
            case.findings.breaks(7, "unread", says, shown.where, row_of("contact", contact))
        _judge_newest(case, shown, log, recount)


def _judge_newest(case: Case, shown: SeenContact, log: SessionLog, recount: Recount) -> None:
    """The newest message, the preview and `peer_ack` follow from the messages."""
    contact, owner = shown.contact, shown.contact.owner
    place = log.newest_at(contact.message_version)
    newest = log.messages[place - 1].msg_id if place else 0
    if contact.last_msg_id != newest:
        says = f"The contact of {owner} for {log.session_id} names {contact.last_msg_id} as newest; it is {newest}."
        case.findings.breaks(7, "newest message", says, shown.where, row_of("contact", contact))
    preview = _preview(contact, log, place, recount.gone)
    _judge_preview(case, shown, log, preview)
    if contact.peer_ack != (recount.spoken_at <= contact.message_version):
        says = f"The contact of {owner} for {log.session_id} is wrong about whether the peer ever said something."
        case.findings.breaks(7, "newest message", says, shown.where)


def _preview(contact: Contact, log: SessionLog, place: int, gone: set[int]) -> Message | None:
    while place > 0:
        place -= 1
        message = log.messages[place]
        if message.msg_id <= contact.last_del_msg_id:
            return None
        if message.msg_id not in gone:
            return message
    return None


def _judge_preview(case: Case, shown: SeenContact, log: SessionLog, expected: Message | None) -> None:
    contact, preview = shown.contact, shown.contact.last_message
    case.findings.judged[9] += 1
    owner, where, row = contact.owner, shown.where, row_of("contact", contact)
    if preview is not None and preview.msg_id <= contact.last_del_msg_id:
        says = f"The preview of {owner} for {log.session_id} is message {preview.msg_id}, which he has cleared."
        case.findings.breaks(9, "below the watermark", says, where, row)
    elif (preview.msg_id if preview else 0) != (expected.msg_id if expected else 0):
        says = f"The preview of {owner} for {log.session_id} is not the newest message he may see."
        case.findings.breaks(7, "newest message", says, where, row)
    elif preview is not None and expected is not None:
        version = version_at(expected, contact.message_version)
        if preview.version_id < version and preview.content is not None:
            says = f"The preview of {owner} for {log.session_id} shows message {preview.msg_id} after it was emptied."
            case.findings.breaks(9, "content is gone", says, where, row)


def _judge_totals(case: Case) -> None:
    """A total is the sum over the contacts as they were at its version, where every version until then was seen."""
    known = {uid: list(_totals(case, uid)) for uid in case.session_at}
    for call, _, answer in case.contact_pages:
        totals = known.get(int(call.uid), [0])
        version_id, total = answer.version_id, answer.unread_total
        if answer.more or version_id is None or total is None or version_id >= len(totals):
            continue
        case.findings.judged[7] += 1
        if total != totals[version_id]:
            says = f"{call.uid} was told {total} unread in total at version {version_id}; it was {totals[version_id]}."
            case.findings.breaks(7, "total", says, call)
    for call, at_least, total in case.totals:
        totals = known.get(int(call.uid), [0])
        stored = case.stored.get(int(call.uid))
        if stored is None or len(totals) <= stored.version_id or at_least > stored.version_id:
            continue
        at_most = _not_begun(case, int(call.uid), at_least, call.end or 0)
        case.findings.judged[7] += 1
        if total not in totals[at_least : at_most + 1]:
            says = f"{call.uid} was told {total} unread in total; it was {totals[at_least]}."
            case.findings.breaks(7, "total", says, call)
    _judge_stored_totals(case)


def _not_begun(case: Case, uid: int, version_id: int, end: int) -> int:
    """The newest version of a user's contacts that can have been there by a moment."""
    changes = case.begun.get(uid, {})
    newest = max(case.session_at[uid], default=0)
    while version_id < newest and changes.get(version_id + 1, 0) < end:
        version_id += 1
    return version_id


def _totals(case: Case, uid: int) -> Iterator[int]:
    """The total at each version from 0, as far as every version was seen."""
    counted: dict[str, int] = {}
    total = 0
    yield 0
    sessions = case.session_at[uid]
    for version in range(1, max(sessions, default=0) + 1):
        session_id = sessions.get(version)
        if session_id is None:
            return
        now = case.contacts[uid, session_id][version].contact.counted
        total += now - counted.get(session_id, 0)
        counted[session_id] = now
        yield total


def _judge_stored_totals(case: Case) -> None:
    for uid, stored in case.stored.items():
        case.findings.judged[7] += 1
        contacts = case.stored_of(uid)
        total = sum(contact.counted for contact in contacts)
        if stored.unread_total != total:
            says = f"The total of {uid} is stored as {stored.unread_total}; his contacts add up to {total}."
            case.findings.breaks(7, "total", says, *(row_of("stored contact", row) for row in contacts if row.unread))
