"""`sixin restore SOURCE`: a new deployment from the file of a backup, in a data folder or in an empty database."""

import argparse
import sys
from pathlib import Path
from typing import Any

from sixin.cli.copy import run_copy
from sixin.cli.settings import add_settings, settings_of
from sixin.server.config import SettingsRefused
from sixin.server.move.base import Refused
from sixin.server.move.places import is_postgres, target_of
from sixin.server.move.sqlite import SqliteSource
from sixin.server.store.base import StoreRefused
from sixin.server.store.sqlite_file import restore


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("restore", help="start anew from a backup", description=__doc__)
    parser.add_argument("source", metavar="SOURCE", type=Path, help="the file of a backup")
    add_settings(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Restore; nothing is overwritten."""
    try:
        settings = settings_of(args)
        if is_postgres(settings.store):
            return run_copy(SqliteSource(args.source), target_of(settings.store))
        if settings.store != "sqlite":
            raise SettingsRefused(f"A store in {settings.store} keeps nothing.")
    except (SettingsRefused, Refused) as refused:
        print(f"sixin: {refused}", file=sys.stderr)
        return 2
    try:
        restore(args.source, Path(settings.data))
    except StoreRefused as refused:
        print(f"sixin: {refused}", file=sys.stderr)
        return 1
    print(f"{settings.data} holds everything of {args.source}. It needs the secret it had (SIXIN_SECRET).")
    return 0
