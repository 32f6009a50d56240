"""Runs one target with as many examples as are wanted."""

from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS


def fuzz(name: str, *, examples: int, chance: int) -> None:
    """Throw examples at a target. Raises what its law raises, for the smallest example that breaks it."""
    target = TARGETS[name]
    limits = settings(
        max_examples=examples,
        database=None,  # one seed is one run
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        print_blob=True,
    )
    with target.standing() as law:

        def one(arguments: tuple[Any, ...]) -> None:
            law(*arguments)

        limits(seed(chance)(given(st.tuples(*target.strategies))(one)))()
