"""The way to a server, as a seam: frames there and back. The real one is a WebSocket; a simulation has its own."""

import contextlib
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from sixin.core.limits import CONNECT_TIMEOUT_S, KEEPALIVE_S
from sixin.core.wire.codec import SUBPROTOCOL


class LinkLost(Exception):
    """There is no connection, or no more. The message says why."""


class Channel(Protocol):
    """One connection. After `LinkLost` it is done for."""

    async def send(self, payload: bytes) -> None:
        """Write one frame. Raises `LinkLost`."""

    async def receive(self) -> bytes:
        """Wait for one frame. Raises `LinkLost` when the connection ends, and when the peer is silent for so long that
        it must be gone."""

    async def close(self) -> None:
        """Let go; a `receive` that waits ends. May be called twice, and does not raise."""


class Transport(Protocol):
    """Makes connections to one server."""

    async def connect(self) -> Channel:
        """Open one. Raises `LinkLost`."""

    async def close(self) -> None:
        """Let go of what connections share."""


class WebSocketTransport:
    """WebSocket through aiohttp: works without a compiler, behind proxies, and over TLS."""

    def __init__(self, url: str) -> None:
        """`url`: the server's address as `sixin serve` prints it; http, https, ws and wss do. Raises `ValueError`."""
        self._url = endpoint(url)
        self._session: aiohttp.ClientSession | None = None

    async def connect(self) -> Channel:
        """Open a WebSocket and agree on the subprotocol."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S), trust_env=True
            )
        try:
            # No limit on a frame: a page is as large as the server makes it, and the server is ours.
            socket = await self._session.ws_connect(
                self._url, protocols=(SUBPROTOCOL,), heartbeat=KEEPALIVE_S, max_msg_size=0, compress=0
            )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise LinkLost(f"{self._url} cannot be reached: {error or type(error).__name__}") from error
        if socket.protocol != SUBPROTOCOL:
            await socket.close()
            raise LinkLost(f"{self._url} does not speak {SUBPROTOCOL}.")
        return _SocketChannel(socket)

    async def close(self) -> None:
        """Close the pool."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class _SocketChannel:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, payload: bytes) -> None:
        """A text frame."""
        try:
            await self._socket.send_str(payload.decode())
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise LinkLost(f"The connection broke while writing: {error or type(error).__name__}") from error

    async def receive(self) -> bytes:
        """The next text frame. aiohttp answers pings, and ends the connection when a pong stays out."""
        try:
            frame = await self._socket.receive()
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            # A ping that was read from a connection which is gone by now: its pong cannot be written.
            raise LinkLost(f"The connection broke while reading: {error or type(error).__name__}") from error
        if frame.type is aiohttp.WSMsgType.TEXT:
            return str(frame.data).encode()
        raise LinkLost(f"The connection ended ({self._socket.close_code or 'no close code'}).")

    async def close(self) -> None:
        """Say goodbye, if anybody still listens."""
        with contextlib.suppress(aiohttp.ClientError, OSError, RuntimeError):
            await self._socket.close()


def endpoint(url: str) -> str:
    """The address of the WebSocket door. Raises `ValueError` for what is no address of a server."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(f"{url!r} is not the address of a server, such as https://chat.example.org.")
    path = parts.path.rstrip("/")
    return urlunsplit((scheme, parts.netloc, path if path.endswith("/v1/ws") else f"{path}/v1/ws", "", ""))
