"""Makes a failing run smaller: fewer things happen, and it still fails in the same way."""

from collections.abc import Callable, Iterable
from itertools import islice

from msgspec.structs import replace

from tests.simulation.actions import Action
from tests.simulation.plan import Faults, Plan

RUNS_MAX = 600
"""Runs a shrinking may take: some minutes."""

LUCKS = 6
"""A smaller run meets other weather; it is given so many kinds of it before it is believed to be fine."""


class Shrinking:
    """The search for a smaller plan that still fails."""

    def __init__(self, fails: Callable[[Plan], bool], runs_max: int) -> None:
        self._fails = fails
        self._runs_left = runs_max

    def still(self, smaller: Plan) -> Plan | None:
        """The plan, with luck that makes it fail; None where none was found."""
        for plan in [smaller, *(replace(smaller, luck=luck) for luck in range(LUCKS))]:
            self._runs_left -= 1
            if self._runs_left < 0:
                return None
            if self._fails(plan):
                return plan
        return None

    def first_of(self, smaller: Iterable[Plan]) -> Plan | None:
        """The first that still fails."""
        return next((found for plan in smaller if (found := self.still(plan)) is not None), None)


def shrink(plan: Plan, fails: Callable[[Plan], bool], *, runs_max: int = RUNS_MAX) -> Plan:
    """The smallest plan found for which `fails` still holds. `fails(plan)` holds for the one given."""
    search = Shrinking(fails, runs_max)
    plan = _with_less(plan, search)
    size = max(1, len(plan.actions) // 2)
    while size:
        plan = _without_stretches(plan, size, search)
        size //= 2
    return _with_less(plan, search)


def _with_less(plan: Plan, search: Shrinking) -> Plan:
    """Without the faults, the hardships, the shuffling, the second node and the cache, where it fails without them."""
    faults = plan.faults
    simpler = [
        replace(plan, faults=Faults(0, 0, 0)),
        replace(plan, faults=replace(faults, network=0)),
        replace(plan, faults=replace(faults, disk=0)),
        replace(plan, faults=replace(faults, notices=0)),
        replace(plan, limits={}),
        *(
            replace(plan, limits={name: plan.limits[name] for name in plan.limits if name != one})
            for one in plan.limits
        ),
        replace(plan, hardships=replace(plan.hardships, life_s=0.0)),
        replace(plan, hardships=replace(plan.hardships, registered=False)),
        replace(plan, hardships=replace(plan.hardships, moderators=False)),
        replace(plan, hardships=replace(plan.hardships, acquaintances=0)),
        replace(plan, hardships=replace(plan.hardships, slow_nodes=False)),
        replace(plan, hardships=replace(plan.hardships, late_bus=False)),
        replace(plan, hardships=replace(plan.hardships, steps=False)),
        replace(plan, hardships=replace(plan.hardships, twice=False)),
        replace(plan, shuffled=False),
        replace(plan, nodes=1),
        replace(plan, engine="memory"),
        replace(plan, throttled=False),
        replace(plan, cache=False),
    ]
    found = search.first_of(smaller for smaller in simpler if smaller != plan)
    return plan if found is None else _with_less(found, search)


def _without_stretches(plan: Plan, size: int, search: Shrinking) -> Plan:
    start = 0
    while start < len(plan.actions):
        left: list[Action] = [*islice(plan.actions, start), *plan.actions[start + size :]]
        found = search.still(replace(plan, actions=left))
        if found is None:
            start += size
        else:
            plan = found
    return plan
