"""The client processes: started, killed, started again, told what to do, listened to."""

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from tests.crash.counted import Counts
from tests.crash.plan import ProcessPlan
from tests.crash.worker import Orders, Report

ROOT = Path(__file__).parents[2]


class ProcessBroken(Exception):
    """A process of clients ended by itself; its own words follow."""


class Member:
    """One process, through all its lives."""

    def __init__(
        self, plan: ProcessPlan, folder: Path, url: str, tokens: dict[int, str], *, recorded: bool, hasty: bool
    ) -> None:
        self.plan = plan
        self.report: Report | None = None
        self.reported_s = 0.0
        self._past = Counts()
        """What its earlier lives had told."""
        self._orders = folder / f"process-{plan.number}.json"
        self._log = folder / f"process-{plan.number}.log"
        self._words: list[str] = []
        """What it was told, to be told again to its next life."""
        self._process: asyncio.subprocess.Process | None = None
        self._down_s: float | None = None
        """How long it stays away once it was killed; None while nobody has."""
        mine = {device.uid: tokens[device.uid] for device in plan.devices}
        self._orders.write_bytes(msgspec.json.encode(Orders(url, str(folder), mine, plan, recorded, hasty)))

    async def live(self, told: Callable[[], None]) -> None:
        """Run until it leaves, through every kill. Raises `ProcessBroken` where it ends otherwise."""
        while True:
            process = await self._start()
            try:
                await self._listen(process, told)
                code = await process.wait()
            finally:
                await _ended(process)
            self._past, self.report = self.counts, None  # its next life counts from zero
            if self._down_s is None:
                break
            await asyncio.sleep(self._down_s)
        if code:
            raise ProcessBroken(f"Process {self.plan.number} ended with {code}:\n{self._last_words()}")

    async def _start(self) -> asyncio.subprocess.Process:
        self._down_s = None
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "tests.crash.worker", str(self._orders)),
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        for word in self._words:
            self._write(word)
        return self._process

    async def _listen(self, process: asyncio.subprocess.Process, told: Callable[[], None]) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            if line.endswith(b"\n"):
                self.report = msgspec.json.decode(line, type=Report)
                self.reported_s = time.monotonic()
                told()

    def say(self, word: str) -> None:
        """Tell it something; its next life too."""
        self._words.append(word)
        self._write(word)

    def _write(self, word: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(word.encode() + b"\n")

    def kill(self, down_s: float) -> bool:
        """SIGKILL; started again after a while. False where it does not run just now."""
        if self._process is None or self._process.returncode is not None:
            return False
        self._down_s = down_s
        self._process.kill()
        return True

    @property
    def counts(self) -> Counts:
        """Of all its lives, as far as they were told."""
        now = self.report.counts if self.report is not None else Counts()
        return sum_of([self._past, now])

    def _last_words(self) -> str:
        return self._log.read_text(errors="replace")[-3_000:]


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Nothing outlives the run."""
    if process.returncode is None:
        process.kill()
        await process.wait()


def sum_of(counts: list[Counts]) -> Counts:
    """All of them together."""
    return Counts(*(sum(getattr(one, name) for one in counts) for name in Counts.__struct_fields__))
