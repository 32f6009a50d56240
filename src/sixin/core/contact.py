"""A contact: one user's line for one session. And the head of a user's contact timeline."""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from sixin.core.ids import MsgId, SessionId, Uid
from sixin.core.limits import PINNED_SORT_KEY_BASE
from sixin.core.message import Message

ContactStatus = Literal["normal", "deleted"]


class Contact(Struct, frozen=True, gc=False):
    """One row of a user's contact timeline. Every method gives the contact as it would be, without a new version."""

    owner: Uid
    session_id: SessionId
    peer: Uid
    version_id: int = 0
    sort_key: int = 0
    last_msg_id: int = 0
    """The newest message of the session."""
    last_message: Message | None = None
    """The newest message its owner may see: the preview. Stored by its id alone, so content is stored once."""
    last_del_msg_id: int = 0
    last_read_msg_id: int = 0
    peer_read_msg_id: int = 0
    unread: int = 0
    pinned: bool = False
    muted: bool = False
    labels: tuple[str, ...] = ()
    status: ContactStatus = "normal"
    peer_ack: bool = False
    """Whether the peer ever said something here."""
    message_version: int = 0
    """The newest version of the session's message timeline."""
    hidden_version: int = 0
    """The contact version at which its owner last deleted a message for himself; 0 if never."""
    last_seq_id: int = 0
    """The largest `seq_id` its owner has used here: a larger one is surely new."""

    @property
    def counted(self) -> int:
        """What this contact adds to its owner's total: nothing while muted or deleted (contract 7)."""
        return 0 if self.muted or self.status == "deleted" else self.unread

    def counts(self, message: Message) -> bool:
        """Whether a message is one of the unread ones, hidden ones aside (contract 7)."""
        return (
            message.sender != self.owner
            and message.status == "normal"
            and message.msg_id > self.last_read_msg_id
            and message.msg_id > self.last_del_msg_id
        )

    def with_message(self, message: Message, version_id: int) -> "Contact":
        """A message arrived or was sent: the contact is back in the list, on top of its kind."""
        by_peer = message.sender != self.owner
        return replace(
            self,
            version_id=version_id,
            sort_key=version_id + PINNED_SORT_KEY_BASE if self.pinned else version_id,
            last_msg_id=message.msg_id,
            last_message=message,
            unread=self.unread + by_peer,
            status="normal",
            peer_ack=self.peer_ack or by_peer,
            message_version=message.version_id,
            last_seq_id=self.last_seq_id if by_peer else max(self.last_seq_id, message.seq_id),
        )

    def with_emptied(self, message: Message, *, unread_less: int) -> "Contact":
        """A message lost its content: so does the preview, and it is no longer unread."""
        before = self.last_message
        return replace(
            self,
            last_message=message if before is not None and before.msg_id == message.msg_id else before,
            unread=self.unread - unread_less,
            message_version=message.version_id,
        )

    def with_read_mark(self, up_to: int, *, unread_less: int) -> "Contact":
        """Reading never goes back: an older device cannot make a newer one unread."""
        if up_to <= self.last_read_msg_id:
            return self
        return replace(self, last_read_msg_id=up_to, unread=self.unread - unread_less)

    def with_peer_read_mark(self, up_to: int) -> "Contact":
        """How far the peer has read."""
        if up_to <= self.peer_read_msg_id:
            return self
        return replace(self, peer_read_msg_id=up_to)

    def with_clear_mark(self, up_to: int, *, unread_less: int) -> "Contact":
        """Clearing never goes back; what lies at or below the mark is gone from the owner's sight for good."""
        if up_to <= self.last_del_msg_id:
            return self
        preview = self.last_message
        return replace(
            self,
            last_del_msg_id=up_to,
            last_message=preview if preview is not None and preview.msg_id > up_to else None,
            unread=self.unread - unread_less,
        )

    def with_pin(self, pinned: bool) -> "Contact":
        """A pin lifts the contact without forgetting its place, so that unpinning puts it back."""
        if pinned == self.pinned:
            return self
        lift = PINNED_SORT_KEY_BASE if pinned else -PINNED_SORT_KEY_BASE
        return replace(self, pinned=pinned, sort_key=self.sort_key + lift)

    def as_deleted(self) -> "Contact":
        """Out of the list until a newer message comes. A row that is not in the list has no pin."""
        if self.status == "deleted":
            return self
        return replace(self.with_pin(False), status="deleted")


class UserHead(Struct, frozen=True, gc=False):
    """How far a user's contact timeline has come, and the total the badge shows."""

    uid: Uid
    version_id: int = 0
    unread_total: int = 0


class Hidden(Struct, frozen=True, gc=False):
    """A message its owner deleted for himself: known to his devices and to nobody else."""

    owner: Uid
    session_id: SessionId
    msg_id: MsgId
    version_id: int
    """The owner's contact version at which it was hidden: his other devices pull by it."""


class Profile(Struct, frozen=True, gc=False):
    """What the application told about a user. Most users have none."""

    uid: Uid
    kind: Literal["person", "bot", "system"] = "person"
    name: str = ""
    avatar: str = ""
    registered: bool = True
    """Whether the application registered the user; false where it only revoked tokens."""
    tokens_from_s: int = 0
    """Tokens issued before this time (Unix seconds) are not believed; 0 where none was ever revoked."""
