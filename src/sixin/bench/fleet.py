"""The parent of a run: starts the workers, gives them one beginning, looks at the server meanwhile, and adds up."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from time import perf_counter

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from sixin.bench.latency import Histogram, Latency
from sixin.bench.machine import Share, Used, busy_s, shares, used_by
from sixin.bench.plan import Failed, Go, Judge, Outcome, Plan, Progress, Quiet, Ready, Told, Verdict
from sixin.bench.spawn import pipe

OPEN_TIMEOUT_S = 180.0
END_TIMEOUT_S = 900.0
"""Checking a million messages takes minutes."""

BEGIN_IN_S = 0.3

Say = Callable[[str], None]


class RunFailed(Exception):
    """A run could not be made; the message says why."""


class Generator(Struct, frozen=True):
    """What the load generator itself did: proof that it was not the limit."""

    processes: int
    cpu_us_per_op: float
    busiest_core: float
    """Of the busiest worker: 1.0 would be a full core, and the figure would be the generator's."""
    late_p50_ms: float
    late_p99_ms: float


class Measured(Struct, kw_only=True):
    """One run."""

    traffic: str
    connections: int
    users: int
    window: int
    seconds: float
    offered_per_s: float
    """0 in a closed loop."""
    achieved_per_s: float
    frames_per_s: float
    bytes_out_per_s: float
    """What the server wrote to all connections."""
    latency: dict[str, Latency]
    errors: dict[str, int]
    generator: Generator
    processes: list[Share] = field(default_factory=list)
    verdict: Verdict | None = None
    opened_in_s: float = 0.0
    others_cores: float = 0.0
    """CPU seconds a second that neither the server nor the generator used: kernel work for both, and other people's."""


class _Looks(Struct, frozen=True):
    """The machine at both ends of the measured window."""

    before: dict[int, Used]
    after: dict[int, Used]
    busy_s: float
    seconds: float
    """Between the looks: a busy machine lets the second one wait."""


class _Process:
    """One worker as its parent sees it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.answered = 0
        self.frames = 0
        self._process: asyncio.subprocess.Process

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "sixin.bench.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 26,
        )
        await self._tell(self.plan)

    async def ready(self) -> Ready:
        told = await self._heard(OPEN_TIMEOUT_S)
        if not isinstance(told, Ready):
            raise RunFailed(f"A worker did not get ready: {told}")
        return told

    async def go(self, at: float, together: asyncio.Barrier) -> Outcome:
        """Carry out the plan. All workers are quiet before one of them judges: they send to each other's users."""
        await self._tell(Go(at))
        while True:
            told = await self._heard(END_TIMEOUT_S)
            if isinstance(told, Outcome):
                return told
            if isinstance(told, Quiet):
                await together.wait()
                await self._tell(Judge())
            elif isinstance(told, Progress):
                self.answered, self.frames = told.answered, told.frames
            else:
                raise RunFailed(f"A worker failed: {told}")

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def _tell(self, told: Plan | Go | Judge) -> None:
        stdin = pipe(self._process.stdin)
        stdin.write(msgspec.json.encode(told) + b"\n")
        await stdin.drain()

    async def _heard(self, timeout_s: float) -> Told:
        async with asyncio.timeout(timeout_s):
            line = await pipe(self._process.stdout).readline()
        return msgspec.json.decode(line, type=Told) if line else Failed("it ended without a word")


def divided(plan: Plan, workers: int) -> list[Plan]:
    """A plan for each worker: every nth link, and its part of the rate."""
    asking = set(plan.asking or plan.links)
    parts = []
    for nth in range(workers):
        links = plan.links[nth::workers]
        ours = [link for link in links if link in asking]
        rate = plan.rate * len(ours) / len(asking)
        parts.append(replace(plan, links=links, asking=ours, rate=rate, seed=plan.seed + nth))
    return [part for part in parts if part.links]


