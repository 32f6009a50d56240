"""How many sends a second PostgreSQL takes from one, two, three nodes, and what each costs in PostgreSQL and in Python.

    python -m bench.store_write_postgres [--nodes 1 2 3] [--outstanding 64 512] [--seconds 8]

A node is a process with a real store and a real writer; senders wait for their answer before they send again. The
cluster is a throw-away one with fsync on, and everything shares this machine: the figures compare, they do not boast.
"""

import argparse
import asyncio
import itertools
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import NamedTuple

import uvloop

from sixin.core.commands import Policy, Send
from sixin.core.ids import SessionId, Uid, pair_session_id
from sixin.server.store.postgres import PostgresStore
from sixin.server.store.writer import Writer
from tests.services.postgres import PostgresServer
from tests.services.programs import POSTGRES

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
CONTENT = b'{"text":"' + b"x" * 190 + b'","type":"text"}'
DIGEST = blake2b(CONTENT, digest_size=16).digest()


class World(NamedTuple):
    """Who writes to whom: pairs drawn uniformly, which is the worst case for every cache."""

    users: int
    sessions: int

    def pairs(self) -> list[tuple[Uid, Uid, SessionId]]:
        random = Random(1)  # noqa: S311 - a script, not a secret
        uids = [Uid(random.randint(1, self.users)) for _ in range(2 * self.sessions)]
        pairs = zip(uids[::2], uids[1::2], strict=True)
        return [(one, other, pair_session_id(one, other)) for one, other in pairs]


class Task(NamedTuple):
    """What one node does."""

    url: str
    world: World
    nth: int
    outstanding: int
    seconds: float


class Result(NamedTuple):
    """What it saw."""

    sends: int
    batches: int
    cpu_s: float
    latencies_s: list[float]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def run_node(task: Task) -> Result:
    return uvloop.run(_run_node(task))


async def _run_node(task: Task) -> Result:
    store = PostgresStore(task.url)
    await store.open()
    writer = Writer(store, now_ms=now_ms, policy=Policy(), committed=lambda _: None)
    pairs = task.world.pairs()
    random = Random(task.nth)  # noqa: S311 - a script, not a secret
    latencies: list[float] = []
    cpu_s = time.process_time()
    end = time.perf_counter() + task.seconds
    # Above every number of an earlier run, as a device counts, and another for every node.
    seq_ids = itertools.count(time.time_ns() // 1_000 * 4 + task.nth, 4)

    async def sender() -> None:
        while time.perf_counter() < end:
            one, other, session_id = random.choice(pairs)
            begun = time.perf_counter()
            await writer.change(Send(random.choice((one, other)), session_id, next(seq_ids), CONTENT, DIGEST))
            latencies.append(time.perf_counter() - begun)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        async with asyncio.TaskGroup() as senders:
            for _ in range(task.outstanding):
                senders.create_task(sender())
        writer.stop()
    await store.close()
    return Result(writer.commands, writer.batches, time.process_time() - cpu_s, latencies)


async def preload(url: str, world: World) -> None:
    """Every session gets its first message, so that what is measured is the steady state."""
    store = PostgresStore(url)
    await store.open()
    writer = Writer(store, now_ms=now_ms, policy=Policy(), committed=lambda _: None, queue_max=world.sessions)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writer.run())
        sends = [
            Send(one, session_id, nth, CONTENT, DIGEST) for nth, (one, _, session_id) in enumerate(world.pairs(), 1)
        ]
        await asyncio.gather(*(writer.change(send) for send in sends))
        writer.stop()
    await store.close()


def server_cpu_s(server: PostgresServer) -> float:
    """User and system time of the whole cluster, dead backends included."""
    postmaster = int((server.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
    total = _ticks(postmaster, 14, 17)
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if int(_stat(int(folder.name))[1]) == postmaster:
                    total += _ticks(int(folder.name), 14, 15)
            except (OSError, IndexError, ValueError):
                continue  # it ended while we looked
    return total / TICKS_PER_S


def _stat(pid: int) -> list[str]:
    """The fields of /proc/pid/stat after the name: state, parent …; number n of the manual (proc(5)) is at n - 3."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _ticks(pid: int, first: int, last: int) -> int:
    """The sum of fields `first` to `last` of the manual: 14 and 15 are its own time, 16 and 17 its dead children's."""
    return sum(int(field) for field in _stat(pid)[first - 3 : last - 2])


@contextmanager
def cluster() -> Iterator[PostgresServer]:
    programs = POSTGRES.find()
    if programs is None:
        raise SystemExit("PostgreSQL is not installed: make services")
    with PostgresServer(programs) as server:
        yield server


def measure(server: PostgresServer, world: World, nodes: int, outstanding: int, seconds: float) -> None:
    tasks = [Task(server.url, world, nth, outstanding // nodes, seconds) for nth in range(nodes)]
    postgres_s, begun = server_cpu_s(server), time.perf_counter()
    with ProcessPoolExecutor(nodes, multiprocessing.get_context("spawn")) as pool:
        results = list(pool.map(run_node, tasks))
    postgres_s = server_cpu_s(server) - postgres_s
    sends = sum(result.sends for result in results)
    latencies = sorted(latency for result in results for latency in result.latencies_s)
    print(
        f"{nodes} nodes, {outstanding:4} outstanding: {sends / seconds:7.0f} sends/s, "
        f"batch {sends / sum(result.batches for result in results):5.1f}, "
        f"p50 {latencies[len(latencies) // 2] * 1e3:6.1f} ms, "
        f"p99 {latencies[len(latencies) * 99 // 100] * 1e3:6.1f} ms, "
        f"PostgreSQL {postgres_s / sends * 1e6:5.1f} µs/send, "
        f"Python {sum(result.cpu_s for result in results) / sends * 1e6:5.1f} µs/send "
        f"(in {time.perf_counter() - begun:.0f} s)",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--outstanding", type=int, nargs="+", default=[1, 64, 512], help="over all nodes")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--users", type=int, default=40_000)
    parser.add_argument("--sessions", type=int, default=100_000)
    options = parser.parse_args()
    world = World(options.users, options.sessions)
    with cluster() as server:
        asyncio.run(preload(server.url, world))
        for outstanding in options.outstanding:
            for nodes in options.nodes:
                if nodes <= outstanding:
                    measure(server, world, nodes, outstanding, options.seconds)


if __name__ == "__main__":
    main()
