"""The checker can fail: everything done wrong to a correct system is caught, and named by the right sentence."""

import pytest

from sixin.verify.contract import SENTENCES
from tests.simulation.mutation_table import MUTATIONS, PAGE, page
from tests.simulation.mutations import SEEDS_MAX, Mutation, catch


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: str(mutation.name))
def test_what_is_done_wrong_is_caught_and_named(mutation: Mutation) -> None:
    verdict = catch(mutation)
    assert verdict is not None, f"{mutation.named} was not named in {SEEDS_MAX} seeds"
    found = next(v for v in verdict.violations if (v.sentence, v.rule) == (mutation.sentence, mutation.rule))
    assert found.says


def test_every_sentence_was_broken() -> None:
    assert {mutation.sentence for mutation in MUTATIONS} == set(SENTENCES)
    assert len(MUTATIONS) >= 40
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)


def test_the_page_lists_them_all() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `python -m tests.simulation mutations --write`"
