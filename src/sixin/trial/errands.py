"""What a device without the SDK asks: the body of a request, from what its person knows."""

from collections.abc import Callable
from random import Random

from sixin.trial.people import Known, Person

Errand = tuple[str, dict[str, object]]

WORDS = ("你好", "吃饭了吗?", "好啊", "I am here", "在家吗?", "see you", "🙂", "明天见")
LABELS = ("work", "家", "later")

OPERATIONS: dict[str, int] = {
    "send": 40,
    "resend": 6,
    "conflict": 1,
    "read": 10,
    "recall": 5,
    "delete_all": 3,
    "delete_me": 4,
    "clear": 2,
    "clear_up_to": 2,
    "delete_contact": 1,
    "pin": 4,
    "mute": 3,
    "label": 2,
    "pull_new": 10,
    "pull_old": 6,
    "pull_contacts": 6,
    "pull_hidden": 2,
    "contact": 4,
    "unread": 3,
    "typing": 1,
    "trespass": 2,
    "recall_foreign": 1,
    "nonsense": 1,
}
"""What people do, and how often. Beside it there is `moderate`, where somebody is a moderator."""

TAKES_AWAY = frozenset({"clear", "clear_up_to", "delete_me", "delete_contact"})
"""After these a user sees no more all that was said."""


def session_id_of(one: int, other: int) -> str:
    """The session of a pair."""
    return f"{min(one, other)}:{max(one, other)}"


def errand(chance: Random, known: Known, op: str, page: int) -> Errand | None:
    """The operation and its body; None where this person cannot do that yet."""
    person = known.person
    session_id = session_id_of(person.uid, chance.choice(person.peers))
    if op in TAKES_AWAY and session_id in person.keeps:
        return None
    make = _MAKERS.get(op)
    return make(chance, known, session_id) if make is not None else _read(chance, known, op, session_id, page)


def _send(chance: Random, known: Known, session_id: str) -> Errand:
    person = known.person
    text = chance.choice(WORDS) + f" {person.uid}/{person.last_seq_id + 1}"
    if chance.random() < 0.02 and not person.brief:
        text *= 300
    content: object = {"type": "text", "text": text}
    if chance.random() < 0.1:
        content = {"type": "custom", "kind": "k", "data": {"b": [1, 2.5, None], "a": text}}
    seq_id = person.next_seq_id()
    person.sent.append((session_id, seq_id, content))
    return "send", {"session_id": session_id, "seq_id": seq_id, "content": content}


def _resend(chance: Random, known: Known, session_id: str) -> Errand | None:
    sent = known.person.sent
    if not sent:
        return None
    session_id, seq_id, content = chance.choice(sent[-20:] if chance.random() < 0.7 else sent)
    return "send", {"session_id": session_id, "seq_id": seq_id, "content": content}


def _conflict(chance: Random, known: Known, session_id: str) -> Errand | None:
    sent = known.person.sent
    if not sent:
        return None
    session_id, seq_id, _ = chance.choice(sent)
    return "send", {"session_id": session_id, "seq_id": seq_id, "content": {"type": "text", "text": "another"}}


def _some(chance: Random, person: Person, session_id: str, *, mine: bool | None = None) -> str | None:
    """A message he knows of: mostly a late one."""
    seen = person.seen.get(session_id, {})
    known = [msg_id for msg_id, sender in seen.items() if mine is None or (sender == person.uid) == mine]
    if not known:
        return None
    known.sort()
    return str(chance.choice(known[-8:] if chance.random() < 0.8 else known))


def _about(op: str, field: str, *, mine: bool | None = None) -> Callable[[Random, Known, str], Errand | None]:
    def make(chance: Random, known: Known, session_id: str) -> Errand | None:
        msg_id = _some(chance, known.person, session_id, mine=mine)
        return None if msg_id is None else (op, {"session_id": session_id, field: msg_id})

    return make


def _delete(scope: str) -> Callable[[Random, Known, str], Errand | None]:
    def make(chance: Random, known: Known, session_id: str) -> Errand | None:
        mine = True if scope == "all" and chance.random() < 0.9 else None
        found = [_some(chance, known.person, session_id, mine=mine) for _ in range(chance.randint(1, 4))]
        msg_ids = [msg_id for msg_id in found if msg_id is not None]
        return ("delete", {"session_id": session_id, "msg_ids": msg_ids, "scope": scope}) if msg_ids else None

    return make


