"""`sixin serve`: one process, ready when it prints its address."""

import argparse
import asyncio
import gc
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from sixin.cli.settings import add_settings, settings_of
from sixin.server.app import make_node, serve
from sixin.server.config import Settings, SettingsRefused
from sixin.server.demo import demo_users
from sixin.server.gateway.listener import Listener
from sixin.server.logs import log_to_stderr
from sixin.server.store.base import StoreRefused

try:
    from uvloop import new_event_loop
except ImportError:  # not on every platform; asyncio's own loop does the same, more slowly
    from asyncio import new_event_loop  # type: ignore[assignment]


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield


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
    return run_server(settings) if settings.workers == 1 else run_parent(settings)


def run_parent(settings: Settings) -> int:
    """Serve with several processes."""
    # Imported here: a worker imports this file, and has no workers of its own.
    from sixin.cli.workers import run_workers

    log_to_stderr(settings.log_level, settings.log_format)
    try:
        return asyncio.run(run_workers(settings))
    except SettingsRefused as refused:
        print(f"sixin: {refused}", file=sys.stderr)
    except OSError as error:
        print(f"sixin: cannot listen on {settings.host}:{settings.port}: {error.strerror or error}", file=sys.stderr)
    return 1


def run_server(
    settings: Settings,
    *,
    greet: Any = None,
    port: socket.socket | None = None,
    beside: Callable[[], AbstractAsyncContextManager[None]] = _nothing,
) -> int:
    """Serve with these settings.

    `greet(listener)` prints what a person should do next; `port` is one that is open already; `beside` goes on while
    the server does.
    """

    async def served() -> None:
        async with beside():
            demo = demo_users(node.tokens, now_s=time.time()) if settings.demo else None
            await serve(node, greet or announce, demo=demo, port=port)

    log_to_stderr(settings.log_level, settings.log_format)
    # What is alive after start-up stays alive: the collector need not look at it again and again.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        node = make_node(settings)
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(served())
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
