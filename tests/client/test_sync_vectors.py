"""The vectors of tests/vectors/sync, in Python. The browser's `Sync` runs the same ones (tests/web)."""

from pathlib import Path

import pytest

from tests.client.sync_vectors import Replay, read, stored


def test_there_are_vectors() -> None:
    assert len(stored()) >= 10


@pytest.mark.parametrize("path", stored(), ids=lambda path: path.stem)
def test_sync_does_what_the_vector_says(path: Path) -> None:
    vector = read(path)
    replay = Replay(vector)
    for nth, step in enumerate(vector["steps"]):
        assert replay.step(step) == step, f"step {nth}"
