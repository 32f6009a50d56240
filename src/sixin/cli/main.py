"""`sixin`: finds the command and runs it. Each command is a file with `add_parser`."""

import argparse
import sys
from collections.abc import Sequence

from sixin.cli import backup, bench, chat, copy, demo, inspect, migrate, restore, revoke, serve, token, verify
from sixin.version import __version__

COMMANDS = (serve, demo, token, revoke, chat, inspect, migrate, copy, backup, restore, bench, verify)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    root = argparse.ArgumentParser(prog="sixin", description="Private messages for your product.")
    root.add_argument("--version", action="version", version=f"sixin {__version__}")
    subparsers = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Its exit code: 0 done, 1 could not be done, 2 asked wrongly."""
    args = parser().parse_args(argv)
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain once more while it exits.
        sys.stderr.close()
        return 1


if __name__ == "__main__":
    sys.exit(main())
