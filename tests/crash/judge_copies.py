"""Every device's copy, and what a stranger to all caches is answered now, against the rows of the database."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from sixin.client import LocalCopy
from sixin.core.ids import SessionId, Uid
from sixin.core.message import Message
from sixin.core.wire.bodies import ContactView, MessageView
from sixin.core.wire.views import contact_view, message_view
from tests.crash.findings import Findings
from tests.crash.plan import Plan, dump_of
from tests.crash.rows import Rows
from tests.crash.worker import Dump


class Pulled(Struct):
    """All that one user is answered when he asks for everything."""

    uid: Uid
    contact_version: int
    unread_total: int
    contacts: dict[SessionId, ContactView]
    messages: dict[str, list[MessageView]]
    hidden: dict[str, set[str]]


class Views:
    """What each user must see, made from the rows once for all his devices."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._views: dict[int, MessageView] = {}
        self._visible: dict[tuple[Uid, SessionId], list[MessageView]] = {}

    def of(self, message: Message) -> MessageView:
        """One message: the same object for everybody."""
        view = self._views.get(message.msg_id)
        if view is None:
            view = self._views[message.msg_id] = message_view(message)
        return view

    def visible(self, owner: Uid, session_id: SessionId) -> list[MessageView]:
        """All that a user sees of a session."""
        key = (owner, session_id)
        if key not in self._visible:
            self._visible[key] = [self.of(message) for message in self.rows.visible(owner, session_id)]
        return self._visible[key]

    def contacts(self, owner: Uid) -> dict[SessionId, ContactView]:
        """His list, deleted ones included."""
        return {session_id: contact_view(contact) for session_id, contact in self.rows.contacts.get(owner, {}).items()}


def judge_copies(plan: Plan, folder: Path, views: Views, findings: Findings) -> None:
    """Judge what every device wrote at the end."""
    for device in plan.devices:
        dump = msgspec.msgpack.decode(dump_of(folder, device).read_bytes(), type=Dump)
        findings.look(
            "no outbox holds anything, or was refused anything said", not (dump.refused or dump.waiting), dump
        )
        _judge_copy(dump.copy, views, findings)
        if dump.scrolled:
            ranges = dump.copy.ranges[SessionId(dump.scrolled)]
            findings.look("who paged back to the beginning holds all", len(ranges) == 1 and ranges[0][0] == 0, ranges)


def _judge_copy(copy: LocalCopy, views: Views, findings: Findings) -> None:
    owner = Uid(copy.uid)
    head = views.rows.users.get(owner)
    numbers = (head.version_id, head.unread_total) if head is not None else (0, 0)
    findings.look("a copy's list is complete", (copy.contact_version, copy.unread_total) == numbers, (owner, numbers))
    contacts = {session_id: contact_view(contact) for session_id, contact in copy.contacts.items()}
    _compare("a copy's contact equals the server's", contacts, views.contacts(owner), findings)
    for session_id, ranges in copy.ranges.items():
        version = views.rows.sessions[session_id].version_id
        findings.look(
            "a copy knows every change of what it holds",
            ranges[-1][1] == version and all(known == version for _, _, known in ranges),
            (owner, session_id, ranges, version),
        )
        there = [view for view in views.visible(owner, session_id) if _in(ranges, view.sort_key)]
        held = [message_view(message) for message in copy.messages[session_id]]
        _compare_lists("a copy's message equals the server's", held, there, (owner, session_id), findings)


def judge_pulls(pulled: Iterable[Pulled], views: Views, findings: Findings) -> None:
    """Judge what the server answers to someone who knows nothing."""
    for one in pulled:
        head = views.rows.users.get(one.uid)
        numbers = (head.version_id, head.unread_total) if head is not None else (0, 0)
        findings.look(
            "a fresh pull of the list is complete", (one.contact_version, one.unread_total) == numbers, one.uid
        )
        _compare("a freshly pulled contact equals the database's", one.contacts, views.contacts(one.uid), findings)
        for session_id, messages in one.messages.items():
            there = views.visible(one.uid, SessionId(session_id))
            where = (one.uid, session_id)
            _compare_lists("a freshly pulled message equals the database's", messages, there, where, findings)
            hidden = {str(msg_id) for msg_id in views.rows.hidden.get((one.uid, SessionId(session_id)), {})}
            findings.look("freshly pulled hidden messages are the database's", one.hidden[session_id] == hidden, where)


def _in(ranges: Sequence[tuple[int, int, int]], sort_key: int) -> bool:
    return any(low <= sort_key <= high for low, high, _ in ranges)


def _compare(
    rule: str, held: Mapping[SessionId, ContactView], there: Mapping[SessionId, ContactView], findings: Findings
) -> None:
    for session_id in held.keys() | there.keys():
        one, other = held.get(session_id), there.get(session_id)
        findings.look(rule, one == other, f"{one}\n          database: {other}")


def _compare_lists(
    rule: str, held: list[MessageView], there: list[MessageView], where: object, findings: Findings
) -> None:
    if held == there:
        findings.looked_at[rule] += len(there)
        return
    by_id = {view.msg_id: view for view in held}
    for view in there:
        one = by_id.pop(view.msg_id, None)
        findings.look(rule, one == view, f"{where} {one}\n          database: {view}")
    for view in by_id.values():
        findings.look(rule, False, f"{where} {view}\n          database: nothing")
