"""Commands beside the queue: somebody else holds the rows they name, and those behind them need not wait for it.

A node that was stopped in the middle of a batch holds its rows until PostgreSQL ends its session, and an operator holds
what he changes until he commits. A batch that needs one of these rows is not written at all: so those of its commands
that name one wait here, and the rest goes on. Whatever comes for the same rows or session waits behind them, in order.
"""

from collections.abc import Callable, Iterable

from msgspec import Struct
from msgspec.structs import replace

from sixin.core import errors
from sixin.core.commands import Command, Policy
from sixin.core.decide import Decision
from sixin.core.ids import SessionId
from sixin.core.limits import ASIDE_MAX_S, ASIDE_RETRY_S
from sixin.core.rows import Keys, add_keys, session_of

Outcome = Decision | errors.SixinError
Done = Callable[[Outcome], None]


class Waiting(Struct, frozen=True):
    """A command and who waits for what comes of it."""

    command: Command
    done: Done
    held_since_s: float | None = None
    """When it was first kept from being written by somebody who held its rows."""


class Aside:
    """Those who wait, in the order in which they came. Times are the loop's."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._waiting: list[Waiting] = []
        self._sessions: set[SessionId | None] = set()
        self._look_at_s = 0.0
        self.held = Keys()
        """Slots, sessions and users that somebody else held when it was last looked."""

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def due_in_s(self, now_s: float) -> float:
        """When to look again whether the rows were let go; at most 0 where it is time."""
        return self._look_at_s - now_s

    def part(self, batch: Iterable[Waiting], held: Keys, now_s: float) -> tuple[list[Waiting], list[Waiting]]:
        """Take those of a batch that need what is held; gives back the others, and those who have waited too long."""
        if not self._waiting:
            self.held = Keys()
        self.held.slots |= held.slots
        self.held.sessions |= held.sessions
        self.held.users |= held.users
        self._look_at_s = now_s + ASIDE_RETRY_S
        free, late = [], []
        for waiting in batch:
            since_s = now_s if waiting.held_since_s is None else waiting.held_since_s
            if now_s - since_s > ASIDE_MAX_S:
                late.append(waiting)
            elif self.needs_held(waiting.command):
                self.add(waiting, now_s)
            else:
                # Also these were kept from being written; and where nothing was seen to be held, all of them are here.
                free.append(replace(waiting, held_since_s=since_s))
        return free, late

    def needs_held(self, command: Command) -> bool:
        """Whether a command has to wait here."""
        if session_of(command) in self._sessions:
            return True
        keys = Keys()
        add_keys(keys, command, self._policy)
        held = self.held
        return bool(keys.users & held.users or keys.slots & held.slots or keys.sessions & held.sessions)

    def add(self, waiting: Waiting, now_s: float) -> None:
        """One more."""
        if waiting.held_since_s is None:
            waiting = replace(waiting, held_since_s=now_s)
        self._waiting.append(waiting)
        session_id = session_of(waiting.command)
        if session_id is not None:
            self._sessions.add(session_id)

    def look(self, still_held: Keys, now_s: float) -> tuple[list[Waiting], list[Waiting]]:
        """Those who can go on, and those who have waited too long, now that only so much is held."""
        everybody = self.clear()
        return self.part(everybody, still_held, now_s)

    def clear(self) -> list[Waiting]:
        """Everybody; nothing is held any more."""
        everybody, self._waiting = self._waiting, []
        self._sessions.clear()
        self.held = Keys()
        return everybody
