"""`sixin`: finds the command and runs it. Each command is a file with `add_parser`."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from sixin.version import __version__

COMMANDS: Final = (
    *("serve", "demo", "token", "revoke", "chat", "inspect"),
    *("migrate", "copy", "backup", "restore", "bench", "verify"),
)


def parser(commands: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The command line, with all of its commands or some of them."""
    root = argparse.ArgumentParser(prog="sixin", description="Private messages for your product.")
    root.add_argument("--version", action="version", version=f"sixin {__version__}")
    subparsers = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in commands:
        import_module(f"sixin.cli.{command}").add_parser(subparsers)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Its exit code: 0 done, 1 could not be done, 2 asked wrongly."""
    words = sys.argv[1:] if argv is None else argv
    # Only the command that was named is loaded: a server needs no client, and a token neither of them. Without a name
    # they are all there, to be listed.
    named = [command for command in COMMANDS if words[:1] == [command]]
    args = parser(named or COMMANDS).parse_args(words)
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
