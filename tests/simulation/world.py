"""One run: a plan carried out from its first action until everybody has settled, and the history of it."""

import asyncio
import hashlib
from collections.abc import Callable
from random import Random
from typing import Any, Final

from msgspec import Struct

from sixin.server.config import Settings
from sixin.server.store.base import Store
from sixin.server.store.memory import MemoryStore
from sixin.trial.app_errands import use
from sixin.trial.errands import errand, session_id_of
from sixin.trial.people import Person
from sixin.trial.recorder import Recorder
from sixin.verify.history import History, lines_of
from tests.ends import stored_of
from tests.simulation.actions import Action
from tests.simulation.bus import BusFaults, Wire
from tests.simulation.disk import Disk, DiskFaults
from tests.simulation.hardships import moderates, moments_of
from tests.simulation.limits import small
from tests.simulation.loop import SimulatedLoop
from tests.simulation.network import LinkFaults
from tests.simulation.people import RawDevice
from tests.simulation.phones import Phone
from tests.simulation.plan import Plan
from tests.simulation.rows import SqliteRows
from tests.simulation.servers import Sabotage, Servers

BEFALLS: Final = frozenset(
    {"crash", "crash_soon", "stop", "clock", "year", "revoke", "outage", "register", "slow", "step"}
)
"""What happens to nodes, not to people."""


class Run(Struct):
    """What a run left behind."""

    history: History
    calls: int
    steps: int
    virtual_s: float

    @property
    def digest(self) -> str:
        """Two runs of one plan have the same."""
        digest = hashlib.sha256()
        for line in lines_of(self.history):
            digest.update(line)
        return digest.hexdigest()


class Failed(Exception):
    """Something raised where nothing may: the loop was told of it."""

    def __init__(self, failures: list[dict[str, Any]]) -> None:
        super().__init__(f"{failures[0].get('message')}: {failures[0].get('exception')!r}")
        self.failures = failures


def run(
    plan: Plan,
    *,
    wrap: Callable[[Store], Store] = lambda store: store,
    sabotage: Sabotage = lambda node: None,
) -> Run:
    """Carry out a plan. Raises `Stuck` where it never ends. `wrap` and `sabotage` are for mutations."""
    loop = SimulatedLoop(_chance(plan, "loop"), shuffled=plan.shuffled)
    asyncio.set_event_loop(loop)
    failures: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: failures.append(context))
    try:
        with small(plan.limits):
            world = World(plan, loop, wrap, sabotage)
            _live(loop, world, failures)
        if failures:
            raise Failed(failures)
        loop.run_until_complete(world.take_end())
        return Run(world.recorder.history, world.recorder.calls, loop.steps, loop.time())
    finally:
        asyncio.set_event_loop(None)
        loop.end()


def _live(loop: SimulatedLoop, world: "World", failures: list[dict[str, Any]]) -> None:
    try:
        loop.run_until_complete(world.live())
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to this run, and the run is reported
        failures.append({"message": "the run fell over", "exception": error})


def _chance(plan: Plan, what: str) -> Random:
    """Each part of the world has luck of its own, so that one part changes as little as possible with another."""
    return Random(f"{what} {plan.luck}")