def _moderate(chance: Random, known: Known, session_id: str) -> Errand | None:
    """Take away for all what somebody else said, and now and then something of one's own with it."""
    found = {_some(chance, known.person, session_id, mine=chance.random() < 0.2) for _ in range(chance.randint(1, 3))}
    msg_ids = sorted(msg_id for msg_id in found if msg_id is not None)
    return ("delete", {"session_id": session_id, "msg_ids": msg_ids, "scope": "all"}) if msg_ids else None


def _trespass(chance: Random, known: Known, session_id: str) -> Errand:
    """Somebody tries what is not his: a session of two others."""
    uid = known.person.uid
    others = [peer for peer in (*known.person.peers, 999) if peer != uid]
    foreign = session_id_of(chance.choice(others), 999_999)
    op = chance.choice(["pull_old", "pull_new", "contact", "read", "send", "typing"])
    body: dict[str, object] = {"session_id": foreign}
    if op == "send":
        body |= {"seq_id": 1, "content": {"type": "text", "text": "let me in"}}
    elif op == "read":
        body |= {"msg_id": "1"}
    elif op == "pull_new":
        body |= {"after_version": 0}
    return op, body


def _nonsense(chance: Random, known: Known, session_id: str) -> Errand:
    bodies: list[Errand] = [
        ("send", {"session_id": session_id, "seq_id": 0, "content": {"type": "text", "text": "x"}}),
        ("send", {"session_id": session_id, "seq_id": 2**53, "content": {"type": "text", "text": "x"}}),
        ("send", {"session_id": session_id, "seq_id": 10**9, "content": {"type": "poem", "text": "x"}}),
        ("read", {"session_id": session_id, "msg_id": "01"}),
        ("read", {"session_id": session_id, "msg_id": str(2**63 - 1)}),
        ("pin", {"session_id": session_id, "pinned": "yes"}),
        ("fly", {"session_id": session_id}),
    ]
    return chance.choice(bodies)


_MAKERS: dict[str, Callable[[Random, Known, str], Errand | None]] = {
    "send": _send,
    "resend": _resend,
    "conflict": _conflict,
    "read": _about("read", "msg_id"),
    "recall": _about("recall", "msg_id", mine=True),
    "recall_foreign": _about("recall", "msg_id", mine=False),
    "clear_up_to": _about("clear", "up_to_msg_id"),
    "delete_all": _delete("all"),
    "moderate": _moderate,
    "delete_me": _delete("me"),
    "clear": lambda chance, known, session_id: ("clear", {"session_id": session_id}),
    "delete_contact": lambda chance, known, session_id: ("delete_contact", {"session_id": session_id}),
    "pin": lambda chance, known, session_id: ("pin", {"session_id": session_id, "pinned": chance.random() < 0.6}),
    "mute": lambda chance, known, session_id: ("mute", {"session_id": session_id, "muted": chance.random() < 0.5}),
    "label": lambda chance, known, session_id: (
        "label",
        {"session_id": session_id, "labels": chance.choices(LABELS, k=chance.randint(0, 3))},
    ),
    "trespass": _trespass,
    "nonsense": _nonsense,
}


def _read(chance: Random, known: Known, op: str, session_id: str, page: int) -> Errand:
    body: dict[str, object] = {} if op in ("pull_contacts", "unread") else {"session_id": session_id}
    if op == "pull_new":
        cursor = known.cursors.get(session_id, 0)
        body |= {"after_version": cursor if chance.random() < 0.7 else chance.randint(0, cursor), "limit": page}
        if chance.random() < 0.2:
            body["born_up_to"] = chance.randint(0, cursor + 1)
    elif op == "pull_old":
        body["limit"] = page
        if chance.random() < 0.5:
            body["before_sort_key"] = chance.randint(0, len(known.person.seen.get(session_id, {})) + 2)
    elif op == "pull_contacts":
        cursor = known.contact_cursor
        body |= {"after_version": cursor if chance.random() < 0.6 else chance.randint(0, cursor), "limit": page}
    elif op == "pull_hidden":
        body["after_version"] = chance.choice([0, chance.randint(0, known.contact_cursor)])
    return op, body
