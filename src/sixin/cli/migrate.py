"""`sixin migrate`: bring the stored timelines to this version's schema, with the servers stopped."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

from sixin.cli.settings import add_settings, settings_of
from sixin.server.app import make_store
from sixin.server.config import Settings, SettingsRefused
from sixin.server.store.base import StoreRefused
from sixin.server.store.sqlite_file import migrate


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("migrate", help="bring the schema to this version", description=__doc__)
    add_settings(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Migrate, and tell from what to what."""
    try:
        settings = settings_of(args)
        print(_migrate(settings))
    except SettingsRefused as refused:
        print(f"sixin: {refused}", file=sys.stderr)
        return 2
    except StoreRefused as refused:
        print(f"sixin: {refused}", file=sys.stderr)
        return 1
    return 0


def _migrate(settings: Settings) -> str:
    if settings.store != "sqlite":
        asyncio.run(_open_once(settings))
        return "The schema is this version's."
    before, after = migrate(Path(settings.data))
    if before == after:
        return f"The schema is this version's already (level {after})."
    return f"The schema went from level {before} to level {after}."


async def _open_once(settings: Settings) -> None:
    """A shared database is migrated by the first node that opens it."""
    store = make_store(settings)
    await store.open()
    await store.close()
