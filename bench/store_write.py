"""Sends per second through the writer and the SQLite store, in one process, without a network.

    python bench/store_write.py [--seconds 5] [--outstanding 256] [--hot 500] [--cold 100000] [--cold-share 0.1]

First it makes the cold sessions, one message each, so that the file has a size. Then so many sends are kept
outstanding for so long, a share of them in cold sessions, and the rest in the hot ones. It prints one JSON line: sends
per second, latencies, batch size, and the CPU of this process (the event loop) and of the writer's per send.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from sixin.core.commands import Policy, Send
from sixin.core.content import canonical
from sixin.core.ids import Uid, pair_session_id
from sixin.server.store.sqlite import SqliteStore
from sixin.server.store.writer import Outcome, Writer

TEXT = "x" * 180
CONTENT = canonical(msgspec.json.encode({"type": "text", "text": TEXT}))


def cpu_s(pid: int | None) -> float:
    """User and system time a process has used; 0 for none."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def written_kib(pid: int | None) -> float:
    """What a process has sent to the disk."""
    if pid is None:
        return 0.0
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines():
            if line.startswith("write_bytes:"):
                return int(line.split()[1]) / 1024
    return 0.0


def pairs(count: int, first: int) -> list[tuple[Uid, Uid]]:
    """Pairs of users with ten sessions each or so."""
    users = max(2, count // 5)
    chance = random.Random(first)  # noqa: S311 - a load, not a secret
    return [(Uid(first + chance.randrange(users)), Uid(first + users + chance.randrange(users))) for _ in range(count)]


class Load:
    """Keeps so many sends outstanding, until told to stop."""

    def __init__(self, writer: Writer, hot: list[tuple[Uid, Uid]], cold: list[tuple[Uid, Uid]], share: float) -> None:
        self._writer = writer
        self._hot = hot
        self._cold = cold
        self._share = share
        self._chance = random.Random(1)  # noqa: S311 - a load, not a secret
        self._seq_id = 1_000_000
        self.stopping = False
        self.outstanding = 0
        self.latencies_s: list[float] = []
        self.failed = 0

    def next_send(self) -> Send:
        """The next one."""
        chance = self._chance
        one, other = chance.choice(self._cold if self._cold and chance.random() < self._share else self._hot)
        self._seq_id += 1
        return self.send(one, other, self._seq_id) if chance.random() < 0.5 else self.send(other, one, self._seq_id)

    @staticmethod
    def send(by: Uid, to: Uid, seq_id: int) -> Send:
        """One send of the usual size."""
        return Send(by, pair_session_id(by, to), seq_id, CONTENT.encoded, CONTENT.digest)

    def submit(self) -> None:
        """Send, and send again when it is answered."""
        started = time.perf_counter()
        self.outstanding += 1

        def done(outcome: Outcome) -> None:
            self.outstanding -= 1
            self.latencies_s.append(time.perf_counter() - started)
            self.failed += isinstance(outcome, Exception)
            if not self.stopping:
                self.submit()

        self._writer.submit(self.next_send(), done)


async def fill(writer: Writer, cold: list[tuple[Uid, Uid]]) -> None:
    """One message in each cold session."""
    for start in range(0, len(cold), 4_096):
        part = cold[start : start + 4_096]
        await asyncio.gather(*(writer.change(Load.send(by, to, start + nth + 1)) for nth, (by, to) in enumerate(part)))


async def run(arguments: argparse.Namespace, data: Path) -> dict[str, object]:
    """One measurement."""
    store = SqliteStore(data)
    await store.open()
    writer = Writer(store, now_ms=lambda: int(time.time() * 1_000), policy=Policy(), committed=lambda _: None)
    running = asyncio.create_task(writer.run())
    hot, cold = pairs(arguments.hot, 1_000_000), pairs(arguments.cold, 2_000_000)
    started = time.perf_counter()
    await fill(writer, cold + hot)
    filled_s = time.perf_counter() - started

    load = Load(writer, hot, cold, arguments.cold_share)
    for _ in range(arguments.outstanding):
        load.submit()
    await asyncio.sleep(1)
    pid = store.writer.pid
    load.latencies_s.clear()
    before = (time.perf_counter(), time.process_time(), cpu_s(pid), written_kib(pid), writer.batches)
    await asyncio.sleep(arguments.seconds)
    after = (time.perf_counter(), time.process_time(), cpu_s(pid), written_kib(pid), writer.batches)
    sends = len(load.latencies_s)
    latencies = sorted(load.latencies_s)
    load.stopping = True
    writer.stop()
    await running
    await store.close()

    wall, ours, theirs, kib, batches = (later - earlier for earlier, later in zip(before, after, strict=True))
    return {
        "outstanding": arguments.outstanding,
        "cold_share": arguments.cold_share,
        "sends_per_s": round(sends / wall),
        "p50_ms": round(latencies[len(latencies) // 2] * 1_000, 1),
        "p99_ms": round(latencies[len(latencies) * 99 // 100] * 1_000, 1),
        "sends_per_batch": round(sends / batches),
        "loop_us_per_send": round(ours / sends * 1e6, 1),
        "writer_us_per_send": round(theirs / sends * 1e6, 1),
        "kib_per_send": round(kib / sends, 1),
        "failed": load.failed,
        "filled_per_s": round(len(cold + hot) / filled_s),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--outstanding", type=int, default=256)
    parser.add_argument("--hot", type=int, default=500)
    parser.add_argument("--cold", type=int, default=100_000)
    parser.add_argument("--cold-share", type=float, default=0.1)
    parser.add_argument("--data", type=Path, help="where the file is made; a temporary folder otherwise")
    arguments = parser.parse_args()
    if sys.platform != "win32":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    with tempfile.TemporaryDirectory(dir=arguments.data) as folder:
        print(json.dumps(asyncio.run(run(arguments, Path(folder)))))


if __name__ == "__main__":
    main()
