"""The table of where the suites run says what the suites do."""

from tests.conformance.engines import ENGINES
from tests.house.repository import text_of
from tests.matrix import PLACES, SUITES


def test_the_table_in_the_documents_is_what_runs() -> None:
    page = text_of("docs/testing.md") or ""
    lines = page.split("## Where they run", 1)[1].split("\n## ", 1)[0].splitlines()
    head, _, *rows = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    places = [cell.strip() for cell in head[1:]]
    assert places == [str(place) for place in PLACES]
    shown = {
        row[0].strip(): [place for place, cell in zip(places, row[1:], strict=True) if cell.strip() == "✓"]
        for row in rows
    }
    assert shown == {suite: [str(place) for place in run_on] for suite, run_on in SUITES.items()}


def test_the_conformance_suite_runs_on_every_store_and_on_as_many_nodes() -> None:
    places = SUITES["conformance of stores"]
    assert {place.store for place in places} == {place.store for place in PLACES}
    assert [engine.nodes for engine in ENGINES] == [place.nodes for place in places]
