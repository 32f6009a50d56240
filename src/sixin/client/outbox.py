"""The outbox: what waits for the server, in order, until it is answered. Pure: no link, no store, no clock.

Entries of one session leave one at a time, each after the one before was answered: so a session's order holds whatever
the link does, and an entry that the server refused for good does not hold up the others. Which operations may wait
here, and why those and no others, stands in docs/decisions/offline-operations.md.
"""

from collections.abc import Iterable
from enum import Enum, auto
from random import Random

from sixin.client.model import Entry
from sixin.core import errors
from sixin.core.ids import SessionId
from sixin.core.limits import ENTRIES_IN_FLIGHT_MAX, INTERNAL_RETRIES_MAX, RECONNECT_FIRST_S, RECONNECT_MAX_S
from sixin.core.message import Message

_LATER = (errors.Unavailable, errors.RateLimited, errors.Internal)
"""Refusals that say nothing about the entry itself."""

_REPLACES = ("pin", "mute", "label")
"""Operations that say how something is to be, so that a later one makes an earlier one that has not left pointless."""


class Verdict(Enum):
    """What a refusal means for an entry."""

    RETRY = auto()
    """The same again, after a while."""
    RENUMBER = auto()
    """Again under another `seq_id`: this one was another device's."""
    REFUSED = auto()
    """Never: it stays, marked, until its user retries or discards it."""


class Outbox:
    """The entries of one user on one device."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries: dict[int, Entry] = {}
        self._lanes: dict[SessionId, dict[int, Entry]] = {}
        """Of each session, what still waits, in order."""
        self._seqs: dict[tuple[SessionId, int], int] = {}
        self._sent: dict[int, None] = {}
        self._resting: dict[int, None] = {}
        self._tries: dict[int, int] = {}
        self._next_number = 1
        for entry in entries:
            self.put(entry)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def entries(self) -> list[Entry]:
        """All of them, in order."""
        return list(self._entries.values())

    @property
    def idle(self) -> bool:
        """Whether nothing waits; what was refused for good does not."""
        return not self._lanes

    def get(self, number: int) -> Entry | None:
        """One entry."""
        return self._entries.get(number)

    def next_number(self) -> int:
        """A number above every one this outbox ever held since it was opened."""
        return self._next_number

    def put(self, entry: Entry) -> None:
        """Add an entry, or follow its change. After the store has it."""
        before = self._entries.get(entry.number)
        if before is not None:
            self._seqs.pop((before.session_id, before.seq_id), None)
        self._entries[entry.number] = entry
        self._next_number = max(self._next_number, entry.number + 1)
        if entry.kind == "send":
            self._seqs[entry.session_id, entry.seq_id] = entry.number
        if entry.refused:
            self._leave_lane(entry)
        else:
            self._lanes.setdefault(entry.session_id, {})[entry.number] = entry

    def remove(self, number: int) -> Entry | None:
        """Take an entry out. After the store has."""
        for known in (self._sent, self._resting, self._tries):
            known.pop(number, None)
        entry = self._entries.pop(number, None)
        if entry is not None:
            self._seqs.pop((entry.session_id, entry.seq_id), None)
            self._leave_lane(entry)
        return entry

    def _leave_lane(self, entry: Entry) -> None:
        lane = self._lanes.get(entry.session_id, {})
        lane.pop(entry.number, None)
        if not lane:
            self._lanes.pop(entry.session_id, None)

    def replaced_by(self, entry: Entry) -> Entry | None:
        """The entry that becomes pointless with this one: the last of its session, of its kind, and not on its way."""
        lane = self._lanes.get(entry.session_id)
        if entry.kind not in _REPLACES or lane is None:
            return None
        last = next(reversed(lane.values()))
        return last if last.kind == entry.kind and last.number not in self._sent else None

    # The way to the server.

    def ready(self) -> list[Entry]:
        """What may leave now: the first of each session, where none of that session is under way or resting."""
        ready: list[Entry] = []
        room = ENTRIES_IN_FLIGHT_MAX - len(self._sent)
        for lane in self._lanes.values():
            if len(ready) >= room:
                break
            first = next(iter(lane.values()))
            if first.number not in self._sent and first.number not in self._resting:
                ready.append(first)
        return ready

    def sent(self, number: int) -> None:
        """It has left; an answer will come, or the connection ends."""
        self._sent[number] = None

    def link_lost(self) -> None:
        """What was under way may have arrived or not: the same again, with the same `seq_id`, finds out."""
        self._sent.clear()
        self._resting.clear()

    def rested(self, number: int) -> None:
        """The pause after a refusal is over."""
        self._resting.pop(number, None)

    def refused(self, number: int, error: errors.SixinError) -> Verdict:
        """The server refused an entry that was under way."""
        self._sent.pop(number, None)
        entry = self._entries[number]
        if isinstance(error, errors.Conflict) and entry.kind == "send":
            # Content is never changed under a seq_id here, so this number was taken by another device of the user.
            # The conflict proves that nothing of ours is stored under it: a new number cannot make it twice.
            return Verdict.RENUMBER
        if not isinstance(error, _LATER):
            return Verdict.REFUSED
        self._tries[number] = self._tries.get(number, 0) + 1
        if isinstance(error, errors.Internal) and self._tries[number] > INTERNAL_RETRIES_MAX:
            return Verdict.REFUSED
        self._resting[number] = None
        return Verdict.RETRY

    def pause_s(self, number: int, error: errors.SixinError, chance: Random) -> float:
        """How long an entry rests before it is sent again."""
        return pause_s(error, self._tries.get(number, 1) - 1, chance)

    def acknowledged_by(self, message: Message, uid: int) -> Entry | None:
        """The entry that a message of the timeline is: its notice, or a pull, may come before its own answer."""
        number = self._seqs.get((message.session_id, message.seq_id)) if message.sender == uid else None
        if number is None:
            return None
        # Another content would be another device's, under the same number by accident.
        return self._entries[number] if self._entries[number].body == message.content else None


def pause_s(error: errors.SixinError, tries: int, chance: Random) -> float:
    """How long to wait before what was refused is asked again: what the server says, else `backoff_s`."""
    if isinstance(error, errors.RateLimited):
        return error.retry_after_ms / 1_000 * (1 + chance.random())
    return backoff_s(tries, chance)


def backoff_s(tries: int, chance: Random) -> float:
    """A pause before try number `tries`, counted from 0: a random part of 0.5 s, doubled each time, up to 30 s."""
    return chance.uniform(0, min(RECONNECT_MAX_S, RECONNECT_FIRST_S * 2 ** min(tries, 16)))
