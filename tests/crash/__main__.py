"""The crash proof as a command: `python -m tests.crash --clients 200 --sends 200000 --kills 20 --seed 1`."""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.crash.crew import ProcessBroken
from tests.crash.plan import make_plan
from tests.crash.run import Outcome, Run, Stalled
from tests.crash.server import ServerBroken
from tests.crash.summary import summary
from tests.services.postgres import PostgresServer
from tests.services.programs import POSTGRES

RECORDED_SENDS_MAX = 20_000
"""Up to here every frame of a run is kept and given to the contract's checker as well: about a GiB of memory."""


def main() -> int:
    """0: everything holds. 1: something does not, or the run did not come to its end; its files are kept."""
    args = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="sixin-crash-"))
    plan = make_plan(
        seed=args.seed,
        clients=args.clients,
        sends=args.sends,
        kills=args.kills,
        client_kills=args.client_kills,
        processes=args.processes,
        stores=args.copies,
    )
    with ExitStack() as stack:
        store = stack.enter_context(PostgresServer(_programs())).url if args.store == "postgres" else args.store
        run = Run(
            plan, folder, store=store, time_s=args.minutes * 60, say=_say, recorded=args.sends <= RECORDED_SENDS_MAX
        )
        outcome: Outcome | None = None
        try:
            outcome = asyncio.run(_play(run))
        except* asyncio.CancelledError:
            _say("Told to stop.")
        except* (ServerBroken, ProcessBroken, Stalled) as broken:
            _say("\n".join(str(one) for one in broken.exceptions))
    _say(summary(outcome) if outcome is not None else "No verdict.")
    if outcome is None or not outcome.findings.ok:
        _say(f"Seed {args.seed}; the files are in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


async def _play(run: Run) -> Outcome:
    """Told to stop, it leaves nothing running behind."""
    playing = asyncio.current_task()
    assert playing is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, playing.cancel)
    return await run.play()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--clients", type=int, default=200, help="SDK clients, each a device [%(default)s]")
    parser.add_argument("--sends", type=int, default=200_000, help="messages of all together [%(default)s]")
    parser.add_argument("--kills", type=int, default=20, help="SIGKILLs to the server [%(default)s]")
    parser.add_argument("--client-kills", type=int, default=4, help="SIGKILLs to client processes [%(default)s]")
    parser.add_argument("--processes", type=int, default=4, help="processes of clients [%(default)s]")
    parser.add_argument(
        "--copies", choices=("memory", "sqlite", "mixed"), default="mixed", help="where devices keep them [%(default)s]"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", default="sqlite", help="sqlite, a postgresql:// URL, or postgres for one of its own")
    parser.add_argument("--minutes", type=float, default=20, help="stop talking after so long [%(default)s]")
    return parser.parse_args()


def _programs() -> Path:
    path = POSTGRES.find()
    if path is None:
        raise SystemExit(f"There is no {POSTGRES.name} here: make services")
    return path


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
