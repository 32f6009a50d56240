"""One seed, from its plan to its verdict, in whichever process."""

import logging

from sixin.verify.checker import check
from sixin.verify.contract import Verdict
from tests.simulation.plan import Plan, make_plan
from tests.simulation.world import Failed, Run, run


def one_seed(operations: int, seed: int) -> tuple[int, int, str]:
    """One seed, in whichever process: the seed, its operations, and what was wrong."""
    logging.disable(logging.CRITICAL)
    outcome = judged(make_plan(seed, operations))
    return seed, outcome.calls, outcome.problem


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
