"""The real transport, with its frames and connections counted, and written down where somebody will judge them."""

from msgspec import Struct

from sixin.client.transport import Channel, Transport, WebSocketTransport
from tests.crash.recording import ARRIVED, CLOSED, SENT, Recording


class Counts(Struct):
    """What one process of clients did so far."""

    queued: int = 0
    """Texts given to the SDK and taken."""
    acknowledged: int = 0
    other: int = 0
    """Reads, recalls, deletions, clears, pins … that were answered."""
    refused: int = 0
    """The same, refused: too late, already gone."""
    send_frames: int = 0
    """More than there are texts: the difference was sent again."""
    connections: int = 0
    """More than there are devices: the difference are reconnections."""
    received_frames: int = 0


class CountedTransport:
    """Passes everything on."""

    def __init__(self, url: str, counts: Counts, recording: Recording | None) -> None:
        self._inner: Transport = WebSocketTransport(url)
        self._counts = counts
        self._recording = recording

    async def connect(self) -> Channel:
        channel = await self._inner.connect()
        self._counts.connections += 1
        return _CountedChannel(channel, self._counts, self._recording)

    async def close(self) -> None:
        await self._inner.close()
        if self._recording is not None:
            self._recording.close()


class _CountedChannel:
    def __init__(self, inner: Channel, counts: Counts, recording: Recording | None) -> None:
        self._inner = inner
        self._counts = counts
        self._recording = recording

    async def send(self, payload: bytes) -> None:
        self._counts.send_frames += b'"op":"send"' in payload
        if self._recording is not None:
            self._recording.passes(SENT, payload)
        await self._inner.send(payload)

    async def receive(self) -> bytes:
        payload = await self._inner.receive()
        self._counts.received_frames += 1
        if self._recording is not None:
            self._recording.passes(ARRIVED, payload)
        return payload

    async def close(self) -> None:
        await self._inner.close()
        if self._recording is not None:
            self._recording.passes(CLOSED, b"")
