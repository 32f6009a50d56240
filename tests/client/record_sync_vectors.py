"""Write the sync vectors anew: `python -m tests.client.record_sync_vectors`. After a change of the rules, on purpose.

Each vector is one device's life in a simulated afternoon: notices lost, doubled and late, links cut, sleep, restarts.
"""

import json
import sys
from typing import Any

from tests.client.afternoon import spend
from tests.client.recording import Life, recording
from tests.client.set_back import live_through_a_server_set_back
from tests.client.sync_vectors import FOLDER
from tests.client.virtual import run

LIVES = 10
"""Vectors to keep: those that make most kinds of steps in least space."""

STEPS = range(60, 700)
"""Shorter lives show little, longer ones nothing more."""


def written(vector: dict[str, Any]) -> str:
    """As JSON with one step a line: a change shows as the lines that changed."""
    head, steps = {name: value for name, value in vector.items() if name != "steps"}, vector["steps"]
    lines = ",\n".join(json.dumps(step, ensure_ascii=False, separators=(",", ":")) for step in steps)
    return json.dumps(head, ensure_ascii=False, separators=(",", ":"))[:-1] + f',"steps":[\n{lines}\n]}}\n'


def main() -> None:
    """Live through some afternoons and keep the lives that show most."""
    kept: list[tuple[int, Life]] = []
    for seed in range(24):
        with recording() as lives:
            run(spend(seed, acts=90), within_s=10**6)
        kept += [(seed, life) for life in lives.values() if len(life.steps) in STEPS]

    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.json"):
        old.unlink()
    shown: set[str] = set()
    for nth in range(LIVES):
        seed, life = max(kept, key=lambda one: (len(one[1].kinds - shown), -len(one[1].steps)))
        kept.remove((seed, life))
        shown |= life.kinds
        text = written({"seed": seed, **life.vector})
        (FOLDER / f"life-{nth + 1:02}.json").write_text(text, encoding="utf-8")
    with recording() as lives:
        live_through_a_server_set_back()
    for life in lives.values():
        shown |= life.kinds
        (FOLDER / "set-back.json").write_text(written(life.vector), encoding="utf-8")
    sys.stdout.write(f"{LIVES} lives, {len(shown)} kinds of steps\n" + "\n".join(sorted(shown)) + "\n")


if __name__ == "__main__":
    main()
