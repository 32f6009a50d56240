"""One of the workers of `sixin serve --workers N`: a node on a port that its parent has opened.

Its settings come as one line of JSON on standard input, so that the secret stands in no command line. The end of
standard input means that the parent is gone: nobody would restart this one, so it drains.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from sixin.cli.serve import run_server
from sixin.server.config import Settings
from sixin.server.gateway.listener import Listener

READY: Final = "ready\n"
"""What it says on standard output when it serves."""


def main() -> int:
    """Serve. The one argument is the number of the open port's descriptor."""
    settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=Settings)
    # What is typed at the terminal is the parent's to hear.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    port = socket.socket(fileno=int(sys.argv[1]))
    return run_server(settings, greet=_say_ready, port=port, beside=_leave_with_parent)


def _say_ready(_: Listener) -> None:
    sys.stdout.write(READY)
    sys.stdout.flush()


@asynccontextmanager
async def _leave_with_parent() -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()

    def readable() -> None:
        if not os.read(0, 1):
            loop.remove_reader(0)
            os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(0, readable)
    try:
        yield
    finally:
        loop.remove_reader(0)


if __name__ == "__main__":
    sys.exit(main())
