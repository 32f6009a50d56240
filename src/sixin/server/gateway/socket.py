"""One WebSocket connection: carries between a transport and the handler above, and knows how a connection ends."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol, cast

from sixin.server.gateway import framing
from sixin.server.gateway.deadlines import Deadlines
from sixin.server.gateway.handshake import UpgradeRequest
from sixin.server.gateway.limits import ListenerLimits

log = logging.getLogger(__name__)

HANDLER_FAILED = "a handler failed; its connection ends"


class SocketHandler(Protocol):
    """What the gateway does with one connection. Called on the loop's thread, never from inside a call to `Socket`.

    An exception ends the connection with 1011 and goes to the log.
    """

    def opened(self, socket: "Socket") -> None:
        """The handshake is done: `socket` may be written to. The first call."""

    def received(self, payload: bytes) -> None:
        """One whole text message: valid UTF-8, at most `max_message_bytes`.

        After `pause_reading()` those that came with the same read (at most 256 KiB) still arrive; after `close()`
        or `abort()` none does.
        """

    def writable(self) -> None:
        """The write buffer, once over the transport's high water, has drained below its low water."""

    def closed(self, code: int, reason: str) -> None:
        """It is over; the last call, made exactly once for every `opened`.

        `code` is the one in the Close frame of the side that closed first: 1005 if the peer gave none, 1006 if the
        connection went without one, 1008 if the write buffer passed its limit, 1011 if no pong came.
        """


# How far a connection has come; only ever downwards. Plain numbers: an enum's members cost four times as much to look
# up, on a path that looks four times per message.
OPEN: Final = 0
CLOSING: Final = 1
"""Our Close is sent, the peer's is awaited."""
DRAINING: Final = 2
"""Nothing is said any more; what still comes is thrown away until TCP ends."""
LOST: Final = 3


