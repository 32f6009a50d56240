"""Everything breaks, one thing after the other, while people talk: python -m tests.cluster.faults --minutes 5 --seed 1

Three real nodes, a real PostgreSQL and a real NATS, each node with links of its own to both, which can be cut and
slowed; a load balancer in front; SDK devices and HTTP programs as load. Prints what healed how fast, and the verdict of
the checker of the contract over the history of the whole run.
"""

import argparse
import asyncio
import contextlib
import random
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from sixin.server.store.postgres import PostgresStore
from sixin.verify.checker import check
from sixin.verify.contract import Verdict
from sixin.verify.history import History
from tests.cluster.load import Crowd
from tests.cluster.nodes import SixinNode, token
from tests.cluster.proxy import READY_EVERY_S, READY_TIMEOUT_S, Proxy
from tests.services.nats import NatsServer
from tests.services.postgres import PostgresServer
from tests.services.programs import NATS, POSTGRES
from tests.services.server import stop_on_sigterm

HEAL_MAX_S = 60.0
"""Past it, a fault counts as not healed, and the run ends."""

CALM_S = 1.0
SLOW_S = 0.05


@dataclass
class World:
    """Everything that can break."""

    nodes: list[SixinNode]
    postgres: PostgresServer
    nats: NatsServer
    to_postgres: list[Proxy]
    to_nats: list[Proxy]
    balancer: Proxy
    client: aiohttp.ClientSession
    chance: random.Random
    hold_s: float

    async def hold(self) -> None:
        """Let a fault last."""
        await asyncio.sleep(self.hold_s)

    def any_of(self, things: list[Any]) -> Any:
        return self.chance.choice(things)

    async def healed(self) -> bool:
        """Every node is ready, sends, and hears all the others."""
        return all(await asyncio.gather(*(self._serves(node) for node in self.nodes)))

    async def _serves(self, node: SixinNode) -> bool:
        body = {"to": "9002", "seq_id": time.time_ns() // 1_000, "content": {"type": "text", "text": "?"}}
        headers = {"Authorization": f"Bearer {token(9_000 + node.port)}"}
        try:
            async with asyncio.timeout(2):
                async with self.client.get(f"{node.url}/readyz") as response:
                    if response.status != 200:
                        return False
                async with self.client.get(f"{node.url}/metrics") as response:
                    lines = (await response.text()).splitlines()
                async with self.client.post(f"{node.url}/v1/send", json=body, headers=headers) as response:
                    return (
                        response.status == 200
                        and "sixin_bus_healthy 1.0" in lines
                        and f"sixin_bus_nodes {float(len(self.nodes) - 1)}" in lines
                    )
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    async def watch(self) -> None:
        """The load balancer's check: who is ready gets the next connection."""
        while True:
            ready = await asyncio.gather(*(self._is_ready(node) for node in self.nodes))
            self.balancer.ready = {node.port for node, is_ready in zip(self.nodes, ready, strict=True) if is_ready}
            await asyncio.sleep(READY_EVERY_S)

    async def _is_ready(self, node: SixinNode) -> bool:
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with asyncio.timeout(READY_TIMEOUT_S), self.client.get(f"{node.url}/readyz") as response:
                return response.status == 200
        return False


Fault = Callable[[World], Awaitable[None]]
"""Breaks something, holds it broken, and mends it: what heals then does so by itself."""


async def kill_a_node(world: World) -> None:
    node = world.any_of(world.nodes)
    await asyncio.to_thread(node.kill)
    await world.hold()
    await asyncio.to_thread(node.start)


async def pause_a_node(world: World) -> None:
    node = world.any_of(world.nodes)
    node.pause()
    await world.hold()
    node.resume()


async def restart_a_node(world: World) -> None:
    await asyncio.to_thread(world.any_of(world.nodes).restart)


async def kill_postgres(world: World) -> None:
    await asyncio.to_thread(world.postgres.kill)
    await world.hold()
    await asyncio.to_thread(world.postgres.start)


async def restart_postgres(world: World) -> None:
    await asyncio.to_thread(world.postgres.restart)


async def pause_postgres(world: World) -> None:
    world.postgres.pause()
    await world.hold()
    world.postgres.resume()


async def kill_nats(world: World) -> None:
    await asyncio.to_thread(world.nats.kill)
    await world.hold()
    await asyncio.to_thread(world.nats.start)


async def pause_nats(world: World) -> None:
    world.nats.pause()
    await world.hold()
    world.nats.resume()


async def cut_a_node_from_postgres(world: World) -> None:
    await _cut(world, world.any_of(world.to_postgres))


async def cut_a_node_from_nats(world: World) -> None:
    await _cut(world, world.any_of(world.to_nats))


async def slow_a_link_to_postgres(world: World) -> None:
    await _slow(world, world.any_of(world.to_postgres))


async def slow_a_link_to_nats(world: World) -> None:
    await _slow(world, world.any_of(world.to_nats))


async def _cut(world: World, link: Proxy) -> None:
    await link.cut()
    await world.hold()
    link.heal()


async def _slow(world: World, link: Proxy) -> None:
    link.delay_s = SLOW_S
    await world.hold()
    link.heal()


FAULTS: dict[str, Fault] = {
    "a node is killed (-9)": kill_a_node,
    "a node is paused (SIGSTOP)": pause_a_node,
    "a node is restarted": restart_a_node,
    "PostgreSQL is killed (-9)": kill_postgres,
    "PostgreSQL is restarted": restart_postgres,
    "PostgreSQL is paused (SIGSTOP)": pause_postgres,
    "NATS is killed (-9)": kill_nats,
    "NATS is paused (SIGSTOP)": pause_nats,
    "a node is cut off PostgreSQL": cut_a_node_from_postgres,
    "a node is cut off NATS": cut_a_node_from_nats,
    "a link to PostgreSQL is slow (+50 ms each way)": slow_a_link_to_postgres,
    "a link to NATS is slow (+50 ms each way)": slow_a_link_to_nats,
}


@dataclass
class Outcome:
    """What a run showed."""

    sends: int = 0
    refused: int = 0
    heal_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    silence_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    history: History = field(default_factory=History)
    verdict: Verdict | None = None


@asynccontextmanager
async def world_of(count: int, *, seed: int, hold_s: float, postgres: Any, nats: Any) -> AsyncIterator[World]:
    """So many nodes; `postgres` and `nats` are the programs."""
    async with AsyncExitStack() as stack:
        database = stack.enter_context(PostgresServer(postgres))
        bus = stack.enter_context(NatsServer(nats))
        to_postgres = [await stack.enter_async_context(Proxy([database.port])) for _ in range(count)]
        to_nats = [await stack.enter_async_context(Proxy([bus.port])) for _ in range(count)]
        nodes = [
            SixinNode(_through(database.url, one), _through(bus.url, other))
            for one, other in zip(to_postgres, to_nats, strict=True)
        ]
        # In a thread: a node that drains needs its links, which this loop carries.
        for node in nodes:
            stack.push_async_callback(asyncio.to_thread, node.__exit__, None, None, None)
        await asyncio.gather(*(asyncio.to_thread(node.start) for node in nodes))
        balancer = await stack.enter_async_context(Proxy([node.port for node in nodes]))
        client = await stack.enter_async_context(aiohttp.ClientSession())
        chance = random.Random(seed)
        world = World(nodes, database, bus, to_postgres, to_nats, balancer, client, chance, hold_s)
        watching = asyncio.create_task(world.watch())
        try:
            yield world
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            for node in nodes:
                node.resume()


def _through(url: str, proxy: Proxy) -> str:
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{proxy.port}"))


async def run(world: World, faults: list[str], seconds: float, seed: int, tell: Callable[[str], None]) -> Outcome:
    """Break one after the other, again and again in another order, for so long; each at least once."""
    outcome = Outcome()
    crowd = Crowd(f"http://127.0.0.1:{world.balancer.port}", seed)
    talking = asyncio.create_task(crowd.run())
    deadline = time.monotonic() + seconds
    try:
        await _until_healed(world)
        while True:
            for name in world.chance.sample(faults, len(faults)):
                await asyncio.sleep(CALM_S)
                begun = time.monotonic()
                await FAULTS[name](world)
                heal_s = await _until_healed(world)
                outcome.heal_s[name].append(heal_s)
                outcome.silence_s[name].append(crowd.longest_silence_s(begun, time.monotonic()))
                tell(f"{name}: healed after {heal_s:.1f} s, silence {outcome.silence_s[name][-1]:.1f} s")
                if talking.done():
                    talking.result()
            if time.monotonic() >= deadline:
                break
    finally:
        crowd.stop()
        await asyncio.gather(talking, return_exceptions=True)
    talking.result()
    store = PostgresStore(world.postgres.url)
    await store.open()
    await crowd.take_end(store)
    await store.close()
    outcome.sends, outcome.refused = len(crowd.acknowledged_at), crowd.attempts_refused
    outcome.history = crowd.history
    outcome.verdict = check(crowd.history)
    return outcome


async def _until_healed(world: World) -> float:
    begun = time.monotonic()
    async with asyncio.timeout(HEAL_MAX_S):
        while not await world.healed():  # noqa: ASYNC110 - it heals in other processes, which tell nobody
            await asyncio.sleep(0.1)
    return time.monotonic() - begun


def table(outcome: Outcome) -> str:
    """As it stands in docs/faults.md."""
    lines = [
        "| fault | times | to heal, median (s) | to heal, longest (s) | longest without an acknowledged send (s) |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name in FAULTS:
        if heal := outcome.heal_s.get(name):
            silence = max(outcome.silence_s[name])
            lines.append(f"| {name} | {len(heal)} | {median(heal):.1f} | {max(heal):.1f} | {silence:.1f} |")
    return "\n".join(lines)


async def main(args: argparse.Namespace) -> int:
    """Run, print the table and the verdict; 1 where the checker found anything."""
    postgres, nats = POSTGRES.find(), NATS.find()
    if postgres is None or nats is None:
        print("PostgreSQL and NATS are needed: make services", file=sys.stderr)
        return 2
    async with world_of(args.nodes, seed=args.seed, hold_s=args.hold_s, postgres=postgres, nats=nats) as world:
        outcome = await run(world, list(FAULTS), args.minutes * 60, args.seed, lambda line: print(line, flush=True))
    print(table(outcome))
    verdict = outcome.verdict
    assert verdict is not None
    print(f"{outcome.sends} sends acknowledged, {outcome.refused} attempts refused or unanswered.")
    print(f"The checker looked at {verdict.events} events and found {sum(verdict.counts.values())} violations.")
    for violation in verdict.violations[:20]:
        print(violation)
    return 0 if verdict.kept else 1


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--nodes", type=int, default=3)
    options.add_argument("--minutes", type=float, default=1.0, help="at least one round of every fault")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--hold-s", type=float, default=3.0, help="how long a fault lasts")
    stop_on_sigterm()
    sys.exit(asyncio.run(main(options.parse_args())))
