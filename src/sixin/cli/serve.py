"""`sixin serve`: one process, ready when it prints its address."""

import argparse
import asyncio
import gc
import sys
from typing import Any

from sixin.cli.settings import add_settings, settings_of
from sixin.server.app import make_node, serve
from sixin.server.config import Settings, SettingsRefused
from sixin.server.gateway.listener import Listener
from sixin.server.logs import log_to_stderr
from sixin.server.store.base import StoreRefused

try:
    from uvloop import new_event_loop
except ImportError:  # not on every platform; asyncio's own loop does the same, more slowly
    from asyncio import new_event_loop  # type: ignore[assignment]


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("serve", help="run a server", description=__doc__)
    add_settings(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM."""
    try:
        settings = settings_of(args)
    except SettingsRefused as refused:
        print(f"sixin: {refused}", file=sys.stderr)
        return 2
    return run_server(settings)


def run_server(settings: Settings, *, greet: Any = None, demo: Any = None) -> int:
    """Serve with these settings. `greet(listener)` prints what a person should do next; `demo(node)` gives the body
    of `/demo.json`."""
    log_to_stderr(settings.log_level, settings.log_format)
    # What is alive after start-up stays alive: the collector need not look at it again and again.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        node = make_node(settings)
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(serve(node, greet or announce, demo=demo(node) if demo else None))
    except (SettingsRefused, StoreRefused) as refused:
        print(f"sixin: {refused}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"sixin: cannot listen on {settings.host}:{settings.port}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


def address_of(listener: Listener) -> str:
    """Where a browser finds the server."""
    host, port = listener.addresses[0]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def announce(listener: Listener) -> None:
    """The line that says the server is ready."""
    print(f"Sixin serves at {address_of(listener)}", flush=True)
