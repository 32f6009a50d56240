"""The case: the evidence of one history, sorted so that every judge finds its part without a search."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from sixin.verify.contract import Findings
from sixin.verify.history import (
    NEVER,
    Call,
    CutOff,
    DeviceCopy,
    Evidence,
    History,
    Queued,
    Shown,
    StoredContacts,
    Told,
    known_at,
)
from sixin.verify.logs import Frontier, SessionLog
from sixin.verify.seen import Answer, Body, Contact, Message, answer_of, body_of, contact_of, message_of

EVERYTHING = -1
"""A clear without `up_to_msg_id`: up to the newest message, whichever that is when it is decided."""

UNDECIDED = frozenset({"unavailable", "internal"})
"""Errors after which nobody knows whether the operation was done; every other error is a refusal."""


def refused(call: Call) -> bool:
    """Whether a call was refused, and so must have changed nothing."""
    return call.error is not None and call.error.code not in UNDECIDED


class Attempts(NamedTuple):
    """Every call that sent one `(session, sender, seq_id)`, in order of their ends."""

    calls: list[tuple[Call, Body, Message | None]]

    @property
    def first_start(self) -> int:
        """Before this nobody can have seen the message."""
        return min((call.start for call, _, _ in self.calls if not refused(call)), default=NEVER)

    @property
    def first_ack(self) -> int:
        """From here on everybody must."""
        return min((known_at(call) for call, _, message in self.calls if message is not None), default=NEVER)


class Change(NamedTuple):
    """A call that would set a field of the asker's contact."""

    call: Call
    value: Any
    version: int | None
    """The contact's version in the answer: it was so by then. None where the answer never came."""

    @property
    def unknown(self) -> bool:
        """Whether it may have been done at any time after it was asked."""
        return self.version is None and not refused(self.call)


class SeenContact(NamedTuple):
    """A contact as it was first shown."""

    contact: Contact
    at: int
    where: Evidence


ContactKey = tuple[int, str]


