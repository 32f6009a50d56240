"""A message: what one user said, once, for ever."""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from sixin.core.ids import MsgId, SessionId, Uid

Status = Literal["normal", "deleted", "recalled"]


class Message(Struct, frozen=True, gc=False):
    """One row of a session's message timeline."""

    msg_id: MsgId
    session_id: SessionId
    sender: Uid
    seq_id: int
    ordinal: int
    version_id: int
    """The version of its last change; moves."""
    sort_key: int
    """The version it was born with; never moves."""
    status: Status
    content: bytes
    """Canonical JSON; empty once recalled or deleted."""
    digest: bytes
    """Of the content as it was sent: it outlives the content, so that a retry is still recognised."""
    sent_at_ms: int
    changed_at_ms: int

    def emptied(self, status: Status, *, version_id: int, now_ms: int) -> "Message":
        """The same message in the same place, without what it said."""
        return replace(self, status=status, content=b"", version_id=version_id, changed_at_ms=now_ms)
