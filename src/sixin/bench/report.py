"""What a run leaves: one report with everything that is needed to read its figures, as JSON or as Markdown."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct, field

from sixin.bench.catchup import CaughtUp
from sixin.bench.fleet import Measured
from sixin.bench.machine import Machine, this_machine
from sixin.bench.plan import Verdict
from sixin.version import __version__


class Idle(Struct, frozen=True):
    """What connections cost that only wait."""

    connections: int
    process_kib: float
    """Growth of the server's processes (PSS) for each connection."""
    kernel_kib: float
    """Growth of the kernel's slabs and TCP buffers for each connection, with both of its ends on this machine."""
    opened_per_s: float


class Report(Struct, kw_only=True):
    """One scenario, once."""

    scenario: str
    store: str
    durability: str
    command: str
    at: str = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    version: str = __version__
    machine: Machine = field(default_factory=this_machine)
    settings: dict[str, bool | float | str] = {}
    measured: list[Measured] = []
    """One for each part of the scenario: `settings` of a part stand in its `traffic`."""
    idle: list[Idle] = []
    caught_up: list[CaughtUp] = []

    def save(self, file: Path) -> None:
        """Write it as JSON, readable in a diff."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")

    @property
    def sound(self) -> bool:
        """Whether the verdict found nothing."""
        return all(part.verdict is None or not part.verdict.faults_count for part in self.measured)


DURABILITY = {
    "memory": "none: everything is forgotten when the process ends",
    "sqlite": "synchronous=FULL: fsync before every acknowledgement",
    "postgresql": "synchronous_commit=on: WAL flushed before every acknowledgement",
}


def load(file: Path) -> Report:
    """A report that was saved."""
    return msgspec.json.decode(file.read_bytes(), type=Report)


def markdown(report: Report) -> str:
    """The report as a page for people."""
    machine = report.machine
    lines = [
        f"# {report.scenario}, {report.store}",
        "",
        f"`{report.command}`, {report.at}, Sixin {report.version}.",
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib} GiB, {machine.system}, Python {machine.python}.",
        f"Load before the run: {machine.load_1min}. Durability: {report.durability}.",
        "",
    ]
    for part in report.measured:
        lines += [*_part(part), ""]
    lines += [
        f"- {idle.connections} connections: {idle.process_kib} KiB each in the process, {idle.kernel_kib} KiB in the"
        f" kernel (both ends), opened at {idle.opened_per_s}/s"
        for idle in report.idle
    ]
    lines += [
        f"- a {caught.device} device, {caught.server} server, {caught.conversations} conversations:"
        f" {caught.server_cpu_ms} ms of server CPU, {caught.wall_ms} ms in all, {caught.requests} requests"
        for caught in report.caught_up
    ]
    return "\n".join(lines).rstrip() + "\n"


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A table in Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    return ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]


def _part(part: Measured) -> list[str]:
    loop = f"offered {part.offered_per_s:,.0f}/s" if part.offered_per_s else f"closed loop, {part.window} each"
    generator = part.generator
    lines = [
        f"## {part.traffic}, {part.connections} connections, {loop}",
        "",
        f"**{part.achieved_per_s:,.0f}/s**, {part.frames_per_s:,.0f} frames/s to the connections.",
        f"{part.seconds:g} s; errors: {part.errors or 'none'}.",
        "",
    ]
    lines += table(
        ("", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "longest ms", "count"),
        [
            (kind, each.p50_ms, each.p90_ms, each.p99_ms, each.p999_ms, each.longest_ms, each.count)
            for kind, each in part.latency.items()
        ],
    )
    processes = [
        (each.name, each.cpu_us_per_op, each.cores, f"{each.written_bytes_per_op:,.0f}", each.rss_mib, each.pss_mib)
        for each in part.processes
    ]
    lines += [
        "",
        *table(
            ("process", "CPU µs each", "cores", "written bytes each", "RSS MiB", "PSS MiB"),
            [*processes, ("load generator", generator.cpu_us_per_op, generator.busiest_core, "", "", "")],
        ),
        "",
        f"Others on this machine: {part.others_cores} cores.",
        f"Requests were written {generator.late_p50_ms} ms (p50), {generator.late_p99_ms} ms (p99) after their time.",
    ]
    if part.verdict is not None:
        lines.append(_said(part.verdict))
    return lines


def _said(verdict: Verdict) -> str:
    found = f"{verdict.faults_count} faults: {'; '.join(verdict.faults)}" if verdict.faults_count else "no fault"
    return (
        f"Verdict: {found}. {verdict.acknowledged} acknowledged sends; {verdict.messages} messages pulled in "
        f"{verdict.sessions} views of sessions; {verdict.unanswered_present} unanswered ones are there, once."
    )
