"""The nodes of a run: the real ones, in processes that can be killed, over one disk and one wire."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field
from random import Random

from sixin.core.commands import PutProfile, RevokeTokens
from sixin.core.contact import Profile
from sixin.core.ids import Uid
from sixin.core.limits import EXPIRY_LOOK_S, REVOCATIONS_POLL_S, STORE_TIMEOUT_S
from sixin.server.app import Node
from sixin.server.auth import Tokens
from sixin.server.bus.local import LocalBus
from sixin.server.config import Settings
from sixin.server.store.base import Store
from sixin.trial.recorder import Recorder
from tests.simulation.bus import SimulatedBus, Wire
from tests.simulation.disk import Disk, SimulatedOwnStore, SimulatedSharedStore
from tests.simulation.limits import Limits, tighten
from tests.simulation.logins import Logins
from tests.simulation.loop import Process, SimulatedLoop, inside

BORN_MS = 1_780_000_000_000
"""When the world begins: the middle of 2026."""

ALONE_BOUND_S = 1.0
SHARED_BOUND_S = 3 * (REVOCATIONS_POLL_S + STORE_TIMEOUT_S) + 5
"""How long a revoked login may still be served here: a node alone knows at once, others look every few seconds, and
have to be able to read."""

Sabotage = Callable[[Node], None]
"""Something done to every node as it starts: how a mutation makes a correct system wrong."""


@dataclass
class Server:
    """One node, through all its lives."""

    name: str
    skew_ms: int = 0
    """What its clock is off by."""
    slow_s: float = 0.0
    """How long its way to the disk takes at most, at each step."""
    node: Node | None = None
    process: Process = field(default_factory=lambda: Process("none"))
    ready: bool = False


class Servers:
    """All nodes."""

    def __init__(
        self,
        *,
        loop: SimulatedLoop,
        chance: Random,
        disk: Disk,
        wire: Wire,
        recorder: Recorder,
        count: int,
        settings: Settings,
        wrap: Callable[[Store], Store],
        sabotage: Sabotage,
        limits: Limits,
        life_s: float,
        clocks_right_s: float,
        moderates: Callable[[str], bool],
    ) -> None:
        self.loop = loop
        self.chance = chance
        self.disk = disk
        self.wire = wire
        self.recorder = recorder
        self.settings = settings
        self._life_s = life_s
        self._clocks_right_s = clocks_right_s
        """When the last clock that was wrong is put right."""
        self.logins = Logins(Tokens(settings.secret), lambda: self.true_ms() // 1_000, life_s, self._issued, moderates)
        self.servers = [Server(f"node{number}") for number in range(1, count + 1)]
        self._wrap = wrap
        self._sabotage = sabotage
        self._limits = limits
        self.skipped_ms = 0
        self._restarts: set[asyncio.Task[None]] = set()
        self._over = False

    def true_ms(self) -> int:
        """The world's time: the loop's, and the years that were skipped because everybody slept."""
        return BORN_MS + int(self.loop.time() * 1_000) + self.skipped_ms

    def now_ms(self, server: Server) -> int:
        """The time a node believes it is."""
        return self.true_ms() + server.skew_ms

    async def start_all(self) -> None:
        """Bring every node up."""
        for server in self.servers:
            await self.start(server)

    async def start(self, server: Server) -> None:
        """Bring a node up, with nothing in its memory."""
        if server.process.alive and server.ready:
            return
        server.process.kill()
        alone = len(self.servers) == 1
        process = Process(server.name)
        node = inside(process, self._make, server, alone)
        server.process, server.node, server.ready = process, node, False
        # Another life of it may still hold the disk for a moment.
        started = inside(process, self.loop.create_task, node.start())
        await asyncio.wait({started}, timeout=60)
        server.ready = process.alive and started.done() and started.exception() is None
        if server.ready:
            self._sabotage(node)
            process.deaths.append(lambda: self._died(server))
            self.recorder.mark("node_started", server.name)
        elif not self._over:
            process.kill()
            asyncio.get_running_loop().call_later(1.0, self._restart, server, context=Context())

    def _make(self, server: Server, alone: bool) -> Node:
        engine = SimulatedOwnStore if alone else SimulatedSharedStore
        store = self._wrap(engine(self.disk, lambda: server.slow_s))
        bus = LocalBus() if alone else SimulatedBus(self.wire)
        node = Node(
            self.settings,
            store=store,
            bus=bus,
            tokens=Tokens(self.settings.secret),
            clock_ms=lambda: self.now_ms(server),
        )
        tighten(node, self._limits)
        return node

    def crash(self, server: Server) -> None:
        """Kill a node now."""
        if server.ready:
            server.process.kill()

    def crash_within(self, server: Server, steps: int) -> None:
        """Kill a node between two of its next steps."""
        if server.ready:
            server.process.die_within(steps)

    async def stop(self, server: Server) -> None:
        """Stop a node in order."""
        node = server.node
        if node is None or not server.ready or not server.process.alive:
            return
        server.ready = False
        stopping = inside(server.process, self.loop.create_task, _drain(node))
        await asyncio.wait({stopping}, timeout=60)
        self.recorder.mark("node_stopped", server.name)
        server.process.kill()

    async def revoke(self, uid: int) -> None:
        """The application believes none of a user's tokens any more."""
        server = self.any_ready()
        if server is None or server.node is None or server.skew_ms:
            # By the clock of the node that is asked: one that is behind cannot know what was issued since, and one
            # that is ahead revokes what will be.
            return
        tokens_from_s = self.now_ms(server) // 1_000 + 1
        command = RevokeTokens(Uid(uid), tokens_from_s)
        change = inside(server.process, self.loop.create_task, server.node.writer.change(command))
        await asyncio.wait({change}, timeout=60)
        if not change.done() or change.exception() is not None:
            self.logins.revoked(uid, tokens_from_s)  # perhaps: so new ones are issued, and nothing is promised
            return
        answer = change.result().answer
        for login in self.logins.revoked(uid, answer.tokens_from_s):
            bound_s = ALONE_BOUND_S if len(self.servers) == 1 else SHARED_BOUND_S
            self.loop.call_later(bound_s, self.recorder.cut_off, uid, login, context=Context())

    async def slow_down(self, server: Server, slow_s: float, seconds: float) -> None:
        """One node's way to the disk is slow for a while, and the others' is not."""
        server.slow_s = slow_s
        await asyncio.sleep(seconds)
        server.slow_s = 0.0

    async def step_clock(self, server: Server, skew_ms: int, seconds: float) -> None:
        """One node's clock is wrong for a while, and then it is put right in one step."""
        self.set_clock(server, skew_ms)
        await asyncio.sleep(seconds)
        self.set_clock(server, 0)

    def set_clock(self, server: Server, skew_ms: int) -> None:
        """A node's clock is off by so much from now on."""
        server.skew_ms = skew_ms
        self.recorder.mark("clock_moved", server.name, str(skew_ms))

    async def register(self, uid: int) -> None:
        """The application makes a user known, and asks until it is told that he is. In the end he is."""
        while True:
            server = self.any_ready()
            if server is not None and server.node is not None:
                command = PutProfile(Profile(Uid(uid)))
                change = inside(server.process, self.loop.create_task, server.node.writer.change(command))
                await asyncio.wait({change}, timeout=60)
                if change.done() and change.exception() is None:
                    return
            await asyncio.sleep(1.0)

    def _issued(self, uid: int, login: str) -> None:
        if self._life_s:
            # Every node can tell by itself when a token ends: one whose clock is behind, when that is put right.
            ends_s = max(self.loop.time() + self._life_s, self._clocks_right_s + EXPIRY_LOOK_S) + ALONE_BOUND_S
            self.loop.call_at(ends_s, self.recorder.cut_off, uid, login, context=Context())

    def any_ready(self) -> Server | None:
        """A node that a load balancer would choose."""
        ready = [server for server in self.servers if server.ready and server.process.alive]
        return self.chance.choice(ready) if ready else None

    def _died(self, server: Server) -> None:
        """Restart what dies, as an operator's supervisor does."""
        server.ready = False
        self.recorder.mark("node_crashed", server.name)
        if not self._over:
            asyncio.get_running_loop().call_later(self.chance.random(), self._restart, server, context=Context())

    def _restart(self, server: Server) -> None:
        if not self._over:
            task = self.loop.create_task(self.start(server))
            self._restarts.add(task)
            task.add_done_callback(self._restarts.discard)

    async def settle(self) -> None:
        """No more restarts of their own: bring back whatever is down, for good."""
        self._over = True
        if self._restarts:
            await asyncio.wait(self._restarts)
        for server in self.servers:
            server.process.die_at_step = -1
            if not (server.ready and server.process.alive):
                server.process.kill()
                await self.start(server)


async def _drain(node: Node) -> None:
    await node.drain()
    await node.stop()
