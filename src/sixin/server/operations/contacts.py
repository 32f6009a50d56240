"""Contacts: what a user does with his own line for a session, seen by nobody else but for the read mark."""

from msgspec import UNSET

from sixin.core import commands
from sixin.core.ids import parse_msg_id
from sixin.core.wire.bodies import ClearBody, LabelBody, MuteBody, PinBody, ReadBody, SessionBody
from sixin.server.operations.actor import Actor, session_named


def clear(actor: Actor, body: ClearBody) -> commands.Clear:
    """Clear the history, up to a message or all of it."""
    up_to = None if body.up_to_msg_id is UNSET else parse_msg_id(body.up_to_msg_id)
    return commands.Clear(actor.uid, session_named(actor, body), up_to)


def delete_contact(actor: Actor, body: SessionBody) -> commands.DeleteContact:
    """Clear, and leave the list until something newer is said."""
    return commands.DeleteContact(actor.uid, session_named(actor, body))


def read(actor: Actor, body: ReadBody) -> commands.Read:
    """Read up to a message. The peer is told."""
    return commands.Read(actor.uid, session_named(actor, body), parse_msg_id(body.msg_id))


def pin(actor: Actor, body: PinBody) -> commands.Pin:
    """Pin or unpin."""
    return commands.Pin(actor.uid, session_named(actor, body), body.pinned)


def mute(actor: Actor, body: MuteBody) -> commands.Mute:
    """Mute or unmute."""
    return commands.Mute(actor.uid, session_named(actor, body), body.muted)


def label(actor: Actor, body: LabelBody) -> commands.Label:
    """Label; in the order given, each once."""
    return commands.Label(actor.uid, session_named(actor, body), tuple(dict.fromkeys(body.labels)))
