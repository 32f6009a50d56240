"""Histories of the simulator, in both languages: what the Python `Sync` did in them, the browser's does too."""

import os
import re
import subprocess
from pathlib import Path

from tests.client.afternoon import spend
from tests.client.record_sync_vectors import written
from tests.client.recording import Life, recording
from tests.client.virtual import run as run_in_virtual_time
from tests.simulation.plan import make_plan
from tests.simulation.world import run
from tests.web.npm import node

SEEDS = range(12)

SHOWN = {"pull_contacts ", "pull_hidden ", "pull_new hole", "pull_old ", "pulled gaps", "pulled hidden"}
"""What the lives must have come upon, or they would prove little."""

VECTORS = Path(__file__).parent / "vectors.test.js"


def _same_in_node(lives: list[Life], folder: Path) -> None:
    for nth, life in enumerate(lives):
        (folder / f"{nth:04}.json").write_text(written(life.vector), encoding="utf-8")
    done = subprocess.run(
        [node(), "--test", str(VECTORS)],
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
        env={**os.environ, "SIXIN_SYNC_VECTORS": str(folder)},
    )
    assert done.returncode == 0, done.stdout[-4_000:]
    assert re.search(rf"pass {len(lives) + 1}\b", done.stdout), "each life, and that there are some"


def _kinds(lives: list[Life]) -> set[str]:
    return {kind for life in lives for kind in life.kinds}


def test_the_whole_systems_histories_are_the_same_in_both_languages(tmp_path: Path) -> None:
    """The real node and the real SDK: crashes, sleep, lost, doubled and late frames."""
    lives: list[Life] = []
    for plan in (make_plan(seed, 250) for seed in SEEDS):
        if "PULLS_IN_FLIGHT_MAX" in plan.limits:
            continue  # the browser's own limit is a constant of its module
        with recording() as recorded:
            run(plan)
        lives += recorded.values()
    assert len(lives) >= 20
    assert _kinds(lives) >= SHOWN
    _same_in_node(lives, tmp_path)


def test_busy_afternoons_are_the_same_in_both_languages(tmp_path: Path) -> None:
    """Pages so small that every one has a next, and every pause leaves a hole."""
    lives: list[Life] = []
    for seed in range(6):
        with recording() as recorded:
            run_in_virtual_time(spend(seed, acts=90), within_s=10**6)
        lives += recorded.values()
    assert _kinds(lives) >= SHOWN
    _same_in_node(lives, tmp_path)
