"""What this machine could do at best, measured beside Sixin: its disk, its log, its sockets, its database.

A figure of Sixin stands on the page as a share of the limit it runs into.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from msgspec import Struct

from sixin.bench.fleet import measure
from sixin.bench.machine import Machine, this_machine
from sixin.bench.plan import Plan
from sixin.bench.population import Population

RECORD_BYTES = 600
"""About what a send is in a log: the message, its content of 100 characters, and both contacts."""


class Limit(Struct, frozen=True):
    """One limit."""

    name: str
    meaning: str
    per_s: float
    cpu_us_each: float = 0.0
    """Of the process under measurement; 0 where the disk was waited for."""


class Limits(Struct, kw_only=True):
    """Those of one machine, medians of several runs."""

    limits: list[Limit]
    machine: Machine
    at: str


def measure_limits(folder: Path, postgres_url: str | None, *, runs: int = 3, seconds: float = 2.0) -> Limits:
    """Every limit, each measured `runs` times in turn; `folder` lies on the disk the stores use."""
    kinds: list[Callable[[], Limit]] = [
        lambda: fsyncs(folder, seconds),
        *(partial(log_with_group_commit, folder, seconds, size) for size in (1, 64, 512)),
        lambda: asyncio.run(null_server("echo", seconds)),
        lambda: asyncio.run(null_server("answer", seconds)),
    ]
    if postgres_url:
        kinds += [partial(_postgres, postgres_url, seconds, size) for size in (64, 512)]
    found: dict[str, list[Limit]] = {}
    for _ in range(runs):
        for kind in kinds:
            limit = kind()
            found.setdefault(limit.name, []).append(limit)
    return Limits(
        limits=[_median(limits) for limits in found.values()],
        machine=this_machine(),
        at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


def _median(limits: list[Limit]) -> Limit:
    return Limit(
        limits[0].name,
        limits[0].meaning,
        round(median(limit.per_s for limit in limits), 1),
        round(median(limit.cpu_us_each for limit in limits), 2),
    )


def fsyncs(folder: Path, seconds: float) -> Limit:
    """Appends of 4 KiB, each made durable."""
    done = _append(folder, b"x" * 4_096, seconds)
    return Limit(
        "fsync", "4 KiB appended to a file and made durable with fdatasync, one after the other", done / seconds
    )


def log_with_group_commit(folder: Path, seconds: float, batch: int) -> Limit:
    """The least a durable store can do: append a batch, make it durable once."""
    done = _append(folder, b"x" * RECORD_BYTES * batch, seconds) * batch
    return Limit(
        f"log, {batch} a commit",
        f"records of {RECORD_BYTES} bytes appended to a file, one fdatasync for {batch} of them",
        done / seconds,
    )


def _append(folder: Path, piece: bytes, seconds: float) -> int:
    done = 0
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            file.write(piece)
            os.fdatasync(file.fileno())
            done += 1
    return done


async def null_server(kind: str, seconds: float, connections: int = 500) -> Limit:
    """Our listener with nothing behind it, under the same load generator."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.null_server", kind, stdout=asyncio.subprocess.PIPE
    )
    try:
        if process.stdout is None:
            raise RuntimeError("no pipe to the null server")
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode()
        plan = Plan(
            host="127.0.0.1",
            port=int(line.rpartition(":")[2]),
            secret="-" * 32,
            traffic="send",
            population=Population(connections),
            links=list(range(connections)),
            seconds=seconds,
            warmup_s=0.5,
            verify=False,
        )
        measured = await measure(plan, server_pids=[process.pid])
    finally:
        process.kill()
        await process.wait()
    meaning = {
        "echo": "one frame in, one frame out",
        "answer": "one frame in; the acknowledgement and four notices out, as for a send between two",
    }[kind]
    generator = measured.generator
    return Limit(
        f"null server, {kind}",
        f"our own listener with no rules and no store, {connections} connections: {meaning}"
        f" (load generator: {generator.cpu_us_per_op:.0f} µs each)",
        measured.achieved_per_s,
        measured.processes[0].cpu_us_per_op,
    )


def _postgres(url: str, seconds: float, batch: int) -> Limit:
    return asyncio.run(postgres_commits(url, seconds, batch))


async def postgres_commits(url: str, seconds: float, batch: int) -> Limit:
    """Plain rows into one table without an index, one statement and one commit a batch."""
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE TABLE probe (id bigint, body bytea)")
        ids, bodies = list(range(batch)), [b"x" * (RECORD_BYTES - 8)] * batch
        done, end = 0, time.perf_counter() + seconds
        statement = await connection.prepare("INSERT INTO probe SELECT * FROM unnest($1::bigint[], $2::bytea[])")
        while time.perf_counter() < end:
            await statement.fetch(ids, bodies)
            done += batch
        await connection.execute("DROP TABLE probe")
    finally:
        await connection.close()
    return Limit(
        f"PostgreSQL, {batch} a commit",
        f"rows of {RECORD_BYTES} bytes into a table without an index: one statement, one commit for {batch} of them",
        done / seconds,
    )
