"""What can happen in a run, one thing at a time."""

from typing import Literal, NamedTuple

from msgspec import Struct

Kind = Literal[
    "do", "connect", "drop", "sleep", "glance", "reboot", "year", "revoke",
    "crash", "crash_soon", "stop", "clock", "outage", "register", "knock", "browse",
    "slow", "step", "twice",
]  # fmt: skip


class Action(Struct, frozen=True):
    """One thing that happens at a time, in virtual seconds."""

    at_s: float
    kind: Kind
    who: int
    """Which device, or which node."""
    op: str = ""
    luck: int = 0
    """Seeds every choice that is left."""
    amount: float = 0.0


class Crowd(NamedTuple):
    """How many devices there are: the raw ones come first, those of the first user before the others'."""

    raw: int
    phones: int
    users: int = 1

    def of_the_first(self) -> list[int]:
        """The devices of the first user."""
        raw, phones = range(self.raw // self.users), range(self.phones // self.users)
        return [*raw, *(self.raw + phone for phone in phones)]