class Socket(asyncio.Protocol):
    """An accepted WebSocket connection.

    A handler uses the attributes and the methods up to `resume_reading`; the ones below are called by the transport.
    """

    __slots__ = (
        "_close_code",
        "_close_reason",
        "_deadlines",
        "_forget",
        "_handler",
        "_heard",
        "_limits",
        "_paused",
        "_pinged",
        "_reader",
        "_state",
        "_transport",
        "authorization",
        "due_tick",
        "origin",
        "remote",
        "subprotocol",
    )

    def __init__(
        self,
        request: UpgradeRequest,
        handler: SocketHandler,
        *,
        limits: ListenerLimits,
        deadlines: Deadlines,
        forget: Callable[["Socket"], None],
    ) -> None:
        self.subprotocol = request.subprotocol
        self.remote = request.remote
        # Only what a handler asks for: the other headers would be kept for the life of the connection.
        self.authorization: str | None = request.authorization
        self.origin: str | None = request.origin
        self.due_tick = 0
        self._handler: SocketHandler | None = handler
        self._limits = limits
        self._deadlines = deadlines
        self._forget = forget
        self._reader = framing.FrameReader(limits.max_message_bytes)
        self._transport: asyncio.Transport
        self._state: int = OPEN
        self._close_code = framing.ABNORMAL
        self._close_reason = ""
        self._pinged = False
        self._heard = False
        self._paused = False

    def write(self, payloads: Sequence[bytes]) -> None:
        """Send each payload as one text message, all in one write of the transport.

        Does nothing when the connection is closing or gone. Aborts it (1008) when more than `write_buffer_max_bytes`
        wait: so one write must stay well below that.
        """
        if self._state == OPEN and payloads:
            self._send(framing.text_frames(payloads))

    def write_framed(self, frames: Sequence[bytes]) -> None:
        """The same for what `framing.text_frame` has framed already: what goes to many is framed once."""
        if self._state == OPEN and frames:
            self._send(frames[0] if len(frames) == 1 else b"".join(frames))

    def write_buffered_bytes(self) -> int:
        """Bytes written and not yet taken by the kernel; 0 when the connection is gone."""
        return 0 if self._state == LOST else self._transport.get_write_buffer_size()

    def close(self, code: int, reason: str = "") -> None:
        """Start the close handshake; after `close_timeout_s` without the peer's part, abort.

        `reason` is cut to 123 bytes. A second call does nothing. Raises ValueError for a code that may not be sent.
        """
        if not framing.may_be_sent_in_close(code):
            raise ValueError(f"{code} may not be sent in a Close frame")
        if self._state != OPEN:
            return

        self._note_end(code, reason)
        self._state = CLOSING
        self._transport.write(framing.close_frame(code, reason))
        # The peer's Close has to be read.
        self.resume_reading()
        self._deadlines.set(self, self._limits.close_timeout_s)

    def abort(self) -> None:
        """End the connection at once; what is not sent yet is lost. `closed` follows soon."""
        if self._state == LOST:
            return
        self._state = DRAINING
        self._transport.abort()

    def pause_reading(self) -> None:
        """Read nothing more: the kernel's buffers fill and the peer has to wait. Pongs are not waited for meanwhile."""
        if self._state == OPEN and not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self._paused:
            self._paused = False
            # A transport that is closing cannot be resumed, and need not be.
            if not self._transport.is_closing():
                self._heard = True
                self._transport.resume_reading()

    # From here on: called by the listener, the transport and the deadlines.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._deadlines.set(self, self._limits.ping_interval_s)
        if self._handler is None:
            return
        try:
            self._handler.opened(self)
        except Exception:
            log.exception(HANDLER_FAILED)
            self._fail(framing.INTERNAL, "internal error")

    def data_received(self, data: bytes) -> None:
        self._heard = True
        if self._state == DRAINING:
            return
        for event in self._reader.feed(data):
            if type(event) is bytes:
                self._deliver(event)
            elif isinstance(event, framing.Ping):
                self._answer_ping(event)
            elif isinstance(event, framing.PeerClose):
                self._answer_close(event)
            elif isinstance(event, framing.Broken):
                self._fail(event.code, event.reason)

    def eof_received(self) -> None:
        # None: the transport closes itself. A WebSocket is never half open.
        return

    def pause_writing(self) -> None:
        # The buffer may grow up to the limit; `write` looks.
        return

    def resume_writing(self) -> None:
        if self._state != OPEN or self._handler is None:
            return
        try:
            self._handler.writable()
        except Exception:
            log.exception(HANDLER_FAILED)
            self._fail(framing.INTERNAL, "internal error")

    def connection_lost(self, exc: Exception | None) -> None:
        self._state = LOST
        self._deadlines.cancel(self)
        self._forget(self)
        self._tell_closed()

    def overdue(self) -> None:
        """A ping is due, a pong has not come, or the end takes too long."""
        if self._state != OPEN:
            self.abort()
            return
        if not self._pinged:
            self._pinged, self._heard = True, False
            self._send(framing.control_frame(framing.PING, b""))
            # An abort for a full buffer is the last thing a connection waits for.
            if self._state == OPEN:
                self._deadlines.set(self, self._limits.ping_timeout_s)
            return
        # Any byte shows that the peer lives: behind a long message its pong may take a while.
        if not self._heard and not self._paused:
            self._fail(framing.INTERNAL, "no pong came in time")
            return
        self._pinged = False
        self._deadlines.set(self, self._limits.ping_interval_s - self._limits.ping_timeout_s)

    def _send(self, frames: bytes) -> None:
        self._transport.write(frames)
        if self._transport.get_write_buffer_size() > self._limits.write_buffer_max_bytes:
            self._note_end(framing.POLICY, "the peer reads too slowly")
            # A Close frame would wait behind everything the peer does not read.
            self.abort()

    def _deliver(self, payload: bytes) -> None:
        if self._state != OPEN or self._handler is None:
            return
        try:
            self._handler.received(payload)
        except Exception:
            log.exception(HANDLER_FAILED)
            self._fail(framing.INTERNAL, "internal error")

    def _answer_ping(self, ping: framing.Ping) -> None:
        if self._state == OPEN:
            self._send(framing.control_frame(framing.PONG, ping.payload))

    def _answer_close(self, close: framing.PeerClose) -> None:
        if self._state == DRAINING:
            return
        if self._state == OPEN:
            self._note_end(close.code, close.reason)
            self._transport.write(framing.close_frame(close.code, ""))
        self._state = DRAINING
        self._transport.close()
        # A peer that does not read its rest must not keep the connection.
        self._deadlines.set(self, self._limits.close_timeout_s)
        self._tell_closed()

    def _fail(self, code: int, reason: str) -> None:
        """Fail the connection (RFC 6455 section 7.1.7): say why, then only wait for TCP to end."""
        if self._state == DRAINING:
            return
        if self._state == OPEN:
            self._note_end(code, reason)
            self._transport.write(framing.close_frame(code, reason))
        self._state = DRAINING
        end_writing(self._transport)
        self.resume_reading()
        self._deadlines.set(self, self._limits.close_timeout_s)
        self._tell_closed()

    def _note_end(self, code: int, reason: str) -> None:
        self._close_code, self._close_reason = code, reason

    def _tell_closed(self) -> None:
        handler, self._handler = self._handler, None
        if handler is None:
            return
        try:
            handler.closed(self._close_code, self._close_reason)
        except Exception:
            log.exception("a handler failed while it was told of the end")


def end_writing(transport: asyncio.Transport) -> None:
    """Say the last word so that it arrives.

    Closing with unread input in the kernel would reset the connection and destroy what was written last, so plain TCP
    is only half closed and the caller goes on reading and throwing away. TLS cannot be half closed.
    """
    if transport.is_closing():
        return
    if transport.can_write_eof():
        transport.write_eof()
    else:
        transport.close()
