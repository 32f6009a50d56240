"""The bodies of every operation and its answer: what both doors carry, and what the API reference is made from.

Ids are strings (they pass 2^53, which JavaScript cannot hold); counts and times are numbers below 2^53.
`Operation` names each one once; the server, the clients and the generated references all read `OPERATIONS`.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from sixin.core.ids import ID_PATTERN, whole
from sixin.core.limits import (
    DELETE_MESSAGES_MAX,
    DEVICE_ID_CHARS_MAX,
    LABEL_CHARS_MAX,
    LABELS_MAX,
    NAME_CHARS_MAX,
    PAGE_CONTACTS_MAX,
    PAGE_MESSAGES_MAX,
    SAFE_INTEGER_MAX,
    TOKEN_CHARS_MAX,
    URL_CHARS_MAX,
)

_ID = whole(ID_PATTERN)

UidText = Annotated[str, Meta(pattern=_ID, max_length=19, description="A user: 1 to 2^63-1 in canonical decimal.")]
MsgIdText = Annotated[str, Meta(pattern=_ID, max_length=19, description="A message: 1 to 2^63-1 in canonical decimal.")]
MsgIdOrZero = Annotated[
    str, Meta(pattern=whole(f"0|{ID_PATTERN}"), max_length=19, description='A message, or "0" for none yet.')
]
SessionIdText = Annotated[
    str,
    Meta(
        pattern=whole(f"{ID_PATTERN}:{ID_PATTERN}|g{ID_PATTERN}"),
        max_length=39,
        description='A session: "smaller:larger" of two uids, or "g<gid>".',
    ),
]
SeqId = Annotated[
    int,
    Meta(ge=1, le=SAFE_INTEGER_MAX, description="The sender's own number for the message: its idempotency key."),
]
Version = Annotated[int, Meta(ge=0, le=SAFE_INTEGER_MAX, description="A version of a timeline; 0 is before the first.")]
SortKey = Annotated[int, Meta(ge=0, le=SAFE_INTEGER_MAX)]
Count = Annotated[int, Meta(ge=0, le=SAFE_INTEGER_MAX)]
TimeMs = Annotated[int, Meta(ge=0, le=SAFE_INTEGER_MAX, description="Unix time in milliseconds.")]
_PRINTABLE = r"^(?![\s\S]*[\x00-\x1f\x7f])"  # not every database can store U+0000, and no list shows the others
LabelText = Annotated[str, Meta(min_length=1, max_length=LABEL_CHARS_MAX, pattern=_PRINTABLE)]
DeviceIdText = Annotated[str, Meta(min_length=1, max_length=DEVICE_ID_CHARS_MAX, pattern=_PRINTABLE)]
MessageLimit = Annotated[int, Meta(ge=1, le=PAGE_MESSAGES_MAX)]
ContactLimit = Annotated[int, Meta(ge=1, le=PAGE_CONTACTS_MAX)]


class MessageView(Struct, frozen=True, gc=False):
    """One message as its readers see it."""

    msg_id: MsgIdText
    session_id: SessionIdText
    sender: UidText
    seq_id: SeqId
    ordinal: Count
    version_id: Version
    sort_key: SortKey
    status: Literal["normal", "deleted", "recalled"]
    content: Annotated[
        Raw, Meta(description="One of the content types; null once the message was recalled or deleted.")
    ]
    sent_at_ms: TimeMs
    changed_at_ms: TimeMs


class ContactView(Struct, frozen=True, gc=False):
    """One contact as its owner sees it."""

    session_id: SessionIdText
    owner: UidText
    peer: UidText
    version_id: Version
    sort_key: SortKey
    last_msg_id: MsgIdOrZero
    last_message: MessageView | None
    last_del_msg_id: MsgIdOrZero
    last_read_msg_id: MsgIdOrZero
    peer_read_msg_id: MsgIdOrZero
    unread: Count
    pinned: bool
    muted: bool
    labels: tuple[str, ...]
    status: Literal["normal", "deleted"]
    peer_ack: bool
    message_version: Version
    hidden_version: Version


# What operations ask.


class HelloBody(Struct, frozen=True):
    """The first frame of a connection. `token` may be left out where the `Authorization` header carried it."""

    token: Annotated[str, Meta(min_length=1, max_length=TOKEN_CHARS_MAX)] | UnsetType = UNSET
    device_id: DeviceIdText | UnsetType = UNSET


class SendBody(Struct, frozen=True):
    """Say something to a user (`to`) or in a session: one of the two."""

    seq_id: SeqId
    content: Raw
    to: UidText | UnsetType = UNSET
    session_id: SessionIdText | UnsetType = UNSET


class SessionBody(Struct, frozen=True):
    """A session, named by its id or, for a pair, by the other user (`to`): one of the two."""

    session_id: SessionIdText | UnsetType = UNSET
    to: UidText | UnsetType = UNSET


class RecallBody(SessionBody, frozen=True, kw_only=True):
    """Take one of your messages back."""

    msg_id: MsgIdText


class DeleteBody(SessionBody, frozen=True, kw_only=True):
    """Delete messages for yourself, or for everybody."""

    msg_ids: Annotated[list[MsgIdText], Meta(min_length=1, max_length=DELETE_MESSAGES_MAX)]
    scope: Literal["me", "all"]


class ClearBody(SessionBody, frozen=True, kw_only=True):
    """Clear the history up to a message, or all of it."""

    up_to_msg_id: MsgIdText | UnsetType = UNSET


class ReadBody(SessionBody, frozen=True, kw_only=True):
    """Say that everything up to a message was read."""

    msg_id: MsgIdText


class PinBody(SessionBody, frozen=True, kw_only=True):
    """Pin a contact, or unpin it."""

    pinned: bool


class MuteBody(SessionBody, frozen=True, kw_only=True):
    """Mute a contact, or unmute it."""

    muted: bool


class LabelBody(SessionBody, frozen=True, kw_only=True):
    """Give a contact these labels in place of those it has; a repeated one counts once."""

    labels: Annotated[list[LabelText], Meta(max_length=LABELS_MAX)]


class PullNewBody(SessionBody, frozen=True, kw_only=True):
    """拉新: what changed in a session after a version."""

    after_version: Version
    limit: MessageLimit | UnsetType = UNSET
    born_up_to: (
        Annotated[
            SortKey,
            Meta(description="Only changes of messages with at most this sort_key: for a device that left a hole."),
        ]
        | UnsetType
    ) = UNSET


class PullOldBody(SessionBody, frozen=True, kw_only=True):
    """拉旧: the page of history below a sort key, or the newest page."""

    before_sort_key: SortKey | UnsetType = UNSET
    limit: MessageLimit | UnsetType = UNSET


class PullContactsBody(Struct, frozen=True):
    """What changed in one's contacts after a version."""

    after_version: Version
    limit: ContactLimit | UnsetType = UNSET


