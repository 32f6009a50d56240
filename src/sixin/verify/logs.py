"""Timelines as the checker rebuilds them from the end state, and frontiers: how far a timeline was known when."""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

from sixin.verify.seen import Message, members_of

UNKNOWN: Any = object()
"""A content nobody has seen: the message was emptied before anyone read it."""


class Frontier:
    """The largest version known by each moment. Moments come in order."""

    __slots__ = ("_moments", "_versions")

    def __init__(self) -> None:
        self._moments: list[int] = []
        self._versions: list[int] = []

    def reach(self, version: int, at: int) -> None:
        """Somebody learnt at a moment that the timeline has reached a version."""
        if not self._versions or version > self._versions[-1]:
            self._moments.append(at)
            self._versions.append(version)

    def before(self, at: int) -> int:
        """What was known before a moment: whatever starts then has to reach it."""
        place = bisect_left(self._moments, at)
        return self._versions[place - 1] if place else 0


class SessionLog:
    """A session's timeline: every version of it, as far as the end state tells.

    A message changes at most once after its birth, when it is emptied. So the row at the end tells both of its
    versions, and the state of the whole timeline at any version is known.
    """

    def __init__(self, session_id: str, version_id: int, messages: Iterable[Message], *, complete: bool = True) -> None:
        self.session_id = session_id
        self.version_id = version_id
        self.complete = complete
        self.members = members_of(session_id)
        self.messages = sorted(messages, key=lambda message: message.sort_key)
        self.by_id = {message.msg_id: message for message in self.messages}
        self.by_seq = {(message.sender, message.seq_id): message for message in self.messages}
        self.at_version: dict[int, Message] = {}
        for message in self.messages:
            self.at_version.setdefault(message.sort_key, message)
            self.at_version.setdefault(message.version_id, message)
        self._sort_keys = [message.sort_key for message in self.messages]
        self._said: dict[int, Any] = {}

    def remember(self, msg_id: int, content: Any) -> None:
        """What a message said before it was emptied."""
        self._said.setdefault(msg_id, content)

    def said(self, message: Message) -> Any:
        """What a message said when it was born, or `UNKNOWN`."""
        return message.content if message.content is not None else self._said.get(message.msg_id, UNKNOWN)

    def place_before(self, sort_key: int | None) -> int:
        """How many messages lie below a sort key."""
        return len(self.messages) if sort_key is None else bisect_left(self._sort_keys, sort_key)

    def newest_at(self, version_id: int) -> int:
        """The place just above the newest message that was there at a version."""
        return bisect_left(self._sort_keys, version_id + 1)


def version_at(message: Message, version_id: int) -> int:
    """The version a message had when its timeline was at `version_id`; 0 before it was born."""
    if message.version_id <= version_id:
        return message.version_id
    return message.sort_key if message.sort_key <= version_id else 0


def difference(seen: Message, end: Message, said: Any) -> str | None:
    """In which field a row that was shown contradicts the same message at the end; None where it does not."""
    if seen == end:
        return None
    for name in ("msg_id", "session_id", "sender", "seq_id", "ordinal", "sort_key", "sent_at_ms"):
        if getattr(seen, name) != getattr(end, name):
            return name
    if seen.version_id == end.version_id:
        return _first(
            name for name in ("content", "status", "changed_at_ms") if getattr(seen, name) != getattr(end, name)
        )
    if seen.version_id != end.sort_key:
        return "version_id"
    if seen.status != "normal":
        return "status"
    if seen.content is None or (said is not UNKNOWN and seen.content != said):
        return "content"
    return None if seen.changed_at_ms == seen.sent_at_ms else "changed_at_ms"


def _first(names: Iterable[str]) -> str | None:
    return next(iter(names), None)
