"""How long a notice takes from one node to another, and what a batch of them costs.

    python -m bench.bus_nats [--batch 1 64 512] [--seconds 4]

Two processes and a throw-away NATS on this machine. A batch of sends goes to the other node, which answers with one
word; half of the round trip is the way of a notice. CPU is that of both processes, without NATS.
"""

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Sequence

import uvloop

from sixin.core.ids import Uid
from sixin.server.bus.base import Told, Typing
from sixin.server.bus.nats import NatsBus
from tests.bus.nodes import ANN, BEN, said, until
from tests.services.nats import NatsServer
from tests.services.programs import NATS

CONTENT = b'{"text":"' + b"x" * 190 + b'","type":"text"}'


async def answer(url: str) -> None:
    """The other node: says one word for each batch, until it is ended."""
    bus = NatsBus(url)

    def receive(told: Sequence[Told]) -> None:
        bus.tell([Typing(str(time.process_time()), BEN, (ANN,))])

    await bus.open(receive)
    bus.connected(BEN)
    await asyncio.Event().wait()


def run_answer(url: str) -> None:
    uvloop.run(answer(url))


async def ask(url: str, batch: int, seconds: float) -> None:
    """The node that is measured."""
    bus = NatsBus(url)
    answers: asyncio.Queue[float] = asyncio.Queue(maxsize=2)
    await bus.open(lambda told: answers.put_nowait(float(told[0].session_id) if isinstance(told[0], Typing) else 0.0))
    bus.connected(ANN)
    await until(lambda: bus.is_connected(BEN) and bus.healthy)
    told = [one for nth in range(1, batch + 1) for one in said(nth, by=Uid(1), to=BEN, content=CONTENT)]
    ways, rounds = [], 0
    begun, cpu_s, other_first = time.perf_counter(), time.process_time(), None
    other_last = 0.0
    while time.perf_counter() - begun < seconds:
        start = time.perf_counter()
        bus.tell(told)
        other_last = await answers.get()
        ways.append((time.perf_counter() - start) / 2)
        other_first = other_last if other_first is None else other_first
        rounds += 1
    cpu_s = time.process_time() - cpu_s + other_last - (other_first or 0.0)
    ways.sort()
    print(
        f"batch {batch:3}: p50 {ways[len(ways) // 2] * 1e6:6.0f} µs, p99 {ways[len(ways) * 99 // 100] * 1e6:6.0f} µs, "
        f"{rounds * batch / seconds:7.0f} sends/s told, {cpu_s / rounds / batch * 1e6:6.1f} µs CPU/send",
        flush=True,
    )
    await bus.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 64, 512])
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    program = NATS.find()
    if program is None:
        raise SystemExit("NATS is not installed: make services")
    with NatsServer(program) as server:
        other = multiprocessing.get_context("spawn").Process(target=run_answer, args=[server.url], daemon=True)
        other.start()
        for batch in options.batch:
            uvloop.run(ask(server.url, batch, options.seconds))
        other.kill()


if __name__ == "__main__":
    main()
