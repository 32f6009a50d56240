"""`python -m tests.simulation`: run seeds, replay one, or do everything wrong that the checker has to catch."""

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from sixin.verify.history import write
from tests.simulation import mutation_table
from tests.simulation.mutations import catch
from tests.simulation.plan import make_plan
from tests.simulation.seeds import Outcome, judged, one_seed
from tests.simulation.shrink import shrink


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 0 if the contract was kept."""
    logging.disable(logging.CRITICAL)
    asked = _parser().parse_args(arguments)
    if asked.what == "mutations":
        return _mutations(write_page=asked.write)
    if asked.replay is not None:
        return _replay(asked.replay, asked.ops, asked.history)
    return _simulate(range(asked.start, asked.start + asked.seeds), asked.ops, asked.jobs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["seeds", "mutations"], default="seeds")
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds")
    parser.add_argument("--start", type=int, default=0, help="the first of them")
    parser.add_argument("--ops", type=int, default=500, help="operations of each")
    parser.add_argument("--jobs", type=int, default=1, help="processes that run seeds beside each other")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one seed, explain it, and make it smaller")
    parser.add_argument("--history", type=Path, help="where to write the history of the replayed seed")
    parser.add_argument("--write", action="store_true", help="with `mutations`: only write their page")
    return parser


def _simulate(seeds: range, operations: int, jobs: int) -> int:
    started, calls, failed = time.monotonic(), 0, 0
    # Spawned, not forked: a fork copies the locks that the pool's own thread may hold, and waits for them for ever.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for done, (seed, counted, problem) in enumerate(pool.map(partial(one_seed, operations), seeds), 1):
            calls += counted
            if problem:
                failed += 1
                print(f"seed {seed}: {problem}")
                print(f"    python -m tests.simulation --replay {seed} --ops {operations}", flush=True)
            if done % 100 == 0 or done == len(seeds):
                took_s = time.monotonic() - started
                word = f"{failed} seeds failed" if failed else "the contract was kept"
                print(
                    f"{done} seeds, {calls} operations in {took_s:.0f} s ({calls / took_s:.0f} a second): {word}",
                    flush=True,
                )
    return 1 if failed else 0


def _replay(seed: int, operations: int, history: Path | None) -> int:
    plan = make_plan(seed, operations)
    outcome = judged(plan)
    if outcome.ran is not None and history is not None:
        with history.open("wb") as file:
            write(outcome.ran.history, file)
    if not outcome.problem:
        print(f"seed {seed}: {outcome.calls} operations, the contract was kept")
        print(outcome.verdict)
        return 0
    wanted = set(outcome.verdict.counts) if outcome.verdict is not None else set()
    small = shrink(plan, lambda smaller: _same(judged(smaller), wanted))
    again = judged(small)
    print(f"seed {seed} fails: {outcome.problem}")
    print(f"with {len(small.actions)} of {len(plan.actions)} actions still: {again.problem}")
    for action in small.actions:
        print(f"    {action}")
    print(
        small.faults,
        f"nodes={small.nodes} cache={small.cache} shuffled={small.shuffled} page={small.page} limits={small.limits}",
    )
    for violation in again.verdict.violations if again.verdict is not None else ():
        print(violation)
        for evidence in violation.evidence:
            print(f"    {evidence}")
    return 1


def _same(outcome: Outcome, wanted: set[str]) -> bool:
    if outcome.verdict is None:
        return bool(outcome.problem) and not wanted
    return bool(wanted & set(outcome.verdict.counts))


def _mutations(*, write_page: bool) -> int:
    if write_page:
        mutation_table.PAGE.write_text(mutation_table.page(), "utf-8")
        return 0
    missed = 0
    for mutation in mutation_table.MUTATIONS:
        verdict = catch(mutation)
        missed += verdict is None
        word = "not caught" if verdict is None else ", ".join(verdict.counts)
        print(f"{mutation.name}: {mutation.named}\n    {word}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
