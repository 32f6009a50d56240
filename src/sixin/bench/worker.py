"""One process of the load generator: opens its links, keeps its part of the rate, measures, and checks what it sent.

Told by lines of JSON on its standard input (`Plan`, then `Go`, then `Judge`), tells by lines on its standard output.
"""

import asyncio
import contextlib
import gc
import resource
import sys
from array import array
from random import Random
from time import perf_counter, process_time

import msgspec

from sixin.bench.latency import Histogram
from sixin.bench.link import Broken, Calls, Link, Refused
from sixin.bench.plan import Failed, Go, Judge, Outcome, Plan, Progress, Quiet, Ready, Told, Verdict, Window
from sixin.bench.tokens import mint
from sixin.bench.traffic import KIND_BITS, Fanout, Mix, Requests, Sender, Sends, requests_of
from sixin.bench.verdict import check_user

OPENING_AT_ONCE = 64
VERIFYING_AT_ONCE = 8
OUTSTANDING_MAX = 200_000
"""Requests under way of one worker. A server this far behind is measured already; more would measure our memory."""

DRAIN_S = 15.0
"""How long answers are waited for after the last request."""

TICK_S = 0.001
KIND_MASK = (1 << KIND_BITS) - 1


class Worker:
    """Carries out one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._requests: Requests = requests_of(plan)
        self._links = [Link(number, self._answered) for number in plan.links]
        asking = set(plan.asking or plan.links)
        self._asking = [link for link in self._links if link.number in asking]
        self._latencies: dict[str, array[float]] = {kind: array("d") for kind in self._requests.kinds}
        self._by_kind = [self._latencies[kind] for kind in self._requests.kinds]
        self._late: array[float] = array("d")
        self._start = self._stop = float("inf")
        self._running = False
        self._outstanding = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._offered = 0
        self._answered_total = 0
        self._answered_well = 0
        self._errors: dict[str, int] = {}
        if isinstance(self._requests, Fanout):
            self._requests.arrived = self._arrived

    async def open(self) -> None:
        """Open every link and learn what it needs. Raises `Broken`, `OSError`, `TimeoutError`."""
        gate = asyncio.Semaphore(OPENING_AT_ONCE)

        async def open_one(link: Link) -> None:
            async with gate:
                uid = self._plan.population.uid(link.number)
                await link.open(self._plan.host, self._plan.port, mint(self._plan.secret, uid))
                await self._requests.learn(link, Calls(link))
                link.answered = self._answered

        # In order, so that the first link of a user is the first the server knows.
        async with asyncio.TaskGroup() as opening:
            for link in self._links:
                opening.create_task(open_one(link))

    async def run(self, at: float) -> Outcome:
        """Make requests from `at` on, through the warm-up and the measured window."""
        plan = self._plan
        self._start = at + plan.warmup_s
        self._stop = self._start + plan.seconds
        self._running = True
        async with asyncio.TaskGroup() as tasks:
            window = tasks.create_task(self._watch_window())
            if plan.traffic != "idle" and self._asking:
                tasks.create_task(self._pace(at) if plan.rate else self._begin_closed(at))
        await self._drain()
        return Outcome(
            latencies={kind: histogram_of(latencies) for kind, latencies in self._latencies.items() if latencies},
            window=window.result(),
            answered=self._answered_total,
            offered=self._offered,
            errors=self._errors | self._lost(),
            late=histogram_of(self._late),
        )

    async def judge(self) -> Verdict | None:
        """Compare what the server holds with what it acknowledged here. Only once no worker has a send under way."""
        if self._plan.verify and isinstance(self._requests, Sends | Mix):
            return await self._verify(self._requests.senders)
        return None

    def progress(self) -> Progress:
        """How far it has come."""
        return Progress(self._answered_total, sum(link.frames for link in self._links))

    def close(self) -> None:
        """Leave."""
        for link in self._links:
            if not link.lost:
                link.close()

    async def _watch_window(self) -> Window:
        """What happened in the measured window; a closed loop ends with it."""
        await _sleep_until(self._start)
        before = self._look()
        await _sleep_until(self._stop)
        self._running = False
        return self._look().since(before)

    def _look(self) -> Window:
        """Everything from one moment: a busy machine wakes us late, and then all of it is of a longer window."""
        links = self._links
        return Window(
            seconds=perf_counter(),
            answered=self._answered_well,
            frames=sum(link.frames for link in links),
            bytes_read=sum(link.bytes_read for link in links),
            cpu_s=process_time(),
        )

    async def _pace(self, at: float) -> None:
        """Open loop: every request has its time, whether or not the ones before it were answered."""
        rate, links, late = self._plan.rate, self._asking, self._late
        apart = Random(self._plan.seed).expovariate  # noqa: S311 - arrivals of strangers, not a secret
        due, nth, start, stop = at + apart(rate), 0, self._start, self._stop
        while due < stop:
            now = perf_counter()
            while due <= now and due < stop:
                if self._outstanding < OUTSTANDING_MAX:
                    self._ask(links[nth % len(links)], due)
                    nth += 1
                else:
                    self._count_error("not_sent")
                if due >= start:
                    self._offered += 1
                    late.append(now - due)
                due += apart(rate)
            await asyncio.sleep(TICK_S)

    async def _begin_closed(self, at: float) -> None:
        """Closed loop: a fixed number of requests under way; the next leaves when one is answered."""
        await _sleep_until(at)
        for _ in range(self._plan.window):
            for link in self._asking:
                self._ask(link, perf_counter())
        await _sleep_until(self._stop)

    def _ask(self, link: Link, due: float) -> None:
        if link.lost:
            self._count_error("connection_lost")
            return
        request_id, frame = self._requests.request(link, due)
        link.due[request_id] = due
        self._outstanding += 1
        self._quiet.clear()
        link.write(frame)

    def _answered(self, link: Link, request_id: int, payload: bytes, now: float) -> None:
        due = link.due.pop(request_id)
        self._outstanding -= 1
        self._answered_total += 1
        if payload.find(b'"ok"', 6, 32) > 0:
            self._requests.answered(link, request_id, payload)
            self._answered_well += 1
            if self._start <= due < self._stop:
                self._by_kind[request_id & KIND_MASK].append(now - due)
        else:
            self._count_error(_code_of(payload))
        if self._running and not self._plan.rate:
            self._ask(link, now)
        elif not self._outstanding:
            self._quiet.set()

    def _arrived(self, kind: str, due: float, now: float) -> None:
        if self._start <= due < self._stop:
            self._latencies[kind].append(now - due)

    def _count_error(self, code: str) -> None:
        self._errors[code] = self._errors.get(code, 0) + 1

    def _lost(self) -> dict[str, int]:
        counted = {
            "unanswered": sum(len(link.due) for link in self._links),
            "links_lost": sum(link.lost for link in self._links),
        }
        return {name: count for name, count in counted.items() if count}

    async def _drain(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self._quiet.wait()

    async def _verify(self, senders: dict[int, Sender]) -> Verdict:
        """Compare what the server holds for each user with what it acknowledged to his links here."""
        verdict, users = Verdict(), self._plan.population.users
        gate = asyncio.Semaphore(VERIFYING_AT_ONCE)

        async def check(link: Link) -> None:
            async with gate:
                link.noticed = None
                sender = senders.get(link.number)
                await check_user(Calls(link), self._plan.population.uid(link.number), sender, verdict)

        async with asyncio.TaskGroup() as checking:
            for link in self._links:
                if link.number < users and not link.lost:
                    checking.create_task(check(link))
        return verdict


def histogram_of(latencies: "array[float]") -> Histogram:
    """Counted only after the run: sorting a latency into its bucket costs as much as writing a request."""
    histogram = Histogram()
    histogram.add_all(latencies)
    return histogram


def _code_of(payload: bytes) -> str:
    at = payload.find(b'"code":"') + 8
    return payload[at : payload.index(b'"', at)].decode()


async def _sleep_until(at: float) -> None:
    await asyncio.sleep(max(0.0, at - perf_counter()))


def _tell(told: Told) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
    sys.stdout.buffer.flush()


async def _progress(worker: Worker) -> None:
    while True:
        await asyncio.sleep(1.0)
        _tell(worker.progress())


async def main() -> None:
    """Read the plan, carry it out, tell."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=1 << 26)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    worker = Worker(msgspec.json.decode(await lines.readline(), type=Plan))
    began = perf_counter()
    try:
        await worker.open()
        _tell(Ready(perf_counter() - began))
        go = msgspec.json.decode(await lines.readline(), type=Go)
        gc.collect()
        gc.freeze()
        gc.disable()  # a collection in the middle would be counted as the server's latency
        telling = loop.create_task(_progress(worker))
        try:
            outcome = await worker.run(go.at)
            _tell(Quiet())
            msgspec.json.decode(await lines.readline(), type=Judge)
            outcome.verdict = await worker.judge()
            _tell(outcome)
        finally:
            telling.cancel()
    except* (Broken, Refused, OSError, TimeoutError) as failed:
        _tell(Failed(repr(failed.exceptions[0])))
    finally:
        worker.close()


def run() -> None:
    """Start, with as many connections as the machine allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        from uvloop import new_event_loop
    except ImportError:
        from asyncio import new_event_loop  # type: ignore[assignment]
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main())


if __name__ == "__main__":
    run()
