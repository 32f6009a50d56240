"""`sixin backup TARGET`: the deployment as it is at one moment, in one file; its servers go on.

Of SQLite and of PostgreSQL it is the same file, and can be restored to either.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from sixin.cli.copy import run_copy
from sixin.cli.settings import add_settings, settings_of
from sixin.server.config import SettingsRefused
from sixin.server.move.base import Refused
from sixin.server.move.places import is_postgres, source_of
from sixin.server.move.sqlite import SqliteTarget
from sixin.server.store.base import StoreRefused
from sixin.server.store.sqlite_file import backup


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("backup", help="write everything into one file", description=__doc__)
    parser.add_argument("target", metavar="TARGET", type=Path, help="a new file, ending in .db")
    add_settings(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write it; it has its name only when it is whole."""
    try:
        settings = settings_of(args)
        if args.target.suffix != ".db":
            raise SettingsRefused(f"{args.target} must end in .db")
        if is_postgres(settings.store):
            return run_copy(source_of(settings.store, hold=False), SqliteTarget(args.target))
        if settings.store != "sqlite":
            raise SettingsRefused(f"A store in {settings.store} has nothing to keep.")
    except (SettingsRefused, Refused) as refused:
        print(f"sixin: {refused}", file=sys.stderr)
        return 2
    try:
        backup(Path(settings.data), args.target)
    except StoreRefused as refused:
        print(f"sixin: {refused}", file=sys.stderr)
        return 1
    print(f"{args.target} holds everything of {settings.data}. The secret that signs tokens is not in it: keep it too.")
    return 0
