"""Reading ahead: a device that comes back goes through its list, so what it asks next stands in the list."""

from collections.abc import Sequence
from itertools import islice
from typing import Final

from sixin.core.ids import SessionId, Uid
from sixin.core.limits import TAIL_ROWS_MAX

AHEAD_SESSIONS_MAX: Final = 128
"""Sessions of one question to the store: beyond this the way there and back is a small part of what each costs."""

AHEAD_ROWS_MAX: Final = 512
"""Versions of all of them together: some milliseconds of the store, and of whoever waits behind them."""

AHEAD_VERSIONS_MIN: Final = 4
"""Versions of each session, also where the one that was asked for lacks fewer."""

LISTED_SESSIONS_MIN: Final = 2
"""A shorter page cannot be gone through. Nor is one remembered for a device that holds nothing: it asks for no
changes."""

AHEAD_GROWTH: Final = 4
"""How much more is read ahead each time it was of use."""

LISTED_SESSIONS_MAX: Final = 100_000
"""Sessions of all lists that are remembered: some 20 MB."""


class _List:
    """Sessions in the order in which a device was told of them, and how far it has gone through them."""

    __slots__ = ("ahead", "cursor", "places", "reached", "sessions")

    def __init__(self) -> None:
        self.cursor = 0
        """The contact version of the last page."""
        self.sessions: list[SessionId] = []
        self.places: dict[SessionId, int] = {}
        self.reached = 0
        """The place behind the last that was read."""
        self.ahead = 1
        """Sessions read at once the last time."""


class Ahead:
    """Which sessions to read together. It only guesses: a wrong guess costs some rows read for nobody.

    The first pull of a session that the cache cannot answer is read alone. Where the next one is near behind it in
    the list, its device is going through the list, and with each question more is read ahead.
    """

    def __init__(self, *, listed_max: int = LISTED_SESSIONS_MAX) -> None:
        """`listed_max`: sessions remembered; the oldest lists are forgotten first."""
        self._listed_max = listed_max
        self._listed = 0
        self._lists: dict[Uid, _List] = {}

    def __len__(self) -> int:
        """Sessions remembered."""
        return self._listed

    def listed(self, uid: Uid, session_ids: Sequence[SessionId], *, after_version: int, version_id: int) -> None:
        """A device of this user was given a page of its contacts."""
        found = self._lists.pop(uid, None)
        if found is None or found.cursor != after_version:
            self._listed -= 0 if found is None else len(found.sessions)
            found = _List()
        found.cursor = version_id
        found.places.update((session_id, place) for place, session_id in enumerate(session_ids, len(found.sessions)))
        found.sessions += session_ids
        self._lists[uid] = found
        self._listed += len(session_ids)
        while self._listed > self._listed_max:
            self._listed -= len(self._lists.pop(next(iter(self._lists))).sessions)

    def sessions(self, uid: Uid, session_id: SessionId, *, versions: int) -> Sequence[SessionId]:
        """The store has to be asked for a session, of which so many versions are wanted: what to ask for with it, the
        session itself first. Empty where it is better read alone."""
        found = self._lists.get(uid)
        place = None if found is None else found.places.get(session_id)
        if found is None or place is None or versions > TAIL_ROWS_MAX:
            return ()
        near = found.reached <= place <= found.reached + found.ahead
        found.ahead = min(found.ahead * AHEAD_GROWTH, AHEAD_SESSIONS_MAX) if near and found.reached else 1
        found.reached = place + 1
        count = min(found.ahead, AHEAD_ROWS_MAX // versions)
        if count <= 1:
            return ()
        found.reached = place + count
        return list(islice(found.sessions, place, place + count))
