"""Rows as JSON, each encoded once however many connections are told."""

import asyncio

from msgspec import Raw

from sixin.core.contact import Contact
from sixin.core.limits import NOTICE_BYTES_MAX
from sixin.core.message import Message
from sixin.core.notices import MessageChanged
from sixin.core.timeline import ContactPage, MessagePage
from sixin.core.wire.codec import encode
from sixin.core.wire.views import contact_view, message_view


class Encoded:
    """Encodings of the rows of the present batch; forgotten at the end of this turn of the loop, when all that it
    tells has been encoded."""

    def __init__(self) -> None:
        self._messages: dict[tuple[int, int], bytes] = {}
        self._contacts: dict[tuple[int, int], bytes] = {}

    def __len__(self) -> int:
        """Encodings remembered."""
        return len(self._messages) + len(self._contacts)

    def _forget_soon(self) -> None:
        if not self._messages and not self._contacts:
            asyncio.get_running_loop().call_soon(self._forget)

    def _forget(self) -> None:
        self._messages.clear()
        self._contacts.clear()

    def message(self, message: Message) -> bytes:
        """A message as JSON."""
        key = (message.msg_id, message.version_id)
        found = self._messages.get(key)
        if found is None:
            self._forget_soon()
            found = self._messages[key] = encode(message_view(message))
        return found

    def contact(self, contact: Contact) -> bytes:
        """A contact as JSON, its preview not encoded again."""
        key = (contact.owner, contact.version_id)
        found = self._contacts.get(key)
        if found is None:
            preview = contact.last_message
            raw = None if preview is None else Raw(self.message(preview))
            self._forget_soon()
            found = self._contacts[key] = encode(contact_view(contact, raw))
        return found

    def message_notice(self, notice: MessageChanged, *, seen: bool) -> bytes:
        """A message notice; without the message where it is large, or not for this member's eyes."""
        message = notice.message
        head = b'{"notice":"message","session_id":"%b","version_id":%d' % (
            message.session_id.encode("ascii"),
            message.version_id,
        )
        if not seen or len(message.content) > NOTICE_BYTES_MAX:
            return head + b"}"
        return b'%b,"message":%b}' % (head, self.message(message))

    def contact_notice(self, contact: Contact) -> bytes:
        """A contact notice; without the contact where its preview is large."""
        preview = contact.last_message
        if preview is not None and len(preview.content) > NOTICE_BYTES_MAX:
            return b'{"notice":"contact","version_id":%d}' % contact.version_id
        return b'{"notice":"contact","version_id":%d,"contact":%b}' % (contact.version_id, self.contact(contact))

    def message_page(self, page: MessagePage) -> bytes:
        """The answer of a pull of messages."""
        return b'{"messages":%b,"version_id":%d,"more":%b}' % (
            encode([message_view(message) for message in page.messages]),
            page.version_id,
            _BOOL[page.more],
        )

    def contact_page(self, page: ContactPage) -> bytes:
        """The answer of a pull of contacts."""
        return b'{"contacts":%b,"version_id":%d,"more":%b,"unread_total":%d}' % (
            encode([contact_view(contact) for contact in page.contacts]),
            page.version_id,
            _BOOL[page.more],
            page.unread_total,
        )


_BOOL = {True: b"true", False: b"false"}
