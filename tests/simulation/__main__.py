"""`python -m tests.simulation`: run seeds, replay one, or make the table of mutations."""

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from sixin.verify.checker import check
from sixin.verify.contract import Verdict
from sixin.verify.history import write
from tests.simulation import mutation_table
from tests.simulation.plan import Plan, make_plan
from tests.simulation.shrink import shrink
from tests.simulation.world import Failed, Run, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 0 if the contract was kept."""
    logging.disable(logging.CRITICAL)
    asked = _parser().parse_args(arguments)
    if asked.what == "mutations":
        return _mutations(write_page=asked.write)
    if asked.replay is not None:
        return _replay(asked.replay, asked.ops, asked.history)
    return _simulate(range(asked.start, asked.start + asked.seeds), asked.ops)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["seeds", "mutations"], default="seeds")
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds")
    parser.add_argument("--start", type=int, default=0, help="the first of them")
    parser.add_argument("--ops", type=int, default=500, help="operations of each")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one seed, explain it, and make it smaller")
    parser.add_argument("--history", type=Path, help="where to write the history of the replayed seed")
    parser.add_argument("--write", action="store_true", help="write the page of the mutations")
    return parser


def _simulate(seeds: range, operations: int) -> int:
    started, calls, failed = time.monotonic(), 0, []
    for seed in seeds:
        outcome = judged(make_plan(seed, operations))
        calls += outcome.calls
        if outcome.problem:
            failed.append(seed)
            print(f"seed {seed}: {outcome.problem}")
            print(f"    python -m tests.simulation --replay {seed} --ops {operations}")
    took_s = time.monotonic() - started
    print(f"{len(seeds)} seeds, {calls} operations in {took_s:.1f} s ({calls / took_s:.0f} a second): ", end="")
    print(f"{len(failed)} seeds failed" if failed else "the contract was kept")
    return 1 if failed else 0


class Outcome:
    """What came of one plan."""

    def __init__(self, ran: Run | None, verdict: Verdict | None, problem: str) -> None:
        self.ran = ran
        self.verdict = verdict
        self.problem = problem
        self.calls = ran.calls if ran is not None else 0


def judged(plan: Plan) -> Outcome:
    """Run a plan and judge it."""
    try:
        ran = run(plan)
    except Failed as failure:
        return Outcome(None, None, str(failure))
    verdict = check(ran.history)
    return Outcome(ran, verdict, "" if verdict.kept else f"{', '.join(verdict.counts)}")


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
    made = mutation_table.page()
    if write_page:
        mutation_table.PAGE.parent.mkdir(exist_ok=True)
        mutation_table.PAGE.write_text(made, "utf-8")
    else:
        sys.stdout.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
