"""`python -m tests.fuzz`: throw examples at every target for as long as wanted."""

import argparse
import sys
import time
import traceback

from tests.fuzz.run import fuzz
from tests.fuzz.targets import TARGETS

EXAMPLES = 1_000
"""Of one target before the next has its turn."""


def main() -> int:
    """0 if every law held."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", choices=TARGETS, action="append", help="only these")
    asked = parser.parse_args()
    until_s, chance = time.monotonic() + asked.seconds, asked.seed * 1_000_000
    counts = dict.fromkeys(asked.target or TARGETS, 0)
    while time.monotonic() < until_s:
        chance += 1
        for name in counts:
            try:
                fuzz(name, examples=EXAMPLES, chance=chance)
            except Exception:  # noqa: BLE001 - whatever it is, that is what was looked for
                traceback.print_exc()
                print(f"{name}: broken; again with fuzz({name!r}, examples={EXAMPLES}, chance={chance})")
                return 1
            counts[name] += EXAMPLES
    print(", ".join(f"{name} {count:,}" for name, count in counts.items()), "examples: every law held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
