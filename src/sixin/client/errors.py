"""What only a client can be refused. The rest of the tree is `core.errors`."""

from sixin.core import errors


class Offline(errors.SixinError):
    """This needs the server, and there is no connection now."""

    code = "unavailable"


class OutboxFull(errors.SixinError):
    """Too much waits for the server already; nothing was queued."""

    code = "too_large"


class Closed(errors.SixinError):
    """The client was closed. What is in the outbox leaves when it is opened again."""

    code = "unavailable"


class StoreRefused(Exception):
    """The local store cannot be opened; the message says why and what to do."""


class StoreFailed(Exception):
    """The local store could not write. Nothing of the change is there; the client stops rather than go on beside it."""
