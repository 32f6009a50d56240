"""Measures the peers that are installed here: python -m bench.peers [name …].

apt-get install ejabberd erlang-p1-pgsql
python -m venv synapse && synapse/bin/pip install 'matrix-synapse[postgres]'
SYNAPSE_PYTHON=synapse/bin/python python -m bench.peers
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import msgspec

from bench.peers.base import Peer, PeerBroken, PeerResult, measure_peer
from bench.peers.ejabberd import Ejabberd
from bench.peers.synapse import Synapse
from bench.suite import RESULTS, pid_of, say, wait_until_quiet
from tests.services.postgres import PostgresServer
from tests.services.programs import find_postgres

PEERS: dict[str, type[Peer]] = {"ejabberd": Ejabberd, "synapse": Synapse}


def take(name: str, *, runs: int, seconds: float, patience_s: float) -> PeerResult | None:
    """Measure one peer several times; the run in the middle stands for it."""
    program = find_postgres()
    if program is None:
        say("there is no PostgreSQL here")
        return None
    results = []
    for nth in range(1, runs + 1):
        wait_until_quiet(patience_s)
        say(f"{name}, run {nth}")
        with PostgresServer(program) as postgres, tempfile.TemporaryDirectory(prefix="sixin-peer-") as folder:
            peer = PEERS[name](Path(folder), postgres.create_database("peer"))
            try:
                results.append(
                    asyncio.run(measure_peer(peer, seconds=seconds, warmup_s=2.0, also_pids=[pid_of(postgres)]))
                )
            except (PeerBroken, OSError, TimeoutError, ExceptionGroup) as broken:
                say(f"{name}: {broken!r}")
                return None
    results.sort(key=lambda result: result.per_s)
    return results[len(results) // 2]


def main() -> int:
    """Measure, and keep what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(PEERS), metavar="NAME", help=f"of {', '.join(PEERS)}")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--patience", type=float, default=60.0)
    args = parser.parse_args()
    missing = 0
    for name in args.names:
        result = take(name, runs=args.runs, seconds=args.seconds, patience_s=args.patience)
        if result is None:
            missing += 1
            continue
        say(f"{name}: {result.per_s:,.0f}/s, p50 {result.p50_ms} ms, p99 {result.p99_ms} ms")
        RESULTS.mkdir(exist_ok=True)
        file = RESULTS / f"peer-{name}.json"
        file.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
