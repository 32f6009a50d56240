"""A message: what one user said, once, for ever."""

from typing import Any, Literal

import msgspec
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

    @property
    def value(self) -> dict[str, Any] | None:
        """What it says, as the JSON object it is; None once recalled or deleted."""
        return msgspec.json.decode(self.content, type=dict[str, Any]) if self.content else None

    @property
    def text(self) -> str | None:
        """The words of a text or a tips line; None for every other type, and once recalled or deleted."""
        value = self.value
        return value["text"] if value is not None and value["type"] in ("text", "tips") else None

    @property
    def reply_to(self) -> MsgId | None:
        """The message it answers; None for one that answers none, and once recalled or deleted."""
        value = self.value
        reply_to = value.get("reply_to") if value is not None else None
        return MsgId(int(reply_to)) if reply_to is not None else None

    def emptied(self, status: Status, *, version_id: int, now_ms: int) -> "Message":
        """The same message in the same place, without what it said."""
        return replace(self, status=status, content=b"", version_id=version_id, changed_at_ms=now_ms)
