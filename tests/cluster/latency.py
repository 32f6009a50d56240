"""How long a notice takes across nodes, and what several nodes commit: python -m tests.cluster.latency

All on this one machine, PostgreSQL and NATS included, so more nodes share the same cores.
"""

import asyncio
import itertools
import sys
import time
from statistics import median

from sixin.core.ids import Uid
from tests.cluster.nodes import Cluster, cluster_of
from tests.server.house import Device
from tests.services.nats import NatsServer
from tests.services.postgres import PostgresServer
from tests.services.programs import NATS, POSTGRES
from tests.services.server import stop_on_sigterm

NOTICES = 500
SENDERS = 48
SECONDS = 5.0


async def notices(cluster: Cluster, at_sender: int, at_reader: int) -> list[float]:
    """Milliseconds from before a send to its notice on another device, of one send at a time."""
    ann, ben = await cluster.device(1001, at=at_sender), await cluster.device(1002, at=at_reader)
    await asyncio.sleep(1)  # who came where is known by then
    took = []
    for seq_id in range(1, NOTICES + 1):
        begun = time.perf_counter()
        reading = asyncio.create_task(ben.notice("message"))
        await ann.say(1002, "hello", seq_id + at_reader * 10_000)
        await reading
        took.append((time.perf_counter() - begun) * 1_000)
        await ben.nothing_more()
    return sorted(took)


async def sends(cluster: Cluster) -> float:
    """Sends a second, of pairs that each wait for their answer, spread over the nodes."""
    done = 0
    deadline = time.perf_counter() + SECONDS

    async def talk(device: Device, to: int) -> None:
        nonlocal done
        for seq_id in itertools.count(1):
            if time.perf_counter() > deadline:
                return
            await device.say(to, "hello", seq_id)
            done += 1

    devices = [await cluster.device(Uid(3_000 + nth), at=nth % len(cluster.nodes)) for nth in range(SENDERS)]
    deadline = time.perf_counter() + SECONDS
    await asyncio.gather(*(talk(device, 5_000 + nth) for nth, device in enumerate(devices)))
    return done / SECONDS


async def main() -> int:
    postgres, nats = POSTGRES.find(), NATS.find()
    if postgres is None or nats is None:
        print("PostgreSQL and NATS are needed: make services", file=sys.stderr)
        return 2
    with PostgresServer(postgres) as database, NatsServer(nats) as bus:
        print("| nodes | sends/s | notice on the same node p50, p99 (ms) | on another p50, p99 (ms) |")
        print("| ---: | ---: | --- | --- |")
        for count in (1, 2, 3):
            url = database.create_database(f"with_{count}")
            async with cluster_of(count, url, bus.url) as cluster:
                shown = [_shown(await notices(cluster, 0, at)) for at in ({0, count - 1} if count > 1 else {0})]
                print(f"| {count} | {await sends(cluster):.0f} | {shown[0]} | {(shown[1:] or ['–'])[0]} |", flush=True)
    return 0


def _shown(took: list[float]) -> str:
    return f"{median(took):.1f}, {took[int(0.99 * len(took))]:.1f}"


if __name__ == "__main__":
    stop_on_sigterm()
    sys.exit(asyncio.run(main()))
