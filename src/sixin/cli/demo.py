"""`sixin demo`: a server with two users who have already talked; what `make run` runs."""

import argparse
import sys
from typing import Any

from sixin.cli.serve import address_of, run_server
from sixin.cli.settings import add_settings, settings_of
from sixin.server.config import SettingsRefused
from sixin.server.gateway.listener import Listener


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("demo", help="run a server with two demo users", description=__doc__)
    add_settings(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve the demo until SIGTERM."""
    try:
        settings = settings_of(args, demo=True, data="./sixin-data/demo", log_level="warning", log_format="text")
    except SettingsRefused as refused:
        print(f"sixin: {refused}", file=sys.stderr)
        return 2

    def greet(listener: Listener) -> None:
        address = address_of(listener)
        data = settings.data
        print(
            f"Sixin serves at {address}\n\n"
            f"Open it in a browser: two people have already talked, and both panes are yours.\n"
            f"Or talk from two terminals:\n\n"
            f"  .venv/bin/sixin chat --as 1001 --to 1002 --url {address} --data {data}\n"
            f"  .venv/bin/sixin chat --as 1002 --to 1001 --url {address} --data {data}\n\n"
            f"and watch the timelines move:\n\n"
            f"  .venv/bin/sixin inspect 1001:1002 --url {address} --data {data}\n",
            flush=True,
        )

    return run_server(settings, greet=greet)
