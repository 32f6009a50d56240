"""Mutations of what was recorded: devices that hold something else, and deliveries that nobody should have got."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw

from sixin.verify.history import (
    NEVER,
    Call,
    CutOff,
    DeviceCopy,
    HeldMessages,
    History,
    Shown,
    StoredContacts,
    StoredMessages,
    Told,
    known_at,
)
from tests.simulation.mutations import Mutation

Json = dict[str, Any]


def with_true_copies(history: History) -> History:
    """A history in which every user has a device that holds all that the server holds for him."""
    logs = [end for end in history.ends if isinstance(end, StoredMessages)]
    copies = [_true_copy(end, logs) for end in history.ends if isinstance(end, StoredContacts)]
    return History(list(history.events), [*history.ends, *copies])


def _true_copy(stored: StoredContacts, logs: list[StoredMessages]) -> DeviceCopy:
    marks = {
        contact["session_id"]: int(contact["last_del_msg_id"]) for contact in map(msgspec.json.decode, stored.contacts)
    }
    hidden = {(session_id, msg_id) for session_id, msg_id, _ in stored.hidden}
    held = [
        HeldMessages(
            log.session_id,
            log.version_id,
            [
                raw
                for raw, message in ((raw, msgspec.json.decode(raw)) for raw in log.messages)
                if int(message["msg_id"]) > marks[log.session_id] and (log.session_id, message["msg_id"]) not in hidden
            ],
            [(1, log.version_id)],
        )
        for log in logs
        if log.session_id in marks
    ]
    return DeviceCopy(stored.uid, f"{stored.uid}-true", stored.version_id, stored.unread_total, stored.contacts, held)


def _of_device(change: Callable[[Json], bool]) -> Callable[[History], bool]:
    """Add a device to every user and change one of them; `change` is False where it had nothing to change."""

    def edit(history: History) -> bool:
        copied = with_true_copies(history)
        for place, end in enumerate(copied.ends):
            if isinstance(end, DeviceCopy):
                copy: Json = msgspec.json.decode(msgspec.json.encode(end))
                if change(copy):
                    copied.ends[place] = msgspec.convert(_raw(copy), DeviceCopy)
                    history.ends[:] = copied.ends
                    return True
        return False

    return edit


def _raw(copy: Json) -> Json:
    def raws(rows: list[Json]) -> list[Raw]:
        return [Raw(msgspec.json.encode(row)) for row in rows]

    copy["contacts"] = raws(copy["contacts"])
    for held in copy.get("sessions", []):
        held["messages"] = raws(held["messages"])
    copy.pop("type")
    return copy


def _first_message(copy: Json, *, status: str) -> Json | None:
    for held in copy.get("sessions", []):
        for message in held["messages"]:
            if message["status"] == status:
                return {"held": held, "message": message}
    return None


def _misses_one(copy: Json) -> bool:
    found = _first_message(copy, status="normal")
    if found is None:
        return False
    found["held"]["messages"].remove(found["message"])
    return True


def _holds_recalled(copy: Json) -> bool:
    found = _first_message(copy, status="recalled")
    if found is None:
        return False
    found["message"]["content"] = {"type": "text", "text": "what was recalled"}
    return True


def _did_not_hear_of_a_recall(copy: Json) -> bool:
    found = _first_message(copy, status="deleted")
    if found is None:
        return False
    found["message"] |= {"status": "recalled"}
    return True


def _other_count(copy: Json) -> bool:
    if not copy["contacts"]:
        return False
    copy["contacts"][0]["unread"] += 1
    return True


def _other_total(copy: Json) -> bool:
    copy["unread_total"] += 1
    return True


def _old_contact(copy: Json) -> bool:
    return bool(copy["contacts"]) and copy["contacts"].pop() is not None


def _unsent(copy: Json) -> bool:
    copy["unsent"] = [("1000:1001", 4711)]
    return True


def _holds_a_strangers_session(copy: Json) -> bool:
    sessions = copy.get("sessions", [])
    if not sessions:
        return False
    sessions.append({**sessions[0], "session_id": "1:2"})
    return True


def _holds_the_cleared(history: History) -> bool:
    """The device keeps what its user cleared."""
    copied = with_true_copies(history)
    logs = {end.session_id: end for end in history.ends if isinstance(end, StoredMessages)}
    for place, end in enumerate(copied.ends):
        if not isinstance(end, DeviceCopy):
            continue
        for nth, held in enumerate(end.sessions):
            everything = logs[held.session_id].messages
            if len(everything) > len(held.messages):
                sessions = [*end.sessions]
                sessions[nth] = msgspec.structs.replace(held, messages=everything)
                copied.ends[place] = msgspec.structs.replace(end, sessions=sessions)
                history.ends[:] = copied.ends
                return True
    return False


def _shows_a_gap(history: History) -> bool:
    """A page on a screen passes over a message as if nothing were there."""
    copied = with_true_copies(history)
    for end in copied.ends:
        if not isinstance(end, DeviceCopy):
            continue
        for held in end.sessions:
            if len(held.messages) > 2:
                page = [held.messages[0], *held.messages[2:]]
                last = max(known_at(event) for event in history.events if known_at(event) < NEVER)
                history.add(Shown(last + 1, end.uid, end.device, held.session_id, page))
                return True
    return False


def _cut_off_early(history: History) -> bool:
    """Somebody's token was revoked half-way, and his device was still served."""
    told = [event for event in history.events if isinstance(event, Told)]
    if not told:
        return False
    late = told[len(told) // 2]
    history.add(CutOff(late.at - 1, late.uid, late.device))
    return True


def _refused_without_a_word(history: History) -> bool:
    for place, event in enumerate(history.events):
        if isinstance(event, Call) and event.error is not None:
            error = msgspec.structs.replace(event.error, message="")
            history.events[place] = msgspec.structs.replace(event, error=error)
            return True
    return False


def _silence_in_place_of_an_answer(history: History) -> bool:
    """A send that was acknowledged under another number than the one that is stored."""
    for place, event in enumerate(history.events):
        if isinstance(event, Call) and event.op == "send" and event.answer is not None:
            answer = msgspec.json.decode(event.answer)
            answer["message"]["ordinal"] += 1
            history.events[place] = msgspec.structs.replace(event, answer=Raw(msgspec.json.encode(answer)))
            return True
    return False


def _sent_after_and_before(history: History) -> bool:
    """The last message of a session was acknowledged before the first was sent."""
    sends = [
        event
        for event in history.events
        if isinstance(event, Call) and event.op == "send" and event.answer is not None and event.end is not None
    ]
    first, last = min(sends, key=known_at, default=None), max(sends, key=lambda call: call.start, default=None)
    if first is None or last is None:
        return False
    one = msgspec.json.decode(first.answer or b"{}")["message"]
    for other in sends:
        message = msgspec.json.decode(other.answer or b"{}")["message"]
        if message["session_id"] == one["session_id"] and message["ordinal"] > one["ordinal"]:
            early = msgspec.structs.replace(other, start=-2, end=-1)
            history.events[history.events.index(other)] = early
            return True
    return False


MUTATIONS = [
    Mutation(
        "device misses a message",
        6,
        "messages",
        "device",
        "A settled device lacks a message in its range.",
        edit=_of_device(_misses_one),
    ),
    Mutation(
        "device missed a deletion",
        6,
        "messages",
        "device",
        "A settled device has another status than the server.",
        edit=_of_device(_did_not_hear_of_a_recall),
    ),
    Mutation(
        "device counts otherwise",
        6,
        "counts",
        "device",
        "A settled device shows another unread count.",
        edit=_of_device(_other_count),
    ),
    Mutation(
        "device totals otherwise",
        6,
        "counts",
        "device",
        "A settled device shows another total.",
        edit=_of_device(_other_total),
    ),
    Mutation(
        "device lacks a contact",
        6,
        "contacts",
        "device",
        "A settled device lacks a contact.",
        edit=_of_device(_old_contact),
    ),
    Mutation(
        "a gap on the screen",
        6,
        "no gap unsaid",
        "device",
        "A page of history passes over a message.",
        edit=_shows_a_gap,
    ),
    Mutation(
        "outbox left behind",
        6,
        "outbox",
        "device",
        "A settled device has not sent everything.",
        edit=_of_device(_unsent),
    ),
    Mutation(
        "recalled on a device",
        9,
        "content is gone",
        "device",
        "A settled device still shows what was recalled.",
        edit=_of_device(_holds_recalled),
    ),
    Mutation(
        "cleared on a device",
        9,
        "below the watermark",
        "device",
        "A settled device still holds what its user cleared.",
        edit=_holds_the_cleared,
    ),
    Mutation(
        "stranger's session on a device",
        11,
        "strangers",
        "device",
        "A device holds a session its user is not in.",
        edit=_of_device(_holds_a_strangers_session),
    ),
    Mutation("served after the cut", 11, "cut off", "gateway", "A revoked device is still told.", edit=_cut_off_early),
    Mutation(
        "refused without a word",
        12,
        "says which rule",
        "gateway",
        "A refusal does not say which rule refused.",
        edit=_refused_without_a_word,
    ),
    Mutation(
        "acknowledged under another number",
        4,
        "place",
        "gateway",
        "An answer gives an ordinal that is not stored.",
        edit=_silence_in_place_of_an_answer,
    ),
    Mutation(
        "later stands before earlier",
        4,
        "real time",
        "history",
        "A message acknowledged before another was sent stands behind it.",
        edit=_sent_after_and_before,
    ),
]
