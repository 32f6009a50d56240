"""The link to NATS: connected in the background, for ever, and given up as soon as it does not answer."""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

from nats import errors as nats_errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from sixin.core.limits import (
    BUS_CLOSE_TIMEOUT_S,
    BUS_CONNECT_TIMEOUT_S,
    BUS_ECHO_S,
    BUS_LINK_TIMEOUT_S,
    BUS_RECEIVED_BYTES_MAX,
    BUS_RECEIVED_MAX,
    BUS_RECONNECT_MAX_S,
    BUS_RECONNECT_MIN_S,
    BUS_UNANSWERED_BYTES_MAX,
)

log = logging.getLogger(__name__)

Outgoing = tuple[str, bytes]
"""A subject and what is said there."""

_BROKEN: Final = (OSError, TimeoutError, nats_errors.Error, EOFError)
"""What a broken link ends in."""


class Link:
    """One connection at a time. `run` is its owner: everything that waits, waits inside it."""

    def __init__(
        self,
        url: str,
        subjects: Sequence[str],
        *,
        linked: Callable[[], None],
        take: Callable[[bytes], None],
        outgoing: Callable[[], Iterable[Outgoing]],
    ) -> None:
        """`linked` is called whenever a connection stands, `take` with every message, `outgoing` for what there is to
        say whenever NATS can take it; none may raise or wait. Raises `ValueError` for a URL that is none."""
        self._servers, self._tls = _servers_of(url)
        self._subjects = subjects
        self._linked = linked
        self._take = take
        self._outgoing = outgoing
        self._wake = asyncio.Event()
        self._closing = False
        self._client: Client | None = None
        self._echoed_at = 0.0
        self._probe_is_due = False

    @property
    def is_up(self) -> bool:
        """Whether a connection stands, as far as is known."""
        return self._client is not None and self._client.is_connected

    @property
    def healthy(self) -> bool:
        """Whether what this node says to all has come back lately."""
        return self.is_up and asyncio.get_running_loop().time() - self._echoed_at < BUS_ECHO_S

    def wake(self) -> None:
        """There is something to say."""
        self._wake.set()

    def probe(self) -> None:
        """See whether NATS still answers."""
        self._probe_is_due = True
        self._wake.set()

    def close(self) -> None:
        """Say what is left and end `run`."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Keep a connection until `close`."""
        wait_s = BUS_RECONNECT_MIN_S
        while not self._closing:
            try:
                client = await self._connect()
            except _BROKEN as error:
                log.warning("bus_not_reached", extra={"reason": str(error) or type(error).__name__})
                await self._pause(wait_s)
                wait_s = min(2 * wait_s, BUS_RECONNECT_MAX_S)
                continue
            wait_s = BUS_RECONNECT_MIN_S
            log.info("bus_linked")
            try:
                await self._talk(client)
            except _BROKEN as error:
                log.warning("bus_link_lost", extra={"reason": str(error) or type(error).__name__})
                # Nodes that lost one server must not all come to the next in the same moment.
                await self._pause(wait_s)
            finally:
                self._client = None
                await _give_up(client)

    async def _pause(self, wait_s: float) -> None:
        deadline = asyncio.get_running_loop().time() + wait_s * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                while not self._closing:
                    self._wake.clear()
                    await self._wake.wait()

    async def _connect(self) -> Client:
        client = Client()
        try:
            async with asyncio.timeout(BUS_CONNECT_TIMEOUT_S):
                await client.connect(
                    self._servers,
                    name="sixin",
                    allow_reconnect=False,  # a new connection is a new beginning here: see `linked`
                    reconnect_time_wait=1,
                    tls=self._tls,
                    error_cb=_log_error,
                    closed_cb=self._closed,
                )
                for subject in self._subjects:
                    await client.subscribe(
                        subject,
                        cb=self._came,
                        pending_msgs_limit=BUS_RECEIVED_MAX,
                        pending_bytes_limit=BUS_RECEIVED_BYTES_MAX,
                    )
                # Once this is answered, what others say from now on comes here.
                await client.flush()
        except BaseException:
            await _give_up(client)
            raise
        return client

    async def _talk(self, client: Client) -> None:
        self._client = client
        self._echoed_at = asyncio.get_running_loop().time()
        self._linked()
        unanswered = 0
        while client.is_connected:
            for subject, payload in self._outgoing():
                await client.publish(subject, payload)
                unanswered += len(payload)
                if unanswered > BUS_UNANSWERED_BYTES_MAX:
                    unanswered = await self._flushed(client)
            if self._closing:
                return
            if self._probe_is_due:
                self._probe_is_due = False
                unanswered = await self._flushed(client)
            await self._wake.wait()
            self._wake.clear()
        raise nats_errors.ConnectionClosedError

    async def _flushed(self, client: Client) -> int:
        """Wait until NATS has taken everything: what comes meanwhile gathers. A NATS that does not answer is dead."""
        async with asyncio.timeout(BUS_LINK_TIMEOUT_S):
            await client.flush()
        return 0

    async def _came(self, message: Msg) -> None:
        self._take(message.data)

    def echoed(self) -> None:
        """What this node said to all came back to it."""
        self._echoed_at = asyncio.get_running_loop().time()

    async def _closed(self) -> None:
        self._wake.set()


async def _give_up(client: Client) -> None:
    with suppress(*_BROKEN):
        async with asyncio.timeout(BUS_CLOSE_TIMEOUT_S):
            await client.close()


async def _log_error(error: Exception) -> None:
    # Above all `SlowConsumerError`: what came was dropped, because this node did not look at it in time.
    log.warning("bus_error", extra={"reason": str(error) or type(error).__name__})


def _servers_of(url: str) -> tuple[list[str], ssl.SSLContext | None]:
    """The servers, and how to know them; TLS is spoken where the URL or the server asks for it."""
    servers = []
    options: dict[str, list[str]] = {}
    for one in url.split(","):
        parts = urlsplit(one.strip())
        if parts.scheme not in ("nats", "tls") or not parts.hostname:
            raise ValueError("The URL of the bus is nats://user:password@host:4222, or tls:// to insist on TLS.")
        options |= parse_qs(parts.query, strict_parsing=bool(parts.query))
        servers.append(urlunsplit(parts._replace(query="", path="")))
    unknown = options.keys() - {"ca", "cert", "key"}
    if unknown:
        raise ValueError(f"The URL of the bus has parameters it does not know: {', '.join(sorted(unknown))}.")
    if not options and not any(server.startswith("tls") for server in servers):
        return servers, None
    context = ssl.create_default_context(cafile=options.get("ca", [None])[0])
    if "cert" in options:
        context.load_cert_chain(options["cert"][0], options.get("key", [None])[0])
    return servers, context
