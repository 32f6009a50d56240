"""What one listener grants its clients: sizes in bytes, times in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ListenerLimits:
    """The bounds of everything a client can make the listener hold or wait for."""

    max_message_bytes: int = 65_536
    """One message, and so each of its frames. A `send` holds 16 KiB of content; the rest is room for batches."""

    handshake_timeout_s: float = 10.0
    """From the accepted connection to the end of its first request's head; with TLS once more for TLS itself."""

    ping_interval_s: float = 25.0
    """Between two pings. Below the 30 s after which the meanest mobile NATs forget a connection."""

    ping_timeout_s: float = 20.0
    """From a ping to the first byte of any answer; at most `ping_interval_s`."""

    write_buffer_max_bytes: int = 4 * 1024 * 1024
    """Written but not taken by the kernel. Beyond it the connection is aborted; a handler should close much earlier."""

    close_timeout_s: float = 5.0
    """From our Close frame to the end of the TCP connection."""

    http_body_max_bytes: int = 1024 * 1024
    """What `request.read()`, `.text()`, `.json()` and `.post()` accept; a handler that streams counts by itself."""

    http_header_max_bytes: int = 16_384
    """The head of a connection's first request. Later ones: every line at most half of it, at most 128 lines."""

    http_keepalive_s: float = 75.0
    """A kept-alive HTTP connection may be silent, or dribble one head, this long."""

    connections_max: int = 100_000
    """Open TCP connections of all kinds. One more is told 503 and closed."""

    def __post_init__(self) -> None:
        if not 0 < self.ping_timeout_s <= self.ping_interval_s:
            raise ValueError("ping_timeout_s must be positive and at most ping_interval_s")
