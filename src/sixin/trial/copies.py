"""What a device that runs the SDK holds, as the checker reads it."""

from collections.abc import Iterable

from msgspec import Raw

from sixin.client.client import LocalCopy
from sixin.client.model import Entry
from sixin.core.wire.codec import encode
from sixin.core.wire.views import contact_view, message_view
from sixin.verify.history import DeviceCopy, HeldMessages


def device_copy(copy: LocalCopy, outbox: Iterable[Entry], device: str) -> DeviceCopy:
    """A copy and what waits beside it."""
    entries = list(outbox)
    held = [
        HeldMessages(
            session_id,
            max(version for _, _, version in ranges),
            [Raw(encode(message_view(message))) for message in copy.messages[session_id]],
            [(low, high) for low, high, _ in ranges],
        )
        for session_id, ranges in copy.ranges.items()
    ]
    return DeviceCopy(
        str(copy.uid),
        device,
        copy.contact_version,
        copy.unread_total,
        [Raw(encode(contact_view(contact))) for contact in copy.contacts.values()],
        held,
        unsent=[(entry.session_id, entry.seq_id) for entry in entries if not entry.refused],
        refused=[(entry.session_id, Raw(entry.body)) for entry in entries if entry.refused and entry.kind == "send"],
    )
