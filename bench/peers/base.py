"""What a peer has to offer to be measured: users, and a message that is waited for until the server has it."""

import asyncio
from abc import ABC, abstractmethod
from array import array
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import ClassVar

from msgspec import Struct

from sixin.bench.latency import Histogram
from sixin.bench.machine import Machine, shares, this_machine, used_by
from sixin.bench.traffic import SENTENCE

TEXT = (SENTENCE * 2)[:100]
START_TIMEOUT_S = 90.0


class PeerResult(Struct, kw_only=True):
    """One peer, measured once."""

    name: str
    version: str
    durability: str
    configuration: str
    senders: int
    seconds: float
    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us_per_send: float
    """Of all its processes, its database included."""
    acknowledged: int
    """Messages, the warm-up's included."""
    stored: int
    """What its archive held at the end: not fewer, or an acknowledgement means less than is claimed."""
    machine: Machine


class PeerBroken(Exception):
    """It did not start, or refused something; its own words follow."""


class Peer(ABC):
    """A system under test. `start`, `prepare`, then `send` from every sender, then `stop`."""

    name: ClassVar[str]
    durability: ClassVar[str]
    configuration: ClassVar[str]
    senders: ClassVar[int] = 100

    def __init__(self, folder: Path, postgres_url: str) -> None:
        self.folder = folder
        self.postgres_url = postgres_url
        self.version = ""

    @property
    @abstractmethod
    def pids(self) -> list[int]:
        """Its own first processes."""

    @abstractmethod
    async def start(self) -> None:
        """Start it and wait until it serves. Raises `PeerBroken`."""

    @abstractmethod
    async def prepare(self) -> None:
        """Make the users, and open a connection for each sender."""

    @abstractmethod
    async def send(self, sender: int, nth: int) -> None:
        """Say `TEXT` to the sender's peer, and return when the server says that it has it."""

    @abstractmethod
    async def stored(self) -> int:
        """How many messages its archive holds."""

    async def count(self, statement: str) -> int:
        """A number from its database."""
        import asyncpg

        connection = await asyncpg.connect(self.postgres_url)
        try:
            return int(await connection.fetchval(statement))
        finally:
            await connection.close()

    @abstractmethod
    async def stop(self) -> None:
        """End it."""


async def measure_peer(peer: Peer, *, seconds: float, warmup_s: float, also_pids: Sequence[int]) -> PeerResult:
    """Let every sender send one message after the other."""
    latencies: array[float] = array("d")
    acknowledged = 0
    await peer.start()
    try:
        await peer.prepare()
        start = perf_counter() + warmup_s
        stop = start + seconds

        async def sender(number: int) -> None:
            nonlocal acknowledged
            nth = 0
            while (began := perf_counter()) < stop:
                nth += 1
                await peer.send(number, nth)
                ended = perf_counter()
                acknowledged += 1
                if start <= began and ended < stop:
                    latencies.append(ended - began)

        async with asyncio.timeout(warmup_s + seconds + 60), asyncio.TaskGroup() as senders:
            for number in range(peer.senders):
                senders.create_task(sender(number))
            await asyncio.sleep(max(0.0, start - perf_counter()))
            pids = [*peer.pids, *also_pids]
            before = used_by(pids)
            await asyncio.sleep(max(0.0, stop - perf_counter()))
            after = used_by(pids)
        stored = await peer.stored()
    finally:
        await peer.stop()
    counted = Histogram()
    counted.add_all(latencies)
    summary = counted.summary()
    used = shares(before, after, ops=summary.count, seconds=seconds)
    return PeerResult(
        name=peer.name,
        version=peer.version,
        durability=peer.durability,
        configuration=peer.configuration,
        senders=peer.senders,
        seconds=seconds,
        per_s=round(summary.count / seconds, 1),
        p50_ms=summary.p50_ms,
        p99_ms=summary.p99_ms,
        cpu_us_per_send=round(sum(share.cpu_us_per_op for share in used), 1),
        acknowledged=acknowledged,
        stored=stored,
        machine=this_machine(),
    )