class Case:
    """One history, indexed."""

    def __init__(self, history: History) -> None:
        self.findings = Findings()
        self.events = history.in_order()
        self.logs: dict[str, SessionLog] = {}
        self.stored: dict[int, StoredContacts] = {}
        self.stored_contacts: dict[ContactKey, Contact] = {}
        self._stored_of: dict[int, list[Contact]] = {}
        self.hidden: dict[ContactKey, dict[int, int]] = defaultdict(dict)
        """What a user hid in a session: msg_id to the contact version it was done at."""
        self.devices: list[DeviceCopy] = []
        self.cut_offs: list[CutOff] = []
        self.queued: list[Queued] = []
        self.shown: list[Shown] = []
        self._take_ends(history)

        self.calls: list[tuple[Call, Body, Answer | None]] = []
        """Every call whose body can be read, in order of their ends; reads and changes alike."""
        self.timeline: list[Told | tuple[Call, Body, Answer]] = []
        """What anybody was answered or told, in order."""
        self.sends: dict[tuple[str, int, int], Attempts] = {}
        self.changes: dict[tuple[int, str, str], list[Change]] = defaultdict(list)
        """Changes of one field of one contact, in order of their ends."""
        self.empties: dict[int, list[tuple[Call, Answer | None]]] = defaultdict(list)
        """The recalls and deletions for all of a message."""
        self.hides: dict[ContactKey, dict[int, list[Call]]] = defaultdict(lambda: defaultdict(list))
        self._take_events()
        self._clearable = {key: self._clearable_by(*key) for key in self._clearers()}

        # Filled by the sweep (`judges/sweep.py`), in order of time.
        self.answered: dict[str, Frontier] = defaultdict(Frontier)
        """How far each session was known by answers."""
        self.noticed: dict[str, Frontier] = defaultdict(Frontier)
        """How far each session was known by notices."""
        self.contacts_answered: dict[int, Frontier] = defaultdict(Frontier)
        self.contacts_noticed: dict[int, Frontier] = defaultdict(Frontier)
        self.contact_reached: dict[ContactKey, Frontier] = defaultdict(Frontier)
        self.cleared: dict[ContactKey, Frontier] = defaultdict(Frontier)
        """The clear watermark each user was known to have."""
        self.contacts: dict[ContactKey, dict[int, SeenContact]] = defaultdict(dict)
        self.session_at: dict[int, dict[int, str]] = defaultdict(dict)
        """Which session each contact version of a user changed."""
        self.begun: dict[int, dict[int, int]] = defaultdict(dict)
        """When the call that made a version of a user's contacts was asked, where that is known."""
        self.contact_pages: list[tuple[Call, int, Answer]] = []
        """Pages of contacts, with the version they were asked after: judged when every version that anyone saw is
        known."""
        self.totals: list[tuple[Call, int, int]] = []
        """Totals that were answered without a version, each with the version that was known before it was asked
        and the total."""

    def _take_ends(self, history: History) -> None:
        for end in history.ends:
            if isinstance(end, DeviceCopy):
                self.devices.append(end)
            elif isinstance(end, StoredContacts):
                uid = int(end.uid)
                self.stored[uid] = end
                self._stored_of[uid] = [contact_of(raw) for raw in end.contacts]
                for contact in self._stored_of[uid]:
                    self.stored_contacts[uid, contact.session_id] = contact
                for session_id, msg_id, version_id in end.hidden:
                    self.hidden[uid, session_id][int(msg_id)] = version_id
            else:
                messages = [message_of(raw) for raw in end.messages]
                self.logs[end.session_id] = SessionLog(end.session_id, end.version_id, messages, complete=end.complete)

    def _take_events(self) -> None:
        for event in self.events:
            if isinstance(event, Told):
                self.timeline.append(event)
            elif isinstance(event, CutOff):
                self.cut_offs.append(event)
            elif isinstance(event, Queued):
                self.queued.append(event)
            elif isinstance(event, Shown):
                self.shown.append(event)
            elif isinstance(event, Call):
                self._take_call(event)

    def _take_call(self, call: Call) -> None:
        body = body_of(call.body)
        answer = self._answer_of(call)
        if body is None:
            if answer is not None:
                self.findings.breaks(12, "malformed", f"{call.op} was done for a body that is none.", call)
            return
        self.calls.append((call, body, answer))
        if answer is not None:
            self.timeline.append((call, body, answer))
        session_id = body.session_of(int(call.uid))
        if call.op == "send" and body.seq_id is not None:
            key = (session_id, int(call.uid), body.seq_id)
            message = answer.message if answer is not None else None
            self.sends.setdefault(key, Attempts([])).calls.append((call, body, message))
        else:
            self._take_change(call, body, answer, session_id)

    def _answer_of(self, call: Call) -> Answer | None:
        if call.answer is None:
            return None
        try:
            return answer_of(call.answer)
        except msgspec.DecodeError as error:
            self.findings.breaks(12, "malformed", f"The answer of {call.op} cannot be read: {error}.", call)
            return None

    def _take_change(self, call: Call, body: Body, answer: Answer | None, session_id: str) -> None:
        uid = int(call.uid)
        contact = answer.contact if answer is not None else None
        version = contact.version_id if contact is not None else None
        for field, value in _fields_set(call.op, body):
            self.changes[uid, session_id, field].append(Change(call, value, version))
        if call.op == "recall" and body.msg_id is not None:
            self.empties[body.msg_id].append((call, answer))
        elif call.op == "delete":
            for msg_id in body.msg_ids or ():
                if body.scope == "all":
                    self.empties[msg_id].append((call, answer))
                else:
                    self.hides[uid, session_id][msg_id].append(call)

    def stored_of(self, uid: int) -> list[Contact]:
        """The contacts of a user at the end."""
        return self._stored_of.get(uid, [])

    def cleared_by(self, uid: int, session_id: str, end: int) -> int:
        """The highest clear watermark a user can have had by a moment, as far as the history tells."""
        clearable = self._clearable.get((uid, session_id))
        return clearable.before(end) if clearable is not None else 0

    def _clearers(self) -> list[ContactKey]:
        return [(uid, session_id) for uid, session_id, field in self.changes if field == "last_del_msg_id"]

    def _clearable_by(self, uid: int, session_id: str) -> Frontier:
        """A clear can have come true from its start on."""
        frontier = Frontier()
        for change in sorted(self.changes[uid, session_id, "last_del_msg_id"], key=lambda change: change.call.start):
            if not refused(change.call):
                mark = self.final_mark(uid, session_id) if change.value == EVERYTHING else change.value
                frontier.reach(mark, change.call.start)
        return frontier

    def final_mark(self, uid: int, session_id: str) -> int:
        """The clear watermark at the end."""
        contact = self.stored_contacts.get((uid, session_id))
        return contact.last_del_msg_id if contact is not None else 0

    def hidden_before(self, uid: int, session_id: str, msg_id: int, start: int) -> bool:
        """Whether a user had surely deleted a message for himself."""
        calls = self.hides[uid, session_id].get(msg_id, ()) if (uid, session_id) in self.hides else ()
        return any(call.answer is not None and known_at(call) < start for call in calls)

    def maybe_hidden(self, uid: int, session_id: str, msg_id: int, end: int) -> bool:
        """Whether a user may have deleted a message for himself."""
        calls = self.hides[uid, session_id].get(msg_id, ()) if (uid, session_id) in self.hides else ()
        return any(not refused(call) and call.start < end for call in calls)


_SETTING_OF: dict[str, Callable[[Body], tuple[str, Any]]] = {
    "pin": lambda body: ("pinned", body.pinned),
    "mute": lambda body: ("muted", body.muted),
    "label": lambda body: ("labels", tuple(dict.fromkeys(body.labels or ()))),
}


def _fields_set(op: str, body: Body) -> list[tuple[str, Any]]:
    """Which fields of the asker's contact an operation sets, and to what."""
    match op:
        case "pin" | "mute" | "label":
            return [_SETTING_OF[op](body)]
        case "read":
            return [("last_read_msg_id", body.msg_id)]
        case "clear":
            return [("last_del_msg_id", EVERYTHING if body.up_to_msg_id is None else body.up_to_msg_id)]
        case "delete_contact":
            return [("last_del_msg_id", EVERYTHING), ("status", "deleted"), ("pinned", False)]
        case _:
            return []
