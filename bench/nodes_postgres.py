"""What one, two and three nodes on one PostgreSQL and one NATS take through their sockets, and what a send costs whom.

    python -m bench.nodes_postgres [--nodes 1 2 3] [--connections 500] [--seconds 6] [--times 3]

The nodes are the workers of one `sixin serve`; load, measurement and verdict are those of `sixin bench`. PostgreSQL and
NATS are throw-away ones, and everything shares this machine. Prints a table of medians.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import msgspec

from sixin.bench.report import Report
from tests.services.nats import NatsServer
from tests.services.postgres import PostgresServer
from tests.services.programs import NATS, POSTGRES


def run(postgres: PostgresServer, nats: NatsServer, nodes: int, connections: int, seconds: float) -> Report:
    """One run on an empty database. Raises `SystemExit` where the verdict found a fault."""
    name = f"nodes_{nodes}"
    postgres.drop_database(name)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.json"
        command = [sys.executable, "-m", "sixin.cli.main", "bench", "--quiet", "--json", str(file)]
        command += ["--store", postgres.create_database(name), "--serve", f"--bus {nats.url} --workers {nodes}"]
        command += ["--connections", str(connections), "--seconds", str(seconds)]
        command += ["--server-pid", str(postgres.pid), "--server-pid", str(nats.pid)]
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if ran.returncode != 0:
            raise SystemExit(ran.stdout)
        return msgspec.json.decode(file.read_bytes(), type=Report)


def row(nodes: int, reports: list[Report]) -> str:
    """A line of the table."""
    measured = [report.measured[0] for report in reports]

    def of_all(value: Callable[[int], float]) -> float:
        return median(value(nth) for nth in range(len(measured)))

    def cpu_us(*names: str) -> float:
        return of_all(lambda nth: sum(s.cpu_us_per_op for s in measured[nth].processes if s.name in names))

    rates = sorted(one.achieved_per_s for one in measured)
    cells = [
        str(nodes),
        f"{median(rates):,.0f} [{rates[0]:,.0f}–{rates[-1]:,.0f}]",
        ", ".join(
            f"{of_all(value):.0f}"
            for value in (
                lambda nth: measured[nth].latency["send"].p50_ms,
                lambda nth: measured[nth].latency["send"].p99_ms,
            )
        ),
        f"{cpu_us('server', 'python'):.0f}",
        f"{cpu_us('postgres'):.0f}",
        f"{cpu_us('nats-server'):.1f}",
        f"{of_all(lambda nth: measured[nth].generator.cpu_us_per_op):.0f}",
        f"{of_all(lambda nth: measured[nth].others_cores):.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    postgres, nats = POSTGRES.find(), NATS.find()
    if postgres is None or nats is None:
        raise SystemExit("PostgreSQL and NATS are needed: make services")
    print("| nodes | sends/s | p50, p99 (ms) | Sixin µs | PostgreSQL µs | NATS µs | generator µs | others' cores |")
    print("| ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    with PostgresServer(postgres) as database, NatsServer(nats) as bus:
        # In turn, so that what else the machine does meets all of them.
        reports: dict[int, list[Report]] = {nodes: [] for nodes in asked.nodes}
        for _ in range(asked.times):
            for nodes, found in reports.items():
                found.append(run(database, bus, nodes, asked.connections, asked.seconds))
        for nodes, found in reports.items():
            print(row(nodes, found), flush=True)


if __name__ == "__main__":
    main()
