"""Sixin (私信): private messages for your product, exactly once and in order."""

from typing import TYPE_CHECKING, Any

from sixin.version import __version__

if TYPE_CHECKING:
    from sixin.client import Client, connect

__all__ = ["Client", "__version__", "connect"]


def __getattr__(name: str) -> Any:
    """`sixin.connect` and `sixin.Client`, fetched when they are first named: a server never loads the client."""
    if name not in ("Client", "connect"):
        raise AttributeError(f"module 'sixin' has no attribute {name!r}")
    from sixin import client

    found = globals()[name] = getattr(client, name)
    return found
