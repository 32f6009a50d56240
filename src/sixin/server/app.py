"""The node: every part of the server put together. The only place that knows an engine by name."""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from sixin.core.commands import Policy
from sixin.core.limits import FRAME_BYTES_MAX, LET_IN_S
from sixin.core.wire.codec import encode
from sixin.server.auth import Tokens, load_secret, secret_refused
from sixin.server.bus.base import Bus
from sixin.server.bus.local import LocalBus
from sixin.server.cache import Cache
from sixin.server.config import Settings, SettingsRefused
from sixin.server.demo import talk
from sixin.server.gateway.dispatch import Dispatch
from sixin.server.gateway.framing import text_frame
from sixin.server.gateway.http import HttpDoor, Operator
from sixin.server.gateway.limits import ListenerLimits
from sixin.server.gateway.listener import Listener, listen
from sixin.server.gateway.origin import Origins
from sixin.server.gateway.reference.asyncapi import asyncapi
from sixin.server.gateway.reference.examples import load_transcript
from sixin.server.gateway.reference.openapi import openapi
from sixin.server.gateway.throttle import Throttle
from sixin.server.gateway.websocket import WebSocketDoor
from sixin.server.metrics import Figure, exposition
from sixin.server.notify.following import Following
from sixin.server.notify.hub import Hub
from sixin.server.operations.pulls import Pulls
from sixin.server.store.base import Store
from sixin.server.store.memory import MemoryStore
from sixin.server.store.sqlite import SqliteStore
from sixin.server.store.writer import Writer

log = logging.getLogger(__name__)

REFUSED_NOT_READY_S = 10.0
"""How long a node whose last batch could not be written says that it is not ready, unless a later one was. Not for
ever: whoever is asked nothing any more would never find out that its disk has space again."""


def now_ms() -> int:
    """The machine's clock, Unix milliseconds."""
    return time.time_ns() // 1_000_000


