"""RFC 6455 frames without I/O: bytes of a client in, messages and control events out; and the frames a server sends.

The rules are the RFC's, sections 5 and 7.4, for the server's side and without extensions. What breaks one ends the
stream with `Broken`, which carries the close code; nothing after it is read.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

FIN: Final = 0x80
WHOLE_TEXT: Final = FIN | TEXT
"""How nearly every frame of a client starts: one text message in one frame."""
RESERVED: Final = 0x70
MASKED: Final = 0x80
CONTROL: Final = 0x08

CONTROL_PAYLOAD_MAX: Final = 125
"""Bytes. RFC 6455 section 5.5: so that a control frame never needs an extended length."""

CLOSE_REASON_MAX: Final = CONTROL_PAYLOAD_MAX - 2

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
UNSUPPORTED_DATA: Final = 1003
NO_CODE: Final = 1005
"""Stands for a Close frame without a code. Never on the wire."""
ABNORMAL: Final = 1006
"""Stands for a connection that went without a Close frame. Never on the wire."""
INVALID_TEXT: Final = 1007
POLICY: Final = 1008
TOO_BIG: Final = 1009
INTERNAL: Final = 1011


@dataclass(frozen=True, slots=True)
class Ping:
    """The peer asks whether we are there; the pong carries the same payload."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """The peer is there."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class PeerClose:
    """The peer's Close frame; `code` is `NO_CODE` when it carried none. The last event of a stream."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The peer broke a rule: the connection must be failed with this code. The last event of a stream."""

    code: int
    reason: str


NOT_SHORTEST: Final = Broken(PROTOCOL_ERROR, "the length is not in its shortest form")

Event = bytes | Ping | Pong | PeerClose | Broken
"""`bytes` is one whole text message, valid UTF-8."""


def _first_byte_fault(first: int) -> str | None:
    if first & RESERVED:
        return "a reserved bit is set and no extension was agreed on"
    opcode = first & 0x0F
    if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
        return f"unknown opcode {opcode:#x}"
    if opcode & CONTROL and not first & FIN:
        return "a control frame must not be fragmented"
    return None


FIRST_BYTE_FAULTS: Final = tuple(_first_byte_fault(first) for first in range(256))
"""What is wrong with a frame that starts with this byte, whatever follows; None: nothing."""


def may_be_sent_in_close(code: int) -> bool:
    """Whether an endpoint may put the code into a Close frame (RFC 6455 section 7.4 and the IANA registry)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def mask(key: bytes, payload: bytes) -> bytes:
    """Mask or unmask. One wide XOR: 0.5 µs for 256 bytes, without a compiled module of somebody's private API."""
    size = len(payload)
    wide_key = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(wide_key, "little")).to_bytes(size, "little")


