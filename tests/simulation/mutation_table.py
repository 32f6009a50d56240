"""The table of `docs/contract-mutations.md`: every mutation, and how the checker has to name it."""

from pathlib import Path

from sixin.verify.contract import SENTENCES
from tests.simulation import mutated_histories, mutated_parts, mutated_phones, mutated_rules
from tests.simulation.mutations import Mutation

PAGE = Path(__file__).parents[2] / "docs" / "contract-mutations.md"

MUTATIONS: list[Mutation] = [
    *mutated_rules.MUTATIONS,
    *mutated_parts.MUTATIONS,
    *mutated_phones.MUTATIONS,
    *mutated_histories.MUTATIONS,
]

# One sentence a line, as in every page.
HEAD = """\
# What the checker was shown to catch

A checker that has never failed proves nothing.
Each line below is one thing done wrong to the running server (its rules, its writer, its store, its cache, its hub, its doors) or to the SDK, or to what was recorded where neither could be made to do it.
The simulator runs it, and the checker has to name the sentence of [the contract](contract.md) that is broken, and the rule of it.

`python -m tests.simulation mutations --write` makes this page; [`tests/verify/test_mutations.py`](../tests/verify/test_mutations.py) runs every line of it.
"""  # noqa: E501


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for sentence, words in SENTENCES.items():
        rows = [_row(mutation) for mutation in MUTATIONS if mutation.sentence == sentence]
        parts.append(f"## {sentence}. {words.split('. ')[0].rstrip('.')}\n")
        parts.append("| what is done wrong | where | named by |\n| --- | --- | --- |")
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def _row(mutation: Mutation) -> str:
    return f"| **{mutation.name}**: {mutation.what} | {mutation.where} | {mutation.rule} |"
