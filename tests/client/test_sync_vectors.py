"""The vectors of tests/vectors/sync, in Python. The browser's `Sync` runs the same ones (tests/web)."""

from pathlib import Path

import pytest

from sixin.client.store.memory import MemoryStore
from sixin.client.store.sqlite import SqliteStore
from tests.client.sync_vectors import Replay, copy_in_json, read, stored

KINDS = {"forget", "messages", "hidden", "cleared", "gaps", "contacts", "contact_version", "held"}
"""All that a device can be told to write of the timelines."""


def test_the_vectors_show_everything_that_can_be_written_and_refused() -> None:
    steps = [step for path in stored() for step in read(path)["steps"]]
    assert {kind for step in steps for kind in step.get("writes", {})} == KINDS
    written = [message for step in steps for message in step.get("writes", {}).get("messages", [])]
    assert {message["status"] for message in written} == {"normal", "recalled", "deleted"}
    assert {step["with"]["again"] for step in steps if step["do"] == "refused"} == {True, False}


@pytest.mark.parametrize("path", stored(), ids=lambda path: path.stem)
def test_sync_does_what_the_vector_says(path: Path, tmp_path: Path) -> None:
    vector = read(path)
    stores = (MemoryStore(), SqliteStore(tmp_path / "copy.db"))
    replay = Replay(vector, *stores)
    for nth, step in enumerate(vector["steps"]):
        assert replay.step(step) == step, f"step {nth}"
    for store in stores:
        assert copy_in_json(store) == vector["ends"]
        store.close()
