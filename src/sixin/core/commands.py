"""Commands: what may change a timeline. Each is decided by one pure function (`decide.py`).

Who acts (`actor`) was taken from the token. That the actor is a member of the session was checked at the door; that
what he names exists, and that he may, is for `decide` to see.
"""

from msgspec import Struct

from sixin.core.contact import Profile
from sixin.core.ids import MsgId, SessionId, Uid
from sixin.core.limits import RECALL_WINDOW_MS


class Send(Struct, frozen=True, gc=False):
    """Say something. `(session_id, actor, seq_id)` is the idempotency key."""

    actor: Uid
    session_id: SessionId
    seq_id: int
    content: bytes
    digest: bytes


class Recall(Struct, frozen=True, gc=False):
    """Take a message back."""

    actor: Uid
    session_id: SessionId
    msg_id: MsgId


class DeleteForMe(Struct, frozen=True, gc=False):
    """Hide messages from oneself, on all of one's devices and nowhere else. One named twice counts once."""

    actor: Uid
    session_id: SessionId
    msg_ids: tuple[MsgId, ...]


class DeleteForAll(Struct, frozen=True, gc=False):
    """Take messages away from everybody; for their sender, or a moderator. One named twice counts once."""

    actor: Uid
    session_id: SessionId
    msg_ids: tuple[MsgId, ...]
    moderator: bool = False


class Clear(Struct, frozen=True, gc=False):
    """Move the clear watermark to a message, or to the newest."""

    actor: Uid
    session_id: SessionId
    up_to_msg_id: MsgId | None = None


class DeleteContact(Struct, frozen=True, gc=False):
    """Clear, and leave the list until something newer is said."""

    actor: Uid
    session_id: SessionId


class Read(Struct, frozen=True, gc=False):
    """Move the read mark to a message."""

    actor: Uid
    session_id: SessionId
    msg_id: MsgId


class Pin(Struct, frozen=True, gc=False):
    """Keep a contact above all unpinned ones, or not."""

    actor: Uid
    session_id: SessionId
    pinned: bool


class Mute(Struct, frozen=True, gc=False):
    """Leave a contact out of the total, or not."""

    actor: Uid
    session_id: SessionId
    muted: bool


class Label(Struct, frozen=True, gc=False):
    """Put these labels, each named once, on a contact, and no others."""

    actor: Uid
    session_id: SessionId
    labels: tuple[str, ...]


class PutProfile(Struct, frozen=True, gc=False):
    """Register a user, or change what is known about one. For the application's server alone."""

    profile: Profile

    @property
    def uid(self) -> Uid:
        """Whose profile it is."""
        return self.profile.uid


class RevokeTokens(Struct, frozen=True, gc=False):
    """Believe no token of a user that was issued before a time. For the application's server alone."""

    uid: Uid
    tokens_from_s: int
    """Unix seconds."""


OfUser = PutProfile | RevokeTokens
"""The commands that are about a user alone, and no session."""

Command = Send | Recall | DeleteForMe | DeleteForAll | Clear | DeleteContact | Read | Pin | Mute | Label | OfUser


class Policy(Struct, frozen=True):
    """What an operator may set of the rules."""

    recall_window_ms: int = RECALL_WINDOW_MS
    registered_only: bool = False
    """`users = "registered"`: only users with a profile may write or be written to."""
