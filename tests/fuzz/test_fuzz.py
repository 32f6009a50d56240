"""A bounded run of every target; `make fuzz` runs longer ones."""

import pytest

from tests.fuzz.run import fuzz
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_strangers_send_the_law_holds(name: str) -> None:
    fuzz(name, examples=150, chance=1)


def test_a_law_that_is_broken_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes) -> None:
        assert b'"text"' not in data

    monkeypatch.setitem(TARGETS, "content", (broken, TARGETS["content"][1]))
    with pytest.raises(AssertionError):
        fuzz("content", examples=500, chance=1)
