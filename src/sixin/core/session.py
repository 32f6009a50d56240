"""A session's head and a slot's head: the counters that give a new message its numbers."""

from msgspec import Struct

from sixin.core.ids import SessionId, Slot, Tick


class Session(Struct, frozen=True, gc=False):
    """One conversation: how far its message timeline has come."""

    session_id: SessionId
    version_id: int = 0
    """The newest version of the timeline; 0 before the first message."""
    last_ordinal: int = 0
    """How many messages were ever said."""
    last_msg_id: int = 0
    """The newest message; 0 before the first."""


class SlotHead(Struct, frozen=True, gc=False):
    """The last tick given out in a slot: what makes a `msg_id` unique, whoever's clock says what."""

    slot: Slot
    last_tick: Tick
