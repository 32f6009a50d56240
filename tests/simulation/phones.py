"""Phones: the real SDK on a simulated device, which crashes, loses power, sleeps and comes back."""

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from sixin.client.client import Client
from sixin.client.clock import Clock
from sixin.client.errors import Closed, Offline, OutboxFull, StoreRefused
from sixin.client.history import Page
from sixin.client.model import Applied, Writes
from sixin.client.store.memory import MemoryStore
from sixin.client.sync import Sizes
from sixin.client.transport import Channel, LinkLost
from sixin.core.errors import SixinError
from sixin.trial.copies import device_copy
from sixin.trial.errands import session_id_of
from sixin.trial.people import Person
from sixin.trial.recorder import Recorder
from sixin.trial.tap import Tap
from sixin.verify.history import DeviceCopy
from tests.simulation.loop import Process, inside
from tests.simulation.network import Link, LinkFaults
from tests.simulation.servers import Servers

SETTLE_S = 3_600.0
"""A device that is not equal to the server after an hour of good weather never will be."""


class Flash(MemoryStore):
    """The phone's storage: a crash keeps everything, a loss of power only what was durable and some of what came after.

    `Writes.entries` are durable when `apply` returns; everything else follows when the system feels like it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._states: list[dict[str, Any]] = [self._state()]
        """What may be found after a loss of power: the last durable state, and every one since."""

    def _state(self) -> dict[str, Any]:
        return {
            name: dict(value) if isinstance(value, dict) else value
            for name, value in vars(self).items()
            if name not in ("_states", "_is_open")
        }

    def apply(self, writes: Writes) -> Applied:
        """As the reference does, and remember what could be lost."""
        applied = super().apply(writes)
        durable = bool(writes.entries) or writes.last_seq_id is not None
        self._states = [self._state()] if durable else [*self._states[-8:], self._state()]
        return applied

    def adopt(self, uid: int, device_id: str) -> None:
        """Durable."""
        super().adopt(uid, device_id)
        self._states = [self._state()]

    def lose_power(self, chance: Random) -> None:
        """Whatever was not durable may be gone."""
        vars(self).update(chance.choice(self._states))
        self._states = [self._state()]

    def let_go(self) -> None:
        """The process that had it is dead."""
        self._is_open = False


class PhoneClock(Clock):
    """The phone's idea of the time."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self.skew_ms = 0

    def now_ms(self) -> int:
        """The world's time, and what this clock is off by."""
        return self._now_ms() + self.skew_ms


class LinkChannel(Channel):
    """The SDK's end of a link."""

    def __init__(self, tap: Tap, make_link: Callable[["LinkChannel"], Link]) -> None:
        self._tap = tap
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.link = make_link(self)

    async def send(self, payload: bytes) -> None:
        """Put a frame on its way."""
        if not self.link.open:
            raise LinkLost("The link is broken.")
        self._tap.sent(payload)
        self.link.send(payload)

    async def receive(self) -> bytes:
        """Wait for a frame."""
        frame = await self._frames.get()
        if frame is None:
            self._frames.put_nowait(None)
            raise LinkLost("The link is broken.")
        return frame

    async def close(self) -> None:
        """Let go."""
        self.link.break_now()
        self._frames.put_nowait(None)

    def received(self, frame: bytes) -> None:
        """A frame arrives."""
        self._tap.arrived(frame)
        self._frames.put_nowait(frame)

    def doubled(self, frame: bytes) -> None:
        """A frame of ours leaves once more."""
        self._tap.sent(frame)

    def closed(self) -> None:
        """The link is gone."""
        self._tap.closed()
        self._frames.put_nowait(None)