class PullHiddenBody(SessionBody, frozen=True, kw_only=True):
    """Which messages one deleted for oneself after a contact version."""

    after_version: Version


class UnreadBody(Struct, frozen=True):
    """Nothing to say."""


class UserBody(Struct, frozen=True):
    """A user the application registers (`POST /v1/admin/users`)."""

    uid: UidText
    kind: Literal["person", "bot", "system"] = "person"
    name: Annotated[str, Meta(max_length=NAME_CHARS_MAX, pattern=_PRINTABLE)] = ""
    avatar: Annotated[str, Meta(max_length=URL_CHARS_MAX, pattern=_PRINTABLE)] = ""


class RevokeBody(Struct, frozen=True):
    """A user whose tokens are no longer believed (`POST /v1/admin/revoke`)."""

    uid: UidText


class RevokeAnswer(Struct, frozen=True):
    """Tokens of this user issued before `tokens_from_s` (Unix seconds) are refused."""

    uid: UidText
    tokens_from_s: Count


# What operations answer.


class HelloAnswer(Struct, frozen=True):
    """Who the server takes you for, and how far your contact timeline has come."""

    uid: UidText
    device_id: str
    server_time_ms: TimeMs
    contact_version: Version


class MessageAnswer(Struct, frozen=True):
    """The message as it now is."""

    message: MessageView


