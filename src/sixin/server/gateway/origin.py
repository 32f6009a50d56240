"""Which web origins may connect. Browsers name theirs and cannot lie; other programs name none and are let in."""

from collections.abc import Sequence
from urllib.parse import urlsplit


class Origins:
    """The server's own origin, and those an operator allowed."""

    def __init__(self, allowed: Sequence[str]) -> None:
        """`allowed`: origins as browsers send them (`https://app.example`), or `*` for every one."""
        self._allowed = frozenset(origin.rstrip("/").lower() for origin in allowed)

    def allows(self, origin: str | None, host: str | None) -> bool:
        """Whether a page of this origin may speak with the server that was asked for as `host`."""
        if origin is None or "*" in self._allowed or origin.lower() in self._allowed:
            return True
        try:
            return host is not None and urlsplit(origin).netloc.lower() == host.lower()
        except ValueError:  # "http://[" and the like
            return False
