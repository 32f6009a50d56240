"""`sixin copy SOURCE TARGET`: move a whole deployment, SQLite to PostgreSQL or back, with its servers stopped.

Ids, versions and cursors stay, so devices do not notice. Killed in the middle, the same command goes on where it was.
"""

import argparse
import asyncio
import sys
import time
from typing import Any

from sixin.server.move.base import Refused, Source, Target
from sixin.server.move.copy import copy
from sixin.server.move.places import source_of, target_of
from sixin.server.store.base import StoreRefused

TELL_EVERY_S = 1.0


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("copy", help="move a deployment to another store", description=__doc__)
    parser.add_argument("source", metavar="SOURCE", help="a data folder, or a postgresql:// URL; its servers stopped")
    parser.add_argument("target", metavar="TARGET", help="a new data folder, or the URL of an empty database")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Copy, compare, and tell how much it was."""
    try:
        source, target = source_of(args.source, hold=True), target_of(args.target)
    except Refused as refused:
        print(f"sixin: {refused}", file=sys.stderr)
        return 2
    code = run_copy(source, target)
    if code == 0:
        print("Start the servers on it with the same secret (SIXIN_SECRET), and every device goes on as it was.")
    return code


def run_copy(source: Source, target: Target) -> int:
    """Copy with progress on standard error; the exit code."""
    try:
        counts = asyncio.run(copy(source, target, Progress().tell))
    except (Refused, StoreRefused, OSError) as refused:
        print(f"sixin: {refused}", file=sys.stderr)
        return 1
    rows = ", ".join(f"{count} {table}" for table, count in counts.items())
    print(f"{target.name} holds the same as {source.name}, row by row: {rows}. Every unread was recounted.")
    return 0


class Progress:
    """Shows the first and the last word of each table, and one a second between them."""

    def __init__(self) -> None:
        self._told_at = 0.0
        self._table = ""

    def tell(self, line: str) -> None:
        """How far it is."""
        now = time.monotonic()
        table = line.partition(":")[0]
        if table == self._table and line.endswith("so far") and now - self._told_at < TELL_EVERY_S:
            return
        self._table, self._told_at = table, now
        print(line, file=sys.stderr, flush=True)
