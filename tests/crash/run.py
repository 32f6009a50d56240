"""One run: start everything, kill as planned, let it all drain, then judge."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiohttp
from msgspec import Struct

from sixin.core.ids import Uid
from sixin.server.auth import Tokens
from tests.crash.counted import Counts
from tests.crash.crew import Member, sum_of
from tests.crash.findings import Findings
from tests.crash.judge import Evidence, files_of, judge
from tests.crash.judge_copies import Pulled
from tests.crash.judge_journals import witnesses_of
from tests.crash.plan import Kill, Plan, copy_of
from tests.crash.pulls import Stranger
from tests.crash.rows import Rows, rows_of_file, rows_of_postgres
from tests.crash.server import SECRET, ServerProcess

STALLED_S: Final = 120.0
"""Nobody hears anything for so long while the server runs: something waits for what will not come."""

TICK_S: Final = 0.05
PROGRESS_S: Final = 5.0
BACK: Final = 0.95
"""The part of the clients that must be connected for an outage to be over; the others are away by their own will."""


class Stalled(Exception):
    """The run does not come to its end."""


class Outage(Struct):
    """One kill of the server. Times on the clock of the journals."""

    killed_ns: int
    ready_ns: int = 0
    """When it said that it serves again."""
    back_ns: int = 0
    """When nearly all clients were connected again; 0 where the next kill came first."""


class Outcome(Struct):
    """What a run leaves to be told."""

    evidence: Evidence
    findings: Findings
    counts: Counts
    outages: list[Outage]
    client_kills: int
    talked_s: float
    """From the first word until everything had arrived."""
    settled_s: float
    """Until every device was in step, after that."""
    judged_s: float
    stopped_early: bool


class Run:
    """Plays a plan in a folder of its own."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        *,
        store: str,
        bus: str = "local",
        time_s: float,
        say: Callable[[str], None],
        recorded: bool,
        hasty: bool = False,
    ) -> None:
        """`store`, `bus`: as `sixin serve` takes them. `recorded`: every frame is kept and judged too, which takes
        memory. `hasty`: clients come back at once, where a run has no time to wait for them."""
        self._plan = plan
        self._folder = folder
        self._store = store
        self._time_s = time_s
        self._say = say
        self._recorded = recorded
        self._server = ServerProcess(folder, store, bus)
        tokens = Tokens(SECRET)
        self._tokens = {
            device.uid: tokens.mint(Uid(device.uid), now_s=time.time(), ttl_s=86_400) for device in plan.devices
        }
        self._crew = [
            Member(process, folder, self._server.url, self._tokens, recorded=recorded, hasty=hasty)
            for process in plan.processes
        ]
        self._outages: list[Outage] = []
        self._client_kills = 0
        self._began_s = 0.0
        self._moved_s = 0.0
        self._heard = 0

    async def play(self) -> Outcome:
        """The whole of it. Raises `ServerBroken`, `ProcessBroken` or `Stalled` where it does not come to a verdict."""
        await self._server.start()
        self._began_s = self._moved_s = time.monotonic()
        try:
            async with asyncio.TaskGroup() as tasks:
                living = [tasks.create_task(member.live(self._told)) for member in self._crew]
                progress = tasks.create_task(self._show_progress())
                stopped_early = await self._talk()
                talked_s = time.monotonic() - self._began_s
                self._tell("settle")
                await self._until(
                    lambda: self._all_say(lambda member: member.report is not None and member.report.settled)
                )
                settled_s = time.monotonic() - self._began_s - talked_s
                pulled = await self._pull_all()
                self._tell("leave")
                await asyncio.gather(*living)
                progress.cancel()
            await self._server.stop()
        finally:
            if self._server.runs:
                await self._server.kill()
        began_s = time.monotonic()
        evidence = Evidence(
            self._plan,
            self._folder,
            await self._rows(),
            witnesses_of(self._plan, self._folder),
            pulled,
            self._files(),
            self._recorded,
        )
        findings = await asyncio.to_thread(judge, evidence)
        return Outcome(
            evidence,
            findings,
            self._counts,
            self._outages,
            self._client_kills,
            talked_s,
            settled_s,
            judged_s=time.monotonic() - began_s,
            stopped_early=stopped_early,
        )

    # Talking, and dying.

    async def _talk(self) -> bool:
        """Until all is said and has arrived, and everything has died that was to. Whether time ran out before.

        Between two reports a fast machine may say all that is left: what dies then dies while it arrives, or idle.
        """
        kills = list(self._plan.kills)
        stopped_early = False
        while kills or not self._all_say(self._is_drained):
            await self._tick()
            if kills and kills[0].at <= self._progress:
                await self._kill(kills.pop(0))
            if not stopped_early and self._elapsed_s > self._time_s:
                stopped_early = True
                kills.clear()
                self._tell("enough")
        return stopped_early

    async def _kill(self, kill: Kill) -> None:
        await asyncio.sleep(kill.after_s)
        if kill.process >= 0:
            self._client_kills += self._crew[kill.process].kill(kill.down_s)
            return
        await self._kill_server(kill.down_s)
        if kill.again_s is not None:
            await asyncio.sleep(kill.again_s)
            await self._kill_server(kill.down_s)

    async def _kill_server(self, down_s: float) -> None:
        outage = Outage(time.monotonic_ns())
        self._outages.append(outage)
        await self._server.kill()
        await asyncio.sleep(down_s)
        await self._server.start()
        outage.ready_ns = time.monotonic_ns()

    # Watching.

    def _told(self) -> None:
        heard = self._counts.received_frames
        if heard != self._heard:
            self._heard, self._moved_s = heard, time.monotonic()
        outage = self._outages[-1] if self._outages else None
        if outage is None or outage.back_ns or not outage.ready_ns:
            return
        fresh = self._all_say(lambda member: member.reported_s * 1e9 > outage.ready_ns)
        if fresh and self._online >= BACK * len(self._plan.devices):
            outage.back_ns = time.monotonic_ns()

    def _is_drained(self, member: Member) -> bool:
        return member.report is not None and member.report.drained == len(member.plan.devices)

    def _all_say(self, holds: Callable[[Member], bool]) -> bool:
        return all(holds(member) for member in self._crew)

    def _tell(self, word: str) -> None:
        for member in self._crew:
            member.say(word)

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self._tick()

    async def _tick(self) -> None:
        if time.monotonic() - self._moved_s > STALLED_S:
            raise Stalled(f"Nothing was heard for {STALLED_S:.0f} s: {[member.report for member in self._crew]}")
        await asyncio.sleep(TICK_S)

    @property
    def _counts(self) -> Counts:
        return sum_of([member.counts for member in self._crew])

    @property
    def _online(self) -> int:
        return sum(member.report.online for member in self._crew if member.report is not None)

    @property
    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began_s

    @property
    def _progress(self) -> float:
        return max(self._counts.queued / self._plan.sends, self._elapsed_s / self._time_s)

    async def _show_progress(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_S)
            counts = self._counts
            self._say(
                f"{self._elapsed_s:6.0f} s  {counts.acknowledged:>8,} acknowledged  {counts.other:>6,} other  "
                f"{self._online:>4} online  {len(self._outages):>3} kills, {self._client_kills} of clients"
            )

    # Judging.

    async def _pull_all(self) -> list[Pulled]:
        async with aiohttp.ClientSession() as http:
            return [
                await Stranger(http, self._server.url, uid, token).pull_all() for uid, token in self._tokens.items()
            ]

    async def _rows(self) -> Rows:
        if self._store == "sqlite":
            return rows_of_file(self._server.database)
        return await rows_of_postgres(self._store)

    def _files(self) -> list[Path]:
        copies = [copy_of(self._folder, device) for one in self._plan.processes if one.keeps for device in one.devices]
        return files_of([*copies, self._server.database] if self._store == "sqlite" else copies)
