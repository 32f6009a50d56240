"""A short round of faults with three real nodes: the checker finds nothing, and it would find what is wrong."""

import pytest

from sixin.verify.checker import check
from sixin.verify.history import History, StoredMessages
from tests.cluster.faults import FAULTS, Outcome, run, world_of
from tests.matrix import THREE_NODES
from tests.services.fixtures import found
from tests.services.programs import NATS, POSTGRES

ROUND = ["a node is killed (-9)", "PostgreSQL is restarted", "NATS is killed (-9)", "a node is cut off PostgreSQL"]


@pytest.mark.timeout(180)
async def test_the_checker_finds_nothing_after_a_round_of_faults_and_everything_heals() -> None:
    told: list[str] = []
    async with world_of(THREE_NODES.nodes, seed=3, hold_s=0.5, postgres=found(POSTGRES), nats=found(NATS)) as world:
        outcome = await run(world, ROUND, 0, 3, told.append)
    assert len(told) == len(ROUND)
    assert set(outcome.heal_s) == set(ROUND) <= set(FAULTS)
    assert outcome.sends > 100
    assert outcome.verdict is not None
    assert outcome.verdict.kept, outcome.verdict.violations
    assert_checked(outcome)


def assert_checked(outcome: Outcome) -> None:
    """A judge that cannot find anything proves nothing: take one message away, double one, and ask again."""
    ends = outcome.history.ends
    (first,) = [end for end in ends if isinstance(end, StoredMessages)][:1]
    for messages in (first.messages[1:], [first.messages[0], *first.messages]):
        wrong = StoredMessages(first.session_id, first.version_id, messages)
        changed = [wrong if end is first else end for end in ends]
        assert not check(History(list(outcome.history.events), changed)).kept
