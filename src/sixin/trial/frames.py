"""WebSocket frames as they pass a proxy: their bytes as they are, and what a whole text frame says."""

from asyncio import StreamReader
from typing import Final, NamedTuple

from sixin.core.limits import PAGE_BYTES_MAX

WHOLE_TEXT: Final = 0x81
MASKED: Final = 0x80
BYTES_MAX: Final = 8 * PAGE_BYTES_MAX
"""The largest page, with everything around its contents, is far below."""


class Frame(NamedTuple):
    """One frame of either direction."""

    wire: bytes
    payload: bytes | None
    """What it says, unmasked; None for control frames and pieces, which only pass."""


class NoFrame(Exception):
    """What passes is no WebSocket, or a frame nobody would send."""


async def read_frame(reader: StreamReader) -> Frame:
    """The next one. Raises `IncompleteReadError` at the end, and `NoFrame`."""
    head = await reader.readexactly(2)
    size = head[1] & 0x7F
    if size > 125:
        extended = await reader.readexactly(2 if size == 126 else 8)
        head, size = head + extended, int.from_bytes(extended, "big")
    if size > BYTES_MAX:
        raise NoFrame(f"A frame of {size} bytes.")
    key = await reader.readexactly(4) if head[1] & MASKED else b""
    carried = await reader.readexactly(size)
    payload = _unmasked(key, carried) if head[0] == WHOLE_TEXT else None
    return Frame(head + key + carried, payload)


def _unmasked(key: bytes, carried: bytes) -> bytes:
    if not key:
        return carried
    size = len(carried)
    wide_key = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(carried, "big") ^ int.from_bytes(wide_key, "big")).to_bytes(size, "big")