class World:
    """Nodes, network, disk and people."""

    def __init__(self, plan: Plan, loop: SimulatedLoop, wrap: Callable[[Store], Store], sabotage: Sabotage) -> None:
        self.plan = plan
        self.recorder = Recorder()
        self._loop = loop
        faults = plan.faults
        self._link_faults = LinkFaults(
            breaks=0.02 * faults.network,
            goes_dead=0.002 * faults.network,
            doubles=0.02 * faults.network,
            loses_notice=0.1 * faults.notices,
            doubles_notice=0.1 * faults.notices,
            moves_notice=0.1 * faults.notices,
        )
        self._disk_faults = DiskFaults(
            stall=0.001 * faults.disk,
            fails_before=0.01 * faults.disk,
            fails_in_doubt=0.02 * faults.disk,
            collides=0.05 * faults.disk,
            read_fails=0.005 * faults.disk,
        )
        rows = SqliteRows() if plan.engine == "sqlite" else MemoryStore()
        self.disk = Disk(_chance(plan, "disk"), self._disk_faults, rows)
        self._wire_faults = BusFaults(
            loses=0.1 * faults.notices,
            doubles=0.1 * faults.notices,
            late=0.3 if plan.hardships.late_bus else 0.0,
        )
        self.servers = Servers(
            loop=loop,
            chance=_chance(plan, "servers"),
            disk=self.disk,
            wire=Wire(_chance(plan, "wire"), self._wire_faults),
            recorder=self.recorder,
            count=plan.nodes,
            settings=_settings(plan),
            wrap=wrap,
            sabotage=sabotage,
            limits=plan.limits,
            life_s=plan.hardships.life_s,
            clocks_right_s=_clocks_right_s(plan),
            moderates=lambda device: plan.hardships.moderators and moderates(plan.seed, device),
        )
        uids = [plan.first_uid + number for number in range(plan.users)]
        self.people = [Person(uid, [peer for peer in uids if plan.seed % 3 == 0 or peer != uid]) for uid in uids]
        self.acquaintances = [self._acquaintance(number) for number in range(plan.hardships.acquaintances)]
        self.raw = [
            RawDevice(_chance(plan, name), person, name, self.servers, self.recorder, self._link_faults)
            for person in self.people
            for name in (f"{person.uid}-raw{number}" for number in range(plan.raw_devices))
        ]
        self.phones = [
            Phone(_chance(plan, name), person, name, self.servers, self.recorder, self._link_faults, plan.page)
            for person in self.people
            for name in (f"{person.uid}-phone{number}" for number in range(plan.sdk_devices))
        ]

    def _acquaintance(self, number: int) -> RawDevice:
        """Somebody without a device, who talks with the first user alone, over HTTP."""
        first = self.people[0]
        person = Person(self.plan.first_uid - 900 + number, [first.uid])
        person.brief = True
        first.peers.append(person.uid)
        name = f"{person.uid}-http"
        return RawDevice(_chance(self.plan, name), person, name, self.servers, self.recorder, self._link_faults)

    async def live(self) -> None:
        """From the first action to the last, and until everybody has settled."""
        await self.servers.start_all()
        if self.plan.hardships.registered:
            for person in [*self.people[1:], *(device.person for device in self.acquaintances)]:
                await self.servers.register(person.uid)
        async with asyncio.TaskGroup() as doing:
            for action in self.plan.actions:
                await asyncio.sleep(max(0.0, action.at_s - self._loop.time()))
                doing.create_task(self._carry_out(action))
        await self._settle()

    async def _carry_out(self, action: Action) -> None:
        if action.kind in BEFALLS:
            await self._befall(action)
            return
        if action.kind == "knock":
            if self.acquaintances:
                await self._with_raw(self.acquaintances[action.who % len(self.acquaintances)], action)
            return
        who = action.who % (len(self.raw) + len(self.phones))
        if who < len(self.raw):
            await self._with_raw(self.raw[who], action)
        else:
            await self._with_phone(self.phones[who - len(self.raw)], action)

    async def _with_raw(self, device: RawDevice, action: Action) -> None:
        if action.kind == "connect":
            await device.connect()
        elif action.kind == "browse":
            await device.browse(self.plan.page)
        elif action.kind in ("do", "knock"):
            asked = errand(Random(action.luck), device.known, action.op, self.plan.page)
            if asked is not None:
                await device.ask(*asked)
        else:
            device.drop()

    async def _with_phone(self, phone: Phone, action: Action) -> None:
        if action.kind == "connect":
            await phone.switch_on()
        elif action.kind == "do":
            await use(Random(action.luck), phone, action.op)
        elif action.kind == "sleep":
            await phone.sleep(action.amount)
        elif action.kind == "browse":
            await phone.browse()
        elif action.kind == "twice":
            await phone.start_twice()
        elif action.kind == "glance":
            await phone.glance(Random(action.luck))
        elif action.kind == "reboot":
            await phone.reboot(power_lost=bool(action.amount))
        else:
            phone.lose_link()

    async def _befall(self, action: Action) -> None:
        server = self.servers.servers[action.who % len(self.servers.servers)]
        if action.kind == "crash":
            self.servers.crash(server)
        elif action.kind == "crash_soon":
            self.servers.crash_within(server, int(action.amount))
        elif action.kind == "stop":
            await self.servers.stop(server)
        elif action.kind == "revoke":
            await self.servers.revoke(self.people[action.who % len(self.people)].uid)
        elif action.kind == "register":
            await self.servers.register(self.people[0].uid)
        elif action.kind == "outage":
            await self.disk.refuse_for(action.amount, 0.5 if action.op == "some" else 1.0)
        elif action.kind == "slow":
            await self.servers.slow_down(server, action.amount, moments_of(action))
        elif action.kind == "step":
            await self.servers.step_clock(server, int(action.amount), moments_of(action))
        elif action.kind == "year":
            # Nothing happens in it, so nothing has to be waited for.
            self.servers.skipped_ms += 366 * 86_400_000
            self.recorder.mark("clock_moved", "everybody", "a year")
        else:
            server.skew_ms += int(action.amount)
            self.recorder.mark("clock_moved", server.name, str(action.amount))

    async def _settle(self) -> None:
        """The weather clears, whoever is down comes back, and everything on its way arrives."""
        for faults in (self._link_faults, self._disk_faults, self._wire_faults):
            _clear(faults)
        await self.servers.settle()
        await asyncio.sleep(120)
        # A last word of everybody: whoever should not hear it, does not; whoever should, has to.
        for device in self.raw:
            await device.connect()
            asked = errand(Random(f"last {device.name}"), device.known, "send", self.plan.page)
            if asked is not None and self.plan.hardships.last_word:
                await device.ask(*asked)
        # One after the other, and again: what one still had to say is news for the others.
        for _ in range(2):
            for phone in self.phones:
                await phone.settle()
            await asyncio.sleep(60)
        self.recorder.history.ends.extend(phone.copy() for phone in self.phones)

    async def take_end(self) -> None:
        """Write down what the server holds."""
        people = [*self.people, *(device.person for device in self.acquaintances)]
        uids = [person.uid for person in people]
        sessions = {session_id_of(person.uid, peer) for person in people for peer in person.peers}
        self.recorder.history.ends += await stored_of(self.disk.rows, uids, sessions)


def _clocks_right_s(plan: Plan) -> float:
    """When the last step of a clock is over; long ago where there is none."""
    steps = (action for action in plan.actions if action.kind == "step")
    return max((action.at_s + moments_of(action) for action in steps), default=float("-inf"))


def _clear(faults: Any) -> None:
    for name in vars(faults):
        if not name.endswith("_s"):
            setattr(faults, name, 0.0)


def _settings(plan: Plan) -> Settings:
    return Settings(
        secret="s" * 32,
        cache=plan.cache,
        users="registered" if plan.hardships.registered else "any",
        requests_per_s=20 if plan.throttled else 0,
        requests_burst=40,
    )