class ContactAnswer(Struct, frozen=True):
    """The contact as it now is."""

    contact: ContactView


class PullNewAnswer(Struct, frozen=True):
    """Changed messages by version; ask on from `version_id`, at once if there is `more`."""

    messages: list[MessageView]
    version_id: Version
    more: bool


class PullOldAnswer(Struct, frozen=True):
    """A page of messages, oldest first; `version_id` is the session's version the page was read at."""

    messages: list[MessageView]
    version_id: Version
    more: bool


class PullContactsAnswer(Struct, frozen=True):
    """Changed contacts by version; ask on from `version_id`, at once if there is `more`."""

    contacts: list[ContactView]
    version_id: Version
    more: bool
    unread_total: Count


class PullHiddenAnswer(Struct, frozen=True):
    """Hidden messages; ask on from `version_id`, at once if there is `more`."""

    msg_ids: list[MsgIdText]
    version_id: Version
    more: bool


class UnreadAnswer(Struct, frozen=True):
    """The total over the contacts that are neither muted nor deleted."""

    unread_total: Count


class SessionView(Struct, frozen=True):
    """A session's head."""

    session_id: SessionIdText
    version_id: Version
    last_ordinal: Count
    last_msg_id: MsgIdOrZero


class UserView(Struct, frozen=True):
    """A user's head."""

    uid: UidText
    version_id: Version
    unread_total: Count


class InspectedContact(ContactView, frozen=True):
    """A contact as it is stored."""

    last_seq_id: Annotated[int, Meta(ge=0, le=SAFE_INTEGER_MAX, description="The largest seq_id its owner used here.")]


class InspectSessionAnswer(Struct, frozen=True):
    """A session as it is stored: its head, its newest messages by sort_key, every member's contact."""

    session: SessionView
    messages: list[MessageView]
    contacts: list[InspectedContact]


class InspectUserAnswer(Struct, frozen=True):
    """A user as stored: his head, and his newest contacts by version."""

    user: UserView
    contacts: list[InspectedContact]


class Nothing(Struct, frozen=True):
    """It was done; there is nothing to tell."""


class ErrorView(Struct, frozen=True, omit_defaults=True):
    """What refused, as a word for programs and a sentence for people."""

    code: Literal[
        "bad_request",
        "unauthenticated",
        "forbidden",
        "not_found",
        "conflict",
        "too_late",
        "too_large",
        "rate_limited",
        "unavailable",
        "internal",
    ]
    message: str
    retry_after_ms: Count | None = None


class Operation(Struct, frozen=True):
    """A thing a user can do: the same through every door."""

    name: str
    body: type[Any]
    answer: type[Any]

    @property
    def summary(self) -> str:
        """One line for people."""
        return str(self.body.__doc__).splitlines()[0]


OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation("send", SendBody, MessageAnswer),
        Operation("recall", RecallBody, MessageAnswer),
        Operation("delete", DeleteBody, ContactAnswer),
        Operation("clear", ClearBody, ContactAnswer),
        Operation("delete_contact", SessionBody, ContactAnswer),
        Operation("read", ReadBody, ContactAnswer),
        Operation("pin", PinBody, ContactAnswer),
        Operation("mute", MuteBody, ContactAnswer),
        Operation("label", LabelBody, ContactAnswer),
        Operation("pull_new", PullNewBody, PullNewAnswer),
        Operation("pull_old", PullOldBody, PullOldAnswer),
        Operation("pull_contacts", PullContactsBody, PullContactsAnswer),
        Operation("pull_hidden", PullHiddenBody, PullHiddenAnswer),
        Operation("contact", SessionBody, ContactAnswer),
        Operation("unread", UnreadBody, UnreadAnswer),
        Operation("typing", SessionBody, Nothing),
    )
}