class Node:
    """One node, without its port: what a simulation runs too."""

    def __init__(
        self,
        settings: Settings,
        *,
        store: Store,
        bus: Bus,
        tokens: Tokens,
        clock_ms: Callable[[], int] = now_ms,
    ) -> None:
        """`clock_ms`: the time this node believes it is, Unix milliseconds."""
        self.settings = settings
        self.store = store
        self.bus = bus
        self.tokens = tokens
        self.clock_ms = clock_ms
        self.name = settings.node or f"{socket.gethostname()}:{settings.port}"
        """What logs and metrics call this node."""
        # Where others write too, only the store knows what is newest.
        self.cache = Cache(enabled=settings.cache and store.owned)
        self.hub = Hub(self.cache, bus, tokens, frame=text_frame)
        self.writer = Writer(
            store,
            now_ms=clock_ms,
            policy=Policy(
                recall_window_ms=settings.recall_window_s * 1_000,
                registered_only=settings.users == "registered",
            ),
            committed=self.hub.committed,
            tell=self.hub.tell,
            uncertain=self.cache.forget,
        )
        self.pulls = Pulls(store, self.cache)
        self.following = Following(store, bus, self.hub)
        self.dispatch = Dispatch(
            writer=self.writer,
            pulls=self.pulls,
            hub=self.hub,
            throttle=Throttle(
                per_s=settings.requests_per_s, burst=settings.requests_burst, now_s=lambda: clock_ms() / 1_000
            ),
        )
        self.websocket = WebSocketDoor(
            dispatch=self.dispatch,
            pulls=self.pulls,
            hub=self.hub,
            tokens=tokens,
            origins=Origins(settings.origins),
            now_s=lambda: clock_ms() / 1_000,
            hello_timeout_s=settings.hello_timeout_s,
            buffer_bytes_max=settings.buffer_bytes_max,
        )
        self._writing: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the store and the bus. Raises `StoreRefused`."""
        await self.store.open()
        await self.bus.open(self.hub.received, self._missed)
        await self.following.learn_revocations()
        if not self.store.owned:
            self._following = asyncio.get_running_loop().create_task(self.following.run())
        self._writing = asyncio.get_running_loop().create_task(self.writer.run())

    def _missed(self) -> None:
        self.cache.forget()
        self.following.missed()

    def why_not_ready(self) -> str | None:
        """None when this node can serve, else why not."""
        if self._writing is None:
            return "starting"
        if self._writing.done():
            return "stopping"
        if self.writer.stopping:
            return "draining"
        # A shared database is asked every second. There a refused batch is mostly a link that broke and is back, and
        # all nodes would leave their balancer together.
        if self.store.owned and self.writer.refused_s_ago() < REFUSED_NOT_READY_S:
            return "the store refuses what is written"
        return self.following.store_refuses

    async def written(self) -> None:
        """Wait for the writer to end: it does so only when told to, or for a mistake of ours."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
            if not self._writing.cancelled():
                self._writing.result()

    async def drain(self) -> None:
        """Refuse new work, commit what waits, answer it, and say bye to everyone."""
        self.writer.stop()
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=self.settings.drain_timeout_s)
            self._writing.cancel()  # whoever still waits is told `unavailable`
            await asyncio.gather(self._writing, return_exceptions=True)
        await asyncio.sleep(0)  # let the last answers be written
        self.websocket.say_bye("draining")

    async def stop(self) -> None:
        """Let go of everything. What hangs is given up, side by side, so that the limits of all do not add up."""
        tasks = [task for task in (self._writing, self._following) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(self.websocket.close(), self.dispatch.close(), self.bus.close())
        await self.store.close()

    def figures(self) -> list[Figure]:
        """What this node counts."""
        return [
            Figure("sixin_requests", "counter", "Requests, by operation.", lambda: dict(self.dispatch.requests), "op"),
            Figure(
                "sixin_refusals", "counter", "Refused requests, by code.", lambda: dict(self.dispatch.refusals), "code"
            ),
            Figure("sixin_commits", "counter", "Batches committed.", lambda: self.writer.batches),
            Figure("sixin_commands", "counter", "Commands in those batches.", lambda: self.writer.commands),
            Figure(
                "sixin_commands_waiting",
                "gauge",
                "Commands in the writer's queue, and beside it.",
                lambda: self.writer.waiting,
            ),
            Figure(
                "sixin_commands_aside",
                "gauge",
                "Commands that wait because somebody else holds rows they need, and let others go on.",
                lambda: self.writer.aside,
            ),
            Figure("sixin_notices", "counter", "Notices put on connections.", lambda: self.hub.notices),
            Figure("sixin_connections", "gauge", "WebSocket connections.", lambda: len(self.websocket.conversations)),
            Figure("sixin_users", "gauge", "Users connected to this node.", lambda: self.hub.users),
            Figure(
                "sixin_byes",
                "counter",
                "Connections the server ended, by reason.",
                lambda: dict(self.websocket.byes),
                "code",
            ),
            Figure("sixin_cache_hits", "counter", "Reads the cache could prove.", lambda: self.cache.hits),
            Figure("sixin_cache_misses", "counter", "Reads the store was asked for.", lambda: self.cache.misses),
            Figure("sixin_cache_rows", "gauge", "Rows in the cache.", lambda: len(self.cache)),
            Figure(
                "sixin_bus_healthy", "gauge", "1 while notices reach the other nodes.", lambda: float(self.bus.healthy)
            ),
            Figure("sixin_bus_nodes", "gauge", "Other nodes that are known to live.", lambda: self.bus.nodes),
            Figure("sixin_bus_sent", "counter", "Messages sent to other nodes.", lambda: self.bus.sent),
            Figure("sixin_bus_dropped", "counter", "Notices that could not be sent.", lambda: self.bus.dropped),
            Figure(
                "sixin_catch_ups",
                "counter",
                "Rounds in which everybody here was told how far he is, because notices may have been lost.",
                lambda: self.following.catch_ups,
            ),
            Figure(
                "sixin_ready",
                "gauge",
                "1 while this node can serve; /readyz says why not.",
                lambda: float(self.why_not_ready() is None),
            ),
            Figure("sixin_node", "gauge", "1, beside this node's name.", lambda: {self.name: 1.0}, "node"),
        ]


def make_store(settings: Settings) -> Store:
    """The storage engine the settings name. Raises `SettingsRefused`."""
    if settings.store == "memory":
        return MemoryStore()
    if settings.store == "sqlite":
        return SqliteStore(Path(settings.data))
    if settings.store.startswith(("postgresql://", "postgres://")):
        # Imported where it is asked for: the driver is an extra.
        from sixin.server.store.postgres import PostgresStore

        return PostgresStore(settings.store)
    raise SettingsRefused(f"There is no store {settings.store.split(':')[0]!r}: sqlite, memory or postgresql://…")


def make_bus(settings: Settings) -> Bus:
    """The bus the settings name. Raises `SettingsRefused`."""
    if settings.bus == "local":
        return LocalBus()
    if settings.bus.startswith(("nats://", "tls://")):
        # Imported where it is asked for: the client is an extra.
        from sixin.server.bus.nats import NatsBus

        try:
            return NatsBus(settings.bus)
        except (ValueError, OSError) as error:
            raise SettingsRefused(str(error)) from None
    raise SettingsRefused(f"There is no bus {settings.bus.split(':')[0]!r}: local or nats://…")


@lru_cache(maxsize=1)
def reference() -> dict[str, bytes]:
    """The API reference, encoded once."""
    transcript = load_transcript()
    return {"openapi": encode(openapi(transcript)), "asyncapi": encode(asyncapi(transcript))}


async def open_door(node: Node, *, demo: bytes | None = None, port: socket.socket | None = None) -> Listener:
    """Open the node's port for both doors, or use one that listens already. Raises `OSError` when there is none."""
    settings = node.settings
    documents = reference()
    door = HttpDoor(
        dispatch=node.dispatch,
        writer=node.writer,
        store=node.store,
        tokens=node.tokens,
        origins=Origins(settings.origins),
        operator=Operator(
            ready=node.why_not_ready,
            metrics=exposition(node.figures()),
            openapi=documents["openapi"],
            asyncapi=documents["asyncapi"],
            demo=demo,
        ),
        now_s=lambda: node.clock_ms() / 1_000,
    )
    return await listen(
        host=settings.host,
        port=settings.port,
        opened=port,
        http=door.application(),
        upgrade=node.websocket.upgrade,
        limits=ListenerLimits(
            max_message_bytes=FRAME_BYTES_MAX,
            ping_interval_s=settings.ping_interval_s,
            ping_timeout_s=min(settings.ping_timeout_s, settings.ping_interval_s),
            write_buffer_max_bytes=4 * settings.buffer_bytes_max,
            http_body_max_bytes=FRAME_BYTES_MAX,
            connections_max=settings.connections_max,
        ),
    )


def make_node(settings: Settings) -> Node:
    """A node as the settings describe it. Raises `SettingsRefused`."""
    with secret_refused():
        tokens = Tokens(load_secret(Path(settings.data), settings.secret))
    return Node(settings, store=make_store(settings), bus=make_bus(settings), tokens=tokens)


async def serve(
    node: Node,
    announce: Callable[[Listener], None],
    *,
    demo: bytes | None = None,
    port: socket.socket | None = None,
) -> None:
    """Run a node until SIGTERM or SIGINT, then drain it (docs/operating.md).

    `port`: one that listens already, instead of the settings'. `announce` is called when the server is ready.
    Raises `StoreRefused` and `OSError` when it cannot start.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    try:
        await node.start()
        if demo is not None:
            await talk(node.writer)
        listener = await open_door(node, demo=demo, port=port)
        announce(listener)
        log.info(
            "serving",
            extra={
                "address": f"{node.settings.host}:{listener.port}",
                "store": type(node.store).__name__,
                "node": node.name,
            },
        )
        ended = loop.create_task(node.written())
        ended.add_done_callback(lambda _: stopping.set())
        await stopping.wait()
        log.info("draining", extra={"connections": listener.connections})
        listener.stop_accepting()
        await listener.answered(within_s=LET_IN_S)
        await node.drain()
        await listener.close()
        await ended
    finally:
        await node.stop()
    log.info("stopped")
