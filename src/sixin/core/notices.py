"""Notices: what a commit has to tell. They leave after it, and may be lost, doubled or reordered."""

from msgspec import Struct

from sixin.core.contact import Contact
from sixin.core.ids import Uid
from sixin.core.message import Message


class MessageChanged(Struct, frozen=True, gc=False, tag=True):
    """A session's timeline reached `message.version_id`. For every connection of every member."""

    message: Message
    members: tuple[Uid, ...]
    unseen_by: tuple[Uid, ...] = ()
    """Members who cleared or hid this message: they are told the version, never the message (contract 9)."""


class ContactChanged(Struct, frozen=True, gc=False, tag=True):
    """A user's contact timeline reached `contact.version_id`. For every connection of its owner."""

    contact: Contact


class TokensRevoked(Struct, frozen=True, gc=False, tag=True):
    """Tokens of a user issued before a time (Unix seconds) are not believed any more: his connections by them end."""

    uid: Uid
    tokens_from_s: int


Notice = MessageChanged | ContactChanged | TokensRevoked
