"""What the page is made of: each case is one `sixin bench`, repeated, and kept as JSON in bench/results.

    python -m bench.suite                      everything: about an hour
    python -m bench.suite --only send-sqlite   the cases whose name begins so
    python -m bench.suite --runs 1 --seconds 2 --skip-growth

Runs of different cases are taken in turn, so that a busy minute of the machine does not fall on one case alone.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bench.limits import measure_limits
from sixin.bench.fleet import RunFailed
from sixin.bench.machine import busy_s
from sixin.bench.report import DURABILITY, Report
from sixin.bench.scenarios import Asked, Bench, run
from sixin.bench.spawn import NotStarted, Spawned
from sixin.cli.bench import raise_file_limit
from tests.services.postgres import PostgresServer
from tests.services.programs import find_postgres

RESULTS = Path(__file__).parent / "results"
QUIET_CORES = 0.15
"""Other people's use of the machine below which a run may begin."""


class Case(Struct, frozen=True):
    """One row of the page."""

    name: str
    scenario: str
    store: str
    asked: Asked
    half_of: str = ""
    """Offer half of what this case achieved: latency means little at full load."""
    runs: int = 3


class Result(Struct):
    """All runs of one case."""

    case: Case
    reports: list[Report]

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return RESULTS / f"{self.case.name}.json"


def cases(seconds: float, messages: int) -> list[Case]:
    """Every case, in the order in which the page shows them."""
    asked = Asked(seconds=seconds)
    found = [Case("send-memory-500", "send", "memory", replace(asked, connections=500))]
    for store in ("sqlite", "postgresql"):
        found += [
            Case(f"send-{store}-{connections}", "send", store, replace(asked, connections=connections))
            for connections in (10, 100, 500, 2_000)
        ]
        half = f"send-{store}-500"
        found.append(Case(f"{half}-half", "send", store, replace(asked, connections=500), half_of=half))
        found.append(Case(f"{half}-deep", "send", store, replace(asked, connections=500, window=8)))
    reads = replace(asked, connections=100, messages=20_000, seconds=min(seconds, 2.0))
    found += [
        Case("fanout-sqlite", "fanout", "sqlite", replace(asked, connections=512)),
        Case("fanout-sqlite-deep", "fanout", "sqlite", replace(asked, connections=512, window=8)),
        Case("idle-sqlite", "idle", "sqlite", replace(asked, connections=5_000, seconds=1.0)),
        Case("mix-sqlite", "mix", "sqlite", replace(asked, connections=500)),
        Case("pulls-sqlite", "pulls", "sqlite", reads),
        Case("pulls-postgresql", "pulls", "postgresql", reads),
        Case("catchup-sqlite-1000", "catchup", "sqlite", replace(asked, conversations=1_000)),
        Case("catchup-sqlite-10000", "catchup", "sqlite", replace(asked, conversations=10_000), runs=1),
        Case("growth-contacts-100", "catchup", "sqlite", replace(asked, conversations=100), runs=1),
        Case("growth-contacts-100000", "catchup", "sqlite", replace(asked, conversations=100_000), runs=1),
        Case(
            "growth-sqlite",
            "growth",
            "sqlite",
            replace(asked, connections=200, contacts=20, messages=messages, seconds=min(seconds, 3.0)),
            runs=1,
        ),
    ]
    return found


def load_results() -> dict[str, Result]:
    """What is kept, by case."""
    files = sorted(RESULTS.glob("*.json"))
    results = [
        msgspec.json.decode(file.read_bytes(), type=Result)
        for file in files
        if file.name not in ("limits.json", "engine-growth.json") and not file.name.startswith("peer-")
    ]
    return {result.case.name: result for result in results}