async def measure(
    plan: Plan, *, workers: int = 1, server_pids: Sequence[int] = (), say: Say = lambda line: None
) -> Measured:
    """Carry out a plan with this many processes. Raises `RunFailed`."""
    processes = [_Process(part) for part in divided(plan, workers)]
    try:
        for process in processes:
            await process.start()
        ready = await asyncio.gather(*(process.ready() for process in processes))
        together = asyncio.Barrier(len(processes))
        at = perf_counter() + BEGIN_IN_S
        async with asyncio.TaskGroup() as tasks:
            outcomes = [tasks.create_task(process.go(at, together)) for process in processes]
            look = tasks.create_task(_look(plan, at, server_pids, processes, say))
    except (TimeoutError, ExceptionGroup) as failed:
        raise RunFailed(repr(failed)) from failed
    finally:
        await asyncio.gather(*(process.end() for process in processes), return_exceptions=True)
    measured = summed(plan, [outcome.result() for outcome in outcomes])
    looks = look.result()
    ops = round(measured.achieved_per_s * looks.seconds)
    measured.processes = shares(looks.before, looks.after, ops=ops, seconds=looks.seconds)
    ours = sum(share.cores for share in measured.processes) + sum(
        window.cpu_s / window.seconds for window in (one.result().window for one in outcomes)
    )
    measured.others_cores = round(max(0.0, looks.busy_s / looks.seconds - ours), 2)
    measured.opened_in_s = round(max(one.opened_in_s for one in ready), 3)
    return measured


async def _look(plan: Plan, at: float, pids: Sequence[int], processes: Sequence[_Process], say: Say) -> _Looks:
    start = at + plan.warmup_s
    await asyncio.sleep(max(0.0, start - perf_counter()))
    looked, busy_before_s, before = perf_counter(), busy_s(), used_by(pids)
    stop = start + plan.seconds
    seen = sum(process.answered for process in processes)
    while (left_s := stop - perf_counter()) > 0:
        await asyncio.sleep(min(1.0, left_s))
        answered = sum(process.answered for process in processes)
        say(f"{plan.seconds - max(0.0, stop - perf_counter()):6.1f} s {answered - seen:>8} answered")
        seen = answered
    # To look at the memory of a process takes a tenth of a second and more: the clock is read first, both times.
    seconds, busy = perf_counter() - looked, busy_s() - busy_before_s
    return _Looks(before, used_by(pids), busy, seconds)


def summed(plan: Plan, outcomes: Sequence[Outcome]) -> Measured:
    """One picture of what several workers measured."""
    latencies: dict[str, Histogram] = {}
    late, verdict = Histogram(), Verdict()
    errors: dict[str, int] = {}
    for outcome in outcomes:
        for kind, histogram in outcome.latencies.items():
            latencies.setdefault(kind, Histogram({})).merge(histogram)
        for code, count in outcome.errors.items():
            errors[code] = errors.get(code, 0) + count
        late.merge(outcome.late)
        if outcome.verdict is not None:
            verdict.merge(outcome.verdict)
    seconds = plan.seconds
    windows = [outcome.window for outcome in outcomes]
    ops = sum(window.answered for window in windows)
    cpu_s = sum(window.cpu_s for window in windows)
    lateness = late.summary()
    return Measured(
        traffic=plan.traffic,
        connections=len(plan.links),
        users=plan.population.users,
        window=0 if plan.rate else plan.window,
        seconds=seconds,
        offered_per_s=round(sum(outcome.offered for outcome in outcomes) / seconds, 1) if plan.rate else 0.0,
        achieved_per_s=round(sum(window.answered / window.seconds for window in windows), 1),
        frames_per_s=round(sum(window.frames / window.seconds for window in windows), 1),
        bytes_out_per_s=round(sum(window.bytes_read / window.seconds for window in windows), 1),
        latency={kind: histogram.summary() for kind, histogram in latencies.items()},
        errors=errors,
        generator=Generator(
            processes=len(outcomes),
            cpu_us_per_op=round(cpu_s / max(ops, 1) * 1e6, 2),
            busiest_core=round(max(window.cpu_s / window.seconds for window in windows), 3),
            late_p50_ms=lateness.p50_ms,
            late_p99_ms=lateness.p99_ms,
        ),
        verdict=verdict if any(outcome.verdict for outcome in outcomes) else None,
    )
