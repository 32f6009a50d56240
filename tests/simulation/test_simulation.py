"""The simulator: the contract is kept under faults, one seed is one run, and what fails is made small."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from sixin.core.ids import SessionId
from sixin.core.timeline import TailRead
from sixin.server.store.base import Store
from sixin.verify.checker import check
from sixin.verify.history import CutOff
from tests.simulation.hardships import Hardships
from tests.simulation.loop import Process
from tests.simulation.mutated_rules import MUTATIONS
from tests.simulation.mutations import plan_for
from tests.simulation.plan import make_plan
from tests.simulation.shrink import shrink
from tests.simulation.world import run

REGRESSIONS = Path(__file__).parent / "regressions.txt"


def regressions() -> list[tuple[int, int, str]]:
    """Seeds that once found something: seed, operations, and what it was."""
    lines = [line for line in REGRESSIONS.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return [(int(seed), int(operations), what) for seed, operations, what in (line.split(maxsplit=2) for line in lines)]


@pytest.mark.parametrize("seed", range(12))
def test_the_contract_is_kept_whatever_fails(seed: int) -> None:
    ran = run(make_plan(seed, 250))
    verdict = check(ran.history)
    assert verdict.kept, f"python -m tests.simulation --replay {seed} --ops 250\n{verdict}"


def test_what_was_found_once_stays_away() -> None:
    for seed, operations, what in regressions():
        verdict = check(run(make_plan(seed, operations)).history)
        assert verdict.kept, f"{what} is back\n{verdict}"


@pytest.mark.parametrize("seed", [3, 7])
def test_one_seed_is_one_run_byte_for_byte(seed: int) -> None:
    plan = make_plan(seed, 200)
    first, second = run(plan), run(plan)
    assert first.history.events
    assert first.digest == second.digest
    assert first.steps == second.steps
    assert run(make_plan(seed + 1, 200)).digest != first.digest


def test_the_weather_is_as_bad_as_it_says() -> None:
    """Over some seeds everything the simulator can do to a run has happened."""
    marks: set[str] = set()
    silent = refused = notices = 0
    for seed in range(24):
        history = run(make_plan(seed, 120)).history
        for event in history.events:
            kind = type(event).__name__
            marks |= {event.what} if kind == "Mark" else set()  # type: ignore[union-attr]
            silent += kind == "Call" and event.answer is None and event.error is None  # type: ignore[union-attr]
            refused += kind == "Call" and event.error is not None  # type: ignore[union-attr]
            notices += kind == "Told"
    assert marks >= {"node_crashed", "node_started", "node_stopped", "device_crashed", "device_slept", "clock_moved"}
    assert min(silent, refused, notices) > 50


def test_times_are_as_hard_as_they_say() -> None:
    """Over some seeds every hardship has come, and a run with them is made of the same plan as one without."""
    plans = [make_plan(seed, 60) for seed in range(120)]
    hard = [plan for plan in plans if plan.hardships != Hardships()]
    assert len(hard) > 30
    kinds = {action.kind for plan in hard for action in plan.actions}
    assert kinds >= {"glance", "outage", "register", "knock", "browse", "slow", "step", "twice"}
    assert any(action.op == "moderate" for plan in hard for action in plan.actions)
    assert any(plan.hardships.late_bus and plan.nodes > 1 for plan in hard)
    assert not any(action.kind == "glance" for plan in plans if plan not in hard for action in plan.actions)
    expiring = next(plan for plan in hard if plan.hardships.life_s and plan.raw_devices)
    ended = [event for event in run(expiring).history.events if isinstance(event, CutOff)]
    assert len({event.token for event in ended}) > 1


def test_a_long_list_is_gone_through_on_a_cold_server() -> None:
    """Sessions are read ahead then, many at once, and what was read that way answers."""
    together: list[int] = []

    def counted(store: Store) -> Store:
        read = store.read_tails

        async def read_tails(session_ids: Sequence[SessionId], *, versions_max: int) -> list[TailRead]:
            together.append(len(session_ids))
            return await read(session_ids, versions_max=versions_max)

        store.read_tails = read_tails  # type: ignore[method-assign]
        return store

    plans = [plan for plan in (make_plan(seed, 60) for seed in range(50)) if plan.hardships.acquaintances]
    assert plans
    for plan in plans:
        assert check(run(plan, wrap=counted).history).kept
    assert max(together) >= 16
    assert len(together) > 10


@pytest.mark.timeout(180)  # five seconds on a quiet core: more than a hundred runs, one after the other
def test_a_failing_run_is_made_small() -> None:
    mutation = next(mutation for mutation in MUTATIONS if mutation.name == "pin lost")

    def fails(plan: object) -> bool:
        with mutation.install() as hooks:
            return mutation.named in check(run(plan, wrap=hooks.wrap).history).counts  # type: ignore[arg-type]

    plan = plan_for(mutation, 0)
    assert fails(plan)
    small = shrink(plan, fails, runs_max=120)
    assert fails(small)
    assert len(small.actions) <= 8
    assert replace(small, actions=[]) != plan


def test_a_killed_process_runs_no_more() -> None:
    process = Process("node")
    deaths: list[str] = []
    process.deaths.append(lambda: deaths.append("told"))
    process.kill()
    process.kill()
    assert deaths == ["told"]