def wait_until_quiet(patience_s: float) -> None:
    """Wait, but not for ever, until nobody else uses the machine."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        before = busy_s()
        time.sleep(1.0)
        if busy_s() - before < QUIET_CORES:
            return


def run_case(case: Case, postgres: PostgresServer | None, nth: int) -> Report:
    """One run of a case. Raises `RunFailed` and `NotStarted`."""
    store, pids = case.store, tuple[int, ...]()
    if case.store == "postgresql":
        if postgres is None:
            raise RunFailed("there is no PostgreSQL here")
        store = postgres.create_database(f"bench_{time.time_ns()}")
        pids = (pid_of(postgres),)
    asked = case.asked
    shown = [f"--{name.replace('_', '-')} {value:g}" for name, value in changed(asked)]
    report = Report(
        scenario=case.scenario,
        store=case.store,
        durability=DURABILITY[case.store],
        command=" ".join(["sixin bench", f"--store {case.store}", f"--scenario {case.scenario}", *shown]),
        settings={name: getattr(asked, name) for name in Asked.__struct_fields__},
    )
    say(f"{case.name}, run {nth}")
    bench = Bench(asked, Spawned(store=store, pids=pids), report, lambda line: say(f"    {line}"))
    try:
        return asyncio.run(run(case.scenario, bench))
    finally:
        if postgres is not None and pids:
            postgres.drop_database(store.rpartition("/")[2])


def changed(asked: Asked) -> Iterator[tuple[str, float]]:
    """What is not as it is by default."""
    for name in Asked.__struct_fields__:
        value, default = getattr(asked, name), getattr(Asked(), name)
        if value != default:
            yield name.removesuffix("_s"), value


def pid_of(server: PostgresServer) -> int:
    """The database's first process, of which the others are children."""
    return int((server.folder / "data" / "postmaster.pid").read_text().split()[0])


def take(wanted: list[Case], *, runs: int, patience_s: float) -> Iterable[Result]:
    """Run the cases in turn, and keep each result as it grows."""
    results = {case.name: Result(case, []) for case in wanted}
    with ExitStack() as open_:
        program = find_postgres()
        needs_postgres = any(case.store == "postgresql" for case in wanted)
        postgres = open_.enter_context(PostgresServer(program)) if program and needs_postgres else None
        for nth in range(1, runs + 1):
            for case in wanted:
                if nth > min(case.runs, runs):
                    continue
                wait_until_quiet(patience_s)
                try:
                    report = run_case(at_half(case, results), postgres, nth)
                except (RunFailed, NotStarted, OSError) as failed:
                    say(f"{case.name} failed: {failed}")
                    continue
                result = results[case.name]
                result.reports.append(report)
                RESULTS.mkdir(exist_ok=True)
                result.file.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    return results.values()


def at_half(case: Case, results: dict[str, Result]) -> Case:
    """The case with its rate, where that depends on another one."""
    if not case.half_of:
        return case
    known = results.get(case.half_of) or load_results().get(case.half_of)
    if known is None or not known.reports:
        raise RunFailed(f"{case.half_of} has to be measured first")
    achieved = sorted(report.measured[0].achieved_per_s for report in known.reports)
    rate = float(round(achieved[len(achieved) // 2] / 2, -2))
    return replace(case, asked=replace(case.asked, rate=rate))


def say(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Take what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="cases whose name begins so")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--messages", type=int, default=1_000_000, help="how far growth goes")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for a quiet machine, each run")
    parser.add_argument("--no-limits", dest="limits", action="store_false")
    args = parser.parse_args()
    raise_file_limit()
    wanted = [
        case for case in cases(args.seconds, args.messages) if not args.only or case.name.startswith(tuple(args.only))
    ]
    if args.limits:
        program = find_postgres()
        with ExitStack() as open_:
            url = open_.enter_context(PostgresServer(program)).url if program else None
            wait_until_quiet(args.patience)
            limits = measure_limits(Path(RESULTS.parent), url, runs=args.runs, seconds=min(args.seconds, 2.0))
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "limits.json").write_bytes(msgspec.json.format(msgspec.json.encode(limits), indent=1) + b"\n")
    sound = all(
        report.sound for result in take(wanted, runs=args.runs, patience_s=args.patience) for report in result.reports
    )
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