class Phone:
    """One device of a person that runs the SDK."""

    def __init__(
        self,
        chance: Random,
        person: Person,
        name: str,
        servers: Servers,
        recorder: Recorder,
        faults: LinkFaults,
        page: int,
    ) -> None:
        self.person = person
        self.name = name
        self.clock = PhoneClock(servers.true_ms)
        self._chance = chance
        self._servers = servers
        self._recorder = recorder
        self._faults = faults
        self._sizes = Sizes(far_behind=max(4, page * 2), newest=min(page, 50), changes=page, contacts=page)
        self._flash = Flash()
        self._flash.adopt(person.uid, name)  # somebody has signed in on it before
        self._client: Client | None = None
        self._process = Process(name)
        self._link: Link | None = None
        self.asleep = False

    # The transport of the SDK.

    async def connect(self) -> Channel:
        """Find a node."""
        await asyncio.sleep(self._chance.random() * self._faults.slow_s)
        server = self._servers.any_ready()
        if server is None or server.node is None:
            raise LinkLost("Nobody is there.")
        process, node = server.process, server.node
        channel = LinkChannel(
            Tap(self._recorder, self._servers.logins),
            lambda device: Link(self._chance, self._faults, process, device),
        )
        if not channel.link.connect(node.websocket):
            raise LinkLost("The server does not want to.")
        self._link = channel.link
        self._process.deaths = [channel.link.break_now]
        return channel

    async def close(self) -> None:
        """Nothing is shared."""

    # Its life.

    async def switch_on(self) -> None:
        """Start the app."""
        if self._process.alive and self._client is not None:
            return
        self._flash.let_go()
        self._process = Process(self.name)
        self._client = self._app(Random(self._chance.getrandbits(32)))
        await self._inside(self._client.__aenter__(), timeout_s=30)

    def _app(self, chance: Random) -> Client:
        return Client(
            self,
            lambda: self._servers.logins.token(self.person.uid, self.name),
            store=self._flash,
            device_id=self.name,
            clock=self.clock,
            chance=chance,
            sizes=self._sizes,
        )

    async def start_twice(self) -> None:
        """Start the app once more beside the one that runs. Raises `TwoHaveIt` where it is not refused the copy."""
        if self._client is None or not self._process.alive:
            return
        second = Process(f"{self.name} once more")
        starting = inside(second, asyncio.get_running_loop().create_task, self._app(Random(self.name)).__aenter__())
        await asyncio.wait({starting}, timeout=30)
        if not (starting.done() and isinstance(starting.exception(), StoreRefused)):
            raise TwoHaveIt(f"Two processes have the copy of {self.name}.")
        second.kill()

    async def reboot(self, *, power_lost: bool) -> None:
        """The app is killed, and started again after a while."""
        self._process.kill()
        self._recorder.mark("device_crashed", self.name, "power" if power_lost else "process")
        if power_lost:
            self._flash.lose_power(self._chance)
        await asyncio.sleep(self._chance.random())
        await self.switch_on()

    def lose_link(self) -> None:
        """The connection breaks."""
        if self._link is not None:
            self._link.break_now()

    async def sleep(self, seconds: float) -> None:
        """Be offline for a while."""
        client = self._client
        if client is None or self.asleep:
            return
        self.asleep = True
        self._recorder.mark("device_slept", self.name)
        await self._inside(client.go_offline(), timeout_s=30)
        await asyncio.sleep(seconds)
        self.asleep = False
        self._recorder.mark("device_woke", self.name)
        if self._client is client and self._process.alive:
            inside(self._process, client.go_online)

    async def _inside(self, act: Coroutine[Any, Any, Any], *, timeout_s: float) -> Any:
        """Run a part of the app; None where it dies, or takes too long. Raises what it raises."""
        task = inside(self._process, asyncio.get_running_loop().create_task, act)
        await asyncio.wait({task}, timeout=timeout_s)
        return task.result() if task.done() else None

    async def use(self, act: Callable[[Client], Coroutine[Any, Any, Any]]) -> None:
        """Do something with the app, as a person would: what it refuses, it refuses."""
        client = self._client
        if client is None or not self._process.alive:
            return
        try:
            await self._inside(act(client), timeout_s=40)
        except (SixinError, Offline, OutboxFull, Closed, LinkLost):
            return

    async def glance(self, chance: Random) -> None:
        """Its owner opens a chat for a moment, whatever the app is doing."""
        session_id = session_id_of(self.person.uid, chance.choice(self.person.peers))

        async def looking(client: Client) -> None:
            async with client.open_chat(session_id):
                await asyncio.sleep(chance.random() * 0.05)

        await self.use(looking)

    async def browse(self) -> None:
        """Its owner looks into every conversation, in the order of his list: what it has shown, it keeps up to date."""

        async def looking(client: Client) -> None:
            for contact in client.contacts():
                self.shows(contact.session_id, await client.history(contact.session_id, limit=3))

        await self.use(looking)

    def queued(self, session_id: str, content: bytes) -> None:
        """The app said that it keeps a message until it is delivered."""
        self._recorder.queued(self.person.uid, self.name, session_id, content)

    def shows(self, session_id: str, page: Page) -> None:
        """The app shows a page of history."""
        self._recorder.shown(self.person.uid, self.name, session_id, page)

    # Its end.

    async def settle(self) -> None:
        """Be online in good weather until nothing is new. Raises `NeverSettled`."""
        await self.switch_on()
        client = self._client
        if client is None:
            raise NeverSettled(f"{self.name} does not start.")
        inside(self._process, client.go_online)
        task = inside(self._process, asyncio.get_running_loop().create_task, client.synced())
        await asyncio.wait({task}, timeout=SETTLE_S)
        if not task.done():
            raise NeverSettled(f"{self.name} still has something to do after {SETTLE_S} s of good weather.")
        task.result()

    def copy(self) -> DeviceCopy:
        """What it holds."""
        assert self._client is not None
        return device_copy(self._client.local_copy(), self._client.outbox(), self.name)


class TwoHaveIt(Exception):
    """A copy is open twice."""


class NeverSettled(Exception):
    """A device goes on for ever."""