class FrameReader:
    """Turns the bytes of one client into events, however TCP cut them.

    Holds at most one incomplete frame and the fragments of one message: `message_bytes_max`, a header and what one
    read of the transport brought. An idle reader holds nothing.
    """

    __slots__ = ("_fragments", "_message_bytes_max", "_needed_bytes", "_over", "_pending")

    def __init__(self, message_bytes_max: int) -> None:
        self._message_bytes_max = message_bytes_max
        self._pending: bytearray | None = None
        self._needed_bytes = 0
        self._fragments: bytearray | None = None
        self._over = False

    def feed(self, data: bytes) -> list[Event]:
        """Read on. Returns what became complete, in order; nothing any more after `PeerClose` or `Broken`."""
        if self._over:
            return []
        if self._pending is not None:
            # Parsed again only when the frame is whole: a frame sent byte by byte costs no more than its length.
            self._pending += data
            if len(self._pending) < self._needed_bytes:
                return []
            data = bytes(self._pending)
            self._pending = None

        # This loop runs for every frame of every client, so it is one function with local names.
        events: list[Event] = []
        at, end = 0, len(data)
        while at < end:
            if end - at < 2:
                return self._wait(events, data, at, 2)

            header_end = at + 6
            first, second = data[at], data[at + 1]
            length = second & 0x7F
            # The first of two short cuts past what cannot be wrong with the usual frame: a third of the time.
            if first != WHOLE_TEXT or second < MASKED or self._fragments is not None:
                fault = self._header_fault(first, second)
                if fault is not None:
                    return self._end(events, fault)
            if length == 126:
                header_end += 2
                if end - at < 4:
                    return self._wait(events, data, at, 4)
                length = data[at + 2] << 8 | data[at + 3]
                if length < 126:
                    return self._end(events, NOT_SHORTEST)
            elif length == 127:
                header_end += 8
                if end - at < 10:
                    return self._wait(events, data, at, 10)
                length = int.from_bytes(data[at + 2 : at + 10], "big")
                if length >> 63 or length < 1 << 16:
                    return self._end(events, NOT_SHORTEST)
            # Judged by the header alone: what is too big is never waited for.
            held_bytes = 0 if self._fragments is None else len(self._fragments)
            if length + held_bytes > self._message_bytes_max and not first & CONTROL:
                return self._end(events, Broken(TOO_BIG, f"a message holds at most {self._message_bytes_max} bytes"))
            if end < header_end + length:
                return self._wait(events, data, at, header_end + length - at)

            at = header_end + length
            payload = mask(data[header_end - 4 : header_end], data[header_end:at])
            if first == WHOLE_TEXT and payload.isascii():
                events.append(payload)
                continue
            event = self._event(first, payload)
            if event is None:
                continue
            if type(event) is PeerClose or type(event) is Broken:
                return self._end(events, event)
            events.append(event)
        return events

    def _header_fault(self, first: int, second: int) -> Broken | None:
        fault = FIRST_BYTE_FAULTS[first]
        if fault is not None:
            return Broken(PROTOCOL_ERROR, fault)
        if not second & MASKED:
            return Broken(PROTOCOL_ERROR, "a client must mask its frames")
        if first & CONTROL:
            if second & 0x7F > CONTROL_PAYLOAD_MAX:
                return Broken(PROTOCOL_ERROR, f"a control frame holds at most {CONTROL_PAYLOAD_MAX} bytes")
            return None
        opcode = first & 0x0F
        if opcode == CONTINUATION and self._fragments is None:
            return Broken(PROTOCOL_ERROR, "a continuation without a start")
        if opcode != CONTINUATION and self._fragments is not None:
            return Broken(PROTOCOL_ERROR, "a new message inside a fragmented one")
        if opcode == BINARY:
            return Broken(UNSUPPORTED_DATA, "this subprotocol speaks text")
        return None

    def _event(self, first: int, payload: bytes) -> Event | None:
        """What a whole frame says; None when its message goes on."""
        if first & CONTROL:
            return _control_event(first & 0x0F, payload)
        if self._fragments is not None:
            self._fragments += payload
            if not first & FIN:
                return None
            payload = bytes(self._fragments)
            self._fragments = None
        elif not first & FIN:
            self._fragments = bytearray(payload)
            return None
        if not payload.isascii() and not _is_utf8(payload):
            return Broken(INVALID_TEXT, "a text message must be UTF-8")
        return payload

    def _wait(self, events: list[Event], data: bytes, at: int, needed_bytes: int) -> list[Event]:
        self._pending = bytearray(data[at:])
        self._needed_bytes = needed_bytes
        return events

    def _end(self, events: list[Event], last: Event) -> list[Event]:
        self._over = True
        self._fragments = None
        events.append(last)
        return events


def _control_event(opcode: int, payload: bytes) -> Event:
    if opcode == PING:
        return Ping(payload)
    if opcode == PONG:
        return Pong(payload)
    if not payload:
        return PeerClose(NO_CODE, "")

    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not may_be_sent_in_close(code):
        return Broken(PROTOCOL_ERROR, "a Close frame with an invalid code")
    if not _is_utf8(payload[2:]):
        return Broken(INVALID_TEXT, "the reason of a Close frame must be UTF-8")
    return PeerClose(code, payload[2:].decode())


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


_MEDIUM_HEADER: Final = struct.Struct(">BBH").pack
_FIRST_BYTE_OF_TEXT: Final = FIN | TEXT


def frame_header(opcode: int, size: int) -> bytes:
    """The header of an unfragmented, unmasked frame: what a server puts before `size` bytes of payload."""
    if size <= CONTROL_PAYLOAD_MAX:
        return bytes((FIN | opcode, size))
    if size < 1 << 16:
        return _MEDIUM_HEADER(FIN | opcode, 126, size)
    return bytes((FIN | opcode, 127)) + size.to_bytes(8, "big")


def text_frame(payload: bytes) -> bytes:
    """One text message."""
    size = len(payload)
    # Nearly every notice and answer is of this size, and nearly every byte a server writes is one of them.
    if CONTROL_PAYLOAD_MAX < size < 1 << 16:
        return _MEDIUM_HEADER(_FIRST_BYTE_OF_TEXT, 126, size) + payload
    return frame_header(TEXT, size) + payload


def text_frames(payloads: Sequence[bytes]) -> bytes:
    """Each payload as one text message, all in one piece."""
    return b"".join([part for payload in payloads for part in (frame_header(TEXT, len(payload)), payload)])


def control_frame(opcode: int, payload: bytes) -> bytes:
    """A ping, pong or Close with at most `CONTROL_PAYLOAD_MAX` bytes."""
    return frame_header(opcode, len(payload)) + payload


def close_frame(code: int, reason: str) -> bytes:
    """A Close frame; the reason is cut to what fits, at a character. `NO_CODE` makes an empty one."""
    if code == NO_CODE:
        return control_frame(CLOSE, b"")
    fitting = reason.encode()[:CLOSE_REASON_MAX].decode(errors="ignore").encode()
    return control_frame(CLOSE, code.to_bytes(2, "big") + fitting)
