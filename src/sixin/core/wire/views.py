"""From rows to what stands on the wire, and back for those who keep a copy."""

from msgspec import Raw

from sixin.core.contact import Contact
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
