"""Installs what the tests run against and says what is there: python -m tests.services."""

import sys

from tests.services.programs import PROGRAMS, in_ci, install


def main() -> int:
    missing = 0
    for program in PROGRAMS:
        found = install(program)
        if found is None:
            missing += 1
            print(f"{program.name}: not found, its tests will {'fail' if in_ci() else 'be skipped'}")
        else:
            print(f"{program.name}: {found}")

    return 1 if missing and in_ci() else 0


if __name__ == "__main__":
    sys.exit(main())
