"""Makes a failing run smaller: fewer things happen, and it still fails in the same way."""

from collections.abc import Callable

from msgspec.structs import replace

from tests.simulation.plan import Action, Faults, Plan

RUNS_MAX = 300
"""Runs a shrinking may take: a minute or two."""


def shrink(plan: Plan, fails: Callable[[Plan], bool], *, runs_max: int = RUNS_MAX) -> Plan:
    """The smallest plan found for which `fails` still holds. `fails(plan)` holds for the one given."""
    runs = 0

    def still(smaller: Plan) -> bool:
        nonlocal runs
        runs += 1
        return runs <= runs_max and fails(smaller)

    plan = _simpler(plan, still)
    size = max(1, len(plan.actions) // 2)
    while size:
        plan = _without_stretches(plan, size, still)
        size //= 2
    return _simpler(plan, still)


def _simpler(plan: Plan, still: Callable[[Plan], bool]) -> Plan:
    """Without the faults, the shuffling, the second node and the cache, where it fails without them too."""
    faults = plan.faults
    for simpler in (
        {"faults": Faults(0, 0, 0)},
        {"faults": replace(faults, network=0)},
        {"faults": replace(faults, disk=0)},
        {"faults": replace(faults, notices=0)},
        {"shuffled": False},
        {"nodes": 1},
        {"throttled": False},
        {"cache": False},
    ):
        smaller = replace(plan, **simpler)
        if smaller != plan and still(smaller):
            plan = smaller
    return plan


def _without_stretches(plan: Plan, size: int, still: Callable[[Plan], bool]) -> Plan:
    start = 0
    while start < len(plan.actions):
        left: list[Action] = plan.actions[:start] + plan.actions[start + size :]
        smaller = replace(plan, actions=left)
        if still(smaller):
            plan = smaller
        else:
            start += size
    return plan
