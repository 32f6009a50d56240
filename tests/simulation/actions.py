"""What can happen in a run, one thing at a time."""

from typing import Literal, NamedTuple

from msgspec import Struct

Kind = Literal[
    "do", "connect", "drop", "sleep", "glance", "reboot", "year", "revoke",
    "crash", "crash_soon", "stop", "clock", "outage", "register",
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
    """How many devices there are: the raw ones come first."""

    raw: int
    phones: int
