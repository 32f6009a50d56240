"""One person's copy on one device: the Python SDK. Start with `connect`."""

from sixin.client.client import Client, LocalCopy, connect
from sixin.client.clock import Clock
from sixin.client.errors import Closed, Offline, OutboxFull, StoreFailed, StoreRefused
from sixin.client.events import (
    Connected,
    ContactChanged,
    Delivered,
    Disconnected,
    Event,
    MessageArrived,
    MessageChanged,
    MessagesGone,
    Queued,
    Reader,
    Refused,
    Resync,
    SignedOut,
    Typing,
)
from sixin.client.history import Page
from sixin.client.model import Entry
from sixin.client.pending import Pending
from sixin.client.transport import LinkLost

__all__ = [
    "Client",
    "Clock",
    "Closed",
    "Connected",
    "ContactChanged",
    "Delivered",
    "Disconnected",
    "Entry",
    "Event",
    "LinkLost",
    "LocalCopy",
    "MessageArrived",
    "MessageChanged",
    "MessagesGone",
    "Offline",
    "OutboxFull",
    "Page",
    "Pending",
    "Queued",
    "Reader",
    "Refused",
    "Resync",
    "SignedOut",
    "StoreFailed",
    "StoreRefused",
    "Typing",
    "connect",
]
