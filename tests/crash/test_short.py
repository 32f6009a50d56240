"""The crash proof, bounded: the long one is `make crash`. Of three nodes: tests/cluster/test_faults.py."""

from pathlib import Path

import pytest

from tests.crash.plan import make_plan
from tests.crash.run import Outcome, Run
from tests.crash.summary import summary
from tests.matrix import CRASH, SQLITE, THREE_NODES, Place


@pytest.mark.timeout(180)
async def test_nothing_acknowledged_is_lost_or_doubled_when_everything_is_killed(tmp_path: Path) -> None:
    plan = make_plan(seed=11, clients=20, sends=2_000, kills=3, client_kills=1, processes=2, stores="mixed")
    outcome = await Run(plan, tmp_path, store="sqlite", time_s=120, say=print, recorded=True, hasty=True).play()

    assert outcome.findings.ok, summary(outcome)
    assert len(outcome.outages) == 3
    assert outcome.client_kills == 1
    _was_judged(outcome, 2_000)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("place", [place for place in CRASH if place not in (SQLITE, THREE_NODES)], ids=str)
async def test_nothing_is_lost_or_doubled_when_a_node_is_killed_that_stands_on_others(
    request: pytest.FixtureRequest, tmp_path: Path, place: Place
) -> None:
    store = "sqlite" if place.store == "SQLite" else request.getfixturevalue("cleared_postgres_url")
    bus = "local" if place.bus == "local" else request.getfixturevalue("nats_url")
    plan = make_plan(seed=12, clients=10, sends=1_200, kills=2, client_kills=0, processes=1, stores="memory")
    run = Run(plan, tmp_path, store=store, bus=bus, time_s=120, say=print, recorded=True, hasty=True)
    outcome = await run.play()

    assert outcome.findings.ok, summary(outcome)
    assert len(outcome.outages) == 2
    _was_judged(outcome, 1_200)


def _was_judged(outcome: Outcome, sends: int) -> None:
    # One more for each text that a kill met between the outbox and the journal.
    assert sends <= outcome.findings.looked_at["stored once by its text"] <= sends + 10
    judged = [outcome.findings.looked_at[f"sentence {nth} of the contract, by sixin.verify"] for nth in range(1, 11)]
    assert all(judged), judged
