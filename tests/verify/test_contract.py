"""The contract's page and the checker say the same: its sentences, and the names of what each of them means."""

import re
from pathlib import Path

from sixin.verify.contract import SENTENCES
from tests.simulation.mutation_table import MUTATIONS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "contract.md").read_text("utf-8")
JUDGES = ROOT / "src" / "sixin" / "verify"


def sections() -> dict[int, tuple[str, str]]:
    """Each sentence as the page has it, and what stands under it."""
    parts = re.split(r"^## (\d+)\. (.+)$", PAGE, flags=re.MULTILINE)[1:]
    return {int(number): (words, body) for number, words, body in zip(*[iter(parts)] * 3, strict=True)}


def rules() -> dict[int, set[str]]:
    """The names of what each sentence means, on the page."""
    return {number: set(re.findall(r"\*([a-z][^*]+)\*", body)) for number, (_, body) in sections().items()}


def test_the_page_has_the_twelve_sentences_word_for_word() -> None:
    assert {number: words for number, (words, _) in sections().items()} == SENTENCES


def test_each_sentence_says_what_is_not_promised() -> None:
    assert [number for number, (_, body) in sections().items() if "Not promised:" not in body] == []


def test_whatever_a_judge_calls_a_violation_stands_on_the_page() -> None:
    known = rules()
    named = {
        (int(number), rule)
        for file in JUDGES.rglob("*.py")
        for number, rule in re.findall(r"\((\d+), \"([a-z][^\"]+)\"", file.read_text("utf-8"))
    }
    assert len(named) > 30
    assert {(number, rule) for number, rule in named if rule not in known[number]} == set()


def test_every_name_on_the_page_is_one_a_judge_uses() -> None:
    source = "".join(file.read_text("utf-8") for file in JUDGES.rglob("*.py"))
    assert {rule for names in rules().values() for rule in names if f'"{rule}"' not in source} == set()


def test_what_the_mutations_are_named_by_stands_on_the_page() -> None:
    known = rules()
    assert {mutation.rule for mutation in MUTATIONS if mutation.rule not in known[mutation.sentence]} == set()


def test_every_test_the_page_names_is_there() -> None:
    links = re.findall(r"\]\(\.\./(tests/[^)]+)\)", PAGE)
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).is_file()] == []
