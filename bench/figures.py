"""Medians over the runs of a case: what the page says of it."""

from collections.abc import Callable
from statistics import median

from msgspec import Struct

from bench.suite import Result
from sixin.bench.fleet import Measured


class Row(Struct, frozen=True):
    """One part of a case, over all of its runs."""

    name: str
    connections: int
    offered_per_s: float
    per_s: float
    lowest_per_s: float
    highest_per_s: float
    frames_per_s: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    cpu_us: dict[str, float]
    """Of each process, for one request."""
    cores: float
    """All processes of the server together."""
    written_bytes: float
    generator_us: float
    generator_core: float
    late_p99_ms: float
    errors: int
    sound: bool
    others_cores: float


def rows(result: Result) -> list[Row]:
    """Each part of the case."""
    names = list(dict.fromkeys(part.traffic for report in result.reports for part in report.measured))
    return [
        _row(name, [part for report in result.reports for part in report.measured if part.traffic == name])
        for name in names
    ]


def _row(name: str, parts: list[Measured]) -> Row:
    def middle(figure: Callable[[Measured], float]) -> float:
        return median(figure(part) for part in parts)

    kind = next(iter(parts[0].latency), "")
    processes = list(dict.fromkeys(share.name for part in parts for share in part.processes))
    return Row(
        name=name,
        connections=parts[0].connections,
        offered_per_s=middle(lambda part: part.offered_per_s),
        per_s=middle(lambda part: part.achieved_per_s),
        lowest_per_s=min(part.achieved_per_s for part in parts),
        highest_per_s=max(part.achieved_per_s for part in parts),
        frames_per_s=middle(lambda part: part.frames_per_s),
        p50_ms=middle(lambda part: part.latency[kind].p50_ms),
        p99_ms=middle(lambda part: part.latency[kind].p99_ms),
        p999_ms=middle(lambda part: part.latency[kind].p999_ms),
        cpu_us={
            process: median(
                sum(share.cpu_us_per_op for share in part.processes if share.name == process) for part in parts
            )
            for process in processes
        },
        cores=middle(lambda part: sum(share.cores for share in part.processes)),
        written_bytes=middle(lambda part: sum(share.written_bytes_per_op for share in part.processes)),
        generator_us=middle(lambda part: part.generator.cpu_us_per_op),
        generator_core=max(part.generator.busiest_core for part in parts),
        late_p99_ms=middle(lambda part: part.generator.late_p99_ms),
        errors=sum(sum(part.errors.values()) for part in parts),
        sound=all(part.verdict is None or not part.verdict.faults_count for part in parts),
        others_cores=middle(lambda part: part.others_cores),
    )
