"""From rows to what stands on the wire, and back for those who keep a copy."""

from msgspec import Raw

from sixin.core.contact import Contact
from sixin.core.ids import parse_msg_id, parse_session_id, parse_uid
from sixin.core.message import Message
from sixin.core.wire.bodies import ContactView, MessageView

_NULL = Raw(b"null")


def message_view(message: Message) -> MessageView:
    """A message as its readers see it."""
    return MessageView(
        str(message.msg_id),
        message.session_id,
        str(message.sender),
        message.seq_id,
        message.ordinal,
        message.version_id,
        message.sort_key,
        message.status,
        Raw(message.content) if message.content else _NULL,
        message.sent_at_ms,
        message.changed_at_ms,
    )


def contact_view(contact: Contact, last_message: Raw | None = None) -> ContactView:
    """A contact as its owner sees it; with its preview as it is already encoded, if somebody has done that."""
    preview: MessageView | Raw | None = last_message
    if preview is None and contact.last_message is not None:
        preview = message_view(contact.last_message)
    return ContactView(
        contact.session_id,
        str(contact.owner),
        str(contact.peer),
        contact.version_id,
        contact.sort_key,
        str(contact.last_msg_id),
        preview,  # type: ignore[arg-type]  # Raw stands for the same bytes
        str(contact.last_del_msg_id),
        str(contact.last_read_msg_id),
        str(contact.peer_read_msg_id),
        contact.unread,
        contact.pinned,
        contact.muted,
        contact.labels,
        contact.status,
        contact.peer_ack,
        contact.message_version,
        contact.hidden_version,
    )


def message_of(view: MessageView) -> Message:
    """The row of someone who keeps a copy: without the digest, which is the server's. Raises `BadRequest`."""
    return Message(
        parse_msg_id(view.msg_id),
        parse_session_id(view.session_id),
        parse_uid(view.sender),
        view.seq_id,
        view.ordinal,
        view.version_id,
        view.sort_key,
        view.status,
        b"" if view.content == _NULL else bytes(view.content),
        b"",
        view.sent_at_ms,
        view.changed_at_ms,
    )


def contact_of(view: ContactView) -> Contact:
    """The row of someone who keeps a copy: without `last_seq_id`, which is the server's. Raises `BadRequest`."""
    return Contact(
        owner=parse_uid(view.owner),
        session_id=parse_session_id(view.session_id),
        peer=parse_uid(view.peer),
        version_id=view.version_id,
        sort_key=view.sort_key,
        last_msg_id=int(view.last_msg_id),
        last_message=None if view.last_message is None else message_of(view.last_message),
        last_del_msg_id=int(view.last_del_msg_id),
        last_read_msg_id=int(view.last_read_msg_id),
        peer_read_msg_id=int(view.peer_read_msg_id),
        unread=view.unread,
        pinned=view.pinned,
        muted=view.muted,
        labels=view.labels,
        status=view.status,
        peer_ack=view.peer_ack,
        message_version=view.message_version,
        hidden_version=view.hidden_version,
    )
