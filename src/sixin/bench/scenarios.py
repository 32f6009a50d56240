"""The scenarios: what is prepared, what is measured, and in which order."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter

from msgspec import Struct
from msgspec.structs import replace

from sixin.bench.catchup import catch_up
from sixin.bench.fleet import Measured, RunFailed, Say, measure
from sixin.bench.machine import kernel_memory_bytes, used_by
from sixin.bench.plan import Plan, Traffic
from sixin.bench.population import Population
from sixin.bench.prepare import fill, open_link
from sixin.bench.report import Idle, Report
from sixin.bench.spawn import Running, Spawned, Target
from sixin.core.limits import CONNECTIONS_PER_USER_MAX

PULLS: Sequence[Traffic] = ("pull_new", "pull_old", "pull_contacts", "contact", "unread")
GROWTH_STEPS = (10_000, 100_000, 1_000_000, 10_000_000)


class Asked(Struct, frozen=True, kw_only=True):
    """What `sixin bench` was asked for."""

    connections: int = 100
    rate: float = 0.0
    window: int = 1
    seconds: float = 5.0
    warmup_s: float = 1.0
    workers: int = 1
    text_bytes: int = 100
    contacts: int = 10
    messages: int = 20_000
    """Prepared before reads are measured; and how far `growth` goes."""
    conversations: int = 1_000
    verify: bool = True


class Bench(Struct):
    """A run on its way: what was asked, the server, and where to tell."""

    asked: Asked
    spawned: Spawned | Running
    report: Report
    say: Say

    def plan(self, target: Target, traffic: Traffic, **changed: object) -> Plan:
        """A plan as it was asked for, but for what is `changed`."""
        asked = self.asked
        plan = Plan(
            host=target.host,
            port=target.port,
            secret=target.secret,
            traffic=traffic,
            population=Population(asked.connections, asked.contacts),
            links=list(range(asked.connections)),
            rate=asked.rate,
            window=asked.window,
            seconds=asked.seconds,
            warmup_s=asked.warmup_s,
            text_bytes=asked.text_bytes,
            verify=asked.verify,
        )
        return replace(plan, **changed)

    async def measure(self, target: Target, plan: Plan, name: str = "") -> Measured:
        """Carry out a plan and keep what it measured, under a name of its own where there are several."""
        self.say(f"{name or plan.traffic}: {len(plan.links)} connections")
        measured = await measure(plan, workers=self.asked.workers, server_pids=target.pids, say=self.say)
        measured.traffic = name or plan.traffic
        self.report.measured.append(measured)
        return measured


async def send(bench: Bench) -> None:
    """Durable sends of pairs, each connection another user."""
    target = await bench.spawned.start()
    await bench.measure(target, bench.plan(target, "send"))


async def mix(bench: Bench) -> None:
    """Like real life: mostly pulls, presence and reads, few sends."""
    target = await bench.spawned.start()
    plan = bench.plan(target, "mix")
    await fill(target, plan, bench.asked.messages, bench.say)
    await bench.measure(target, plan)


async def fanout(bench: Bench) -> None:
    """One message to all devices of two users, 64 each; then typing, to the 64 of one."""
    target = await bench.spawned.start()
    pairs = max(1, bench.asked.connections // (2 * CONNECTIONS_PER_USER_MAX))
    users = 2 * pairs
    links = list(range(users * CONNECTIONS_PER_USER_MAX))
    asking = list(range(0, users, 2))
    plan = bench.plan(target, "fanout", population=Population(users, 1), links=links, asking=asking)
    await bench.measure(target, plan, "send")
    await bench.measure(target, replace(plan, traffic="typing", verify=False), "typing")


async def idle(bench: Bench) -> None:
    """Connections that said hello and wait."""
    target = await bench.spawned.start()
    count = bench.asked.connections
    # What the first connections bring into memory is not theirs alone.
    await asyncio.gather(*[_open_and_close(target, bench.plan(target, "idle"), number) for number in range(20)])
    kernel_before, process_before = kernel_memory_bytes(), _pss_bytes(target)
    plan = bench.plan(target, "idle", verify=False)
    kernel, process = 0, 0

    def look(_: str) -> None:
        nonlocal kernel, process
        kernel, process = kernel_memory_bytes(), _pss_bytes(target)

    measured = await measure(plan, workers=bench.asked.workers, server_pids=target.pids, say=look)
    bench.report.idle.append(
        Idle(
            connections=count,
            process_kib=round((process - process_before) / count / 1024, 2),
            kernel_kib=round((kernel - kernel_before) / count / 1024, 2),
            opened_per_s=round(count / measured.opened_in_s, 1),
        )
    )


async def _open_and_close(target: Target, plan: Plan, number: int) -> None:
    link, _ = await open_link(target, plan.population.uid(number), number)
    link.close()


def _pss_bytes(target: Target) -> int:
    return sum(used.pss_bytes for used in used_by(target.pids).values())


async def pulls(bench: Bench) -> None:
    """Every read: warm after the writes, and cold after a new start."""
    target = await bench.spawned.start()
    plan = bench.plan(target, "pull_new", verify=False)
    await fill(target, plan, bench.asked.messages, bench.say)
    await _each_pull(bench, target, "warm")
    if bench.spawned.keeps:
        await bench.spawned.stop()
        await _each_pull(bench, await bench.spawned.start(), "cold")


async def _each_pull(bench: Bench, target: Target, name: str, traffics: Sequence[Traffic] = PULLS) -> None:
    for traffic in traffics:
        await bench.measure(target, bench.plan(target, traffic, verify=False), f"{traffic}, {name}")


async def catchup(bench: Bench) -> None:
    """Login and catch-up of one user with many conversations."""
    bench.report.caught_up += await catch_up(bench.spawned, bench.asked.conversations, bench.asked.text_bytes)


async def growth(bench: Bench) -> None:
    """The same work over and over, while the store grows."""
    target = await bench.spawned.start()
    plan = bench.plan(target, "send", verify=False)
    held = 0
    for step in (step for step in GROWTH_STEPS if step <= bench.asked.messages):
        began = perf_counter()
        await fill(target, plan, max(0, step - held), bench.say)
        bench.say(f"{step} messages after {perf_counter() - began:.0f} s more")
        measured = await bench.measure(target, plan, f"send, {step} messages")
        held = step + round(measured.achieved_per_s * (measured.seconds + plan.warmup_s))
        await _each_pull(bench, target, f"{step} messages", ("pull_new", "pull_old", "pull_contacts"))


SCENARIOS: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "send": send,
    "fanout": fanout,
    "idle": idle,
    "pulls": pulls,
    "catchup": catchup,
    "mix": mix,
    "growth": growth,
}


async def run(scenario: str, bench: Bench) -> Report:
    """Carry out a scenario on a fresh server. Raises `RunFailed` and `NotStarted`."""
    async with bench.spawned:
        await SCENARIOS[scenario](bench)
    if not bench.report.measured and not bench.report.idle and not bench.report.caught_up:
        raise RunFailed("Nothing was measured.")
    return bench.report
