"""One process of clients, each with its device's copy and journal; told what to do on stdin, telling on stdout.

It is started by `run.py` with one argument, the file of its orders. A killed one is started again with the same.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

import msgspec
from msgspec import Struct

from sixin.client import Client, LocalCopy, connect
from tests.crash.counted import CountedTransport, Counts
from tests.crash.journal import Journal
from tests.crash.person import Person
from tests.crash.plan import DevicePlan, ProcessPlan, copy_of, dump_of, journal_of, recording_of
from tests.crash.recording import Recording

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop  # type: ignore[assignment]

REPORT_S = 0.2
SYNC_TIMEOUT_S = 240.0
"""How long a device may take to be in step when nobody says anything any more."""


class Orders(Struct, frozen=True):
    """What a process is for."""

    url: str
    folder: str
    tokens: dict[int, str]
    plan: ProcessPlan
    recorded: bool
    """Whether every frame is written down."""
    hasty: bool
    """Whether clients come back at once, and not by and by: for a run too short to wait for them."""


class Hasty(Random):
    """The chance of a client that does not wait for its turn: the SDK asks it how long to wait."""

    def uniform(self, a: float, b: float) -> float:
        """At most a quarter of a second."""
        return super().uniform(a, min(b, 0.25))


class Report(Struct, frozen=True):
    """How far it is; told several times a second."""

    process: int
    counts: Counts
    online: int
    drained: int
    settled: bool
    """Everything that was asked for after the last word: each device in step, and some of its history looked at."""


class Dump(Struct, frozen=True):
    """What a device holds at the end."""

    copy: LocalCopy
    refused: list[str]
    """Sends that were refused: there are none."""
    waiting: int
    """Outbox entries that still wait: none either."""
    scrolled: str
    """A session whose history was paged back to its beginning; empty where the device has none."""


class Worker:
    """The devices of one process."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._counts = Counts()
        self._people: list[tuple[Person, Client]] = []
        self._scrolled: dict[str, str] = {}
        self._settled = False

    async def run(self) -> None:
        """Until told to leave."""
        enough, settle, leave = asyncio.Event(), asyncio.Event(), asyncio.Event()
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            for device in self._orders.plan.devices:
                self._people.append(await stack.enter_async_context(self._device(device)))
            living = [tasks.create_task(person.live(enough)) for person, _ in self._people]
            background = [
                tasks.create_task(self._report()),
                tasks.create_task(_listen({"enough": enough, "settle": settle, "leave": leave})),
            ]
            await settle.wait()
            await asyncio.gather(*living)
            await asyncio.gather(*(self._settle(person, client) for person, client in self._people))
            self._settled = True
            await leave.wait()
            for person, client in self._people:
                self._dump(person, client)
            for task in background:
                task.cancel()

    @asynccontextmanager
    async def _device(self, plan: DevicePlan) -> AsyncIterator[tuple[Person, Client]]:
        folder = Path(self._orders.folder)
        recording = Recording(recording_of(folder, plan)) if self._orders.recorded else None
        client = connect(
            CountedTransport(self._orders.url, self._counts, recording),
            self._orders.tokens[plan.uid],
            store=copy_of(folder, plan) if self._orders.plan.keeps else None,
            device_id=plan.device_id,
            chance=Hasty() if self._orders.hasty else None,
        )
        with Journal(journal_of(folder, plan)) as journal:
            async with client as me:
                yield Person(plan, me, journal, self._counts), me

    async def _report(self) -> None:
        while True:
            report = Report(
                process=self._orders.plan.number,
                counts=self._counts,
                online=sum(client.online for _, client in self._people),
                drained=sum(person.drained for person, _ in self._people),
                settled=self._settled,
            )
            sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
            sys.stdout.buffer.flush()
            await asyncio.sleep(REPORT_S)

    async def _settle(self, person: Person, client: Client) -> None:
        """Come into step, then look at one conversation from its end to its beginning."""
        client.go_online()
        async with asyncio.timeout(SYNC_TIMEOUT_S):
            await client.synced()
            sessions = sorted(contact.session_id for contact in client.contacts())
            if sessions:
                session_id = Random(person.plan.seed).choice(sessions)
                page = await client.history(session_id, limit=500)
                while page.more:
                    page = await client.history(session_id, before=page.before, limit=500)
                self._scrolled[person.plan.device_id] = session_id

    def _dump(self, person: Person, client: Client) -> None:
        dump = Dump(
            copy=client.local_copy(),
            refused=[entry.reason for entry in person.refused_sends()],
            waiting=sum(not entry.refused for entry in client.outbox()),
            scrolled=self._scrolled.get(person.plan.device_id, ""),
        )
        dump_of(Path(self._orders.folder), person.plan).write_bytes(msgspec.msgpack.encode(dump))


async def _listen(words: dict[str, asyncio.Event]) -> None:
    """Each line is one of the words. When nobody is there to tell any more, there is nothing to live for."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        words[line.decode().strip()].set()
    raise EOFError("Nobody leads this run any more.")


def main(arguments: list[str]) -> None:
    """Run with the orders in a file."""
    logging.basicConfig(level=logging.INFO)  # into the file that `crew.py` keeps of it
    logging.getLogger().handlers[0].setFormatter(
        logging.Formatter("%(asctime)s %(message)s %(reason)s", defaults={"reason": ""})
    )
    orders = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Orders)
    loop_factory: Callable[[], asyncio.AbstractEventLoop] = new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(Worker(orders).run())


if __name__ == "__main__":
    main(sys.argv[1:])
