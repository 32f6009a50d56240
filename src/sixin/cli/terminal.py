"""A terminal, or a pipe, as lines: read without stopping the loop, printed without letting anybody steer the screen."""

import asyncio
import sys
import threading
import unicodedata
from collections.abc import AsyncIterator
from typing import TextIO

LINES_WAITING_MAX = 1_000
"""Lines typed or piped in that nobody has taken yet; past it the pipe is not read from."""


async def lines_of(source: TextIO) -> AsyncIterator[str]:
    """The lines of a terminal, a pipe or a file, without their ends, until there are no more.

    A thread reads, because files cannot be waited for by a loop; it is a daemon, because a read from a terminal ends
    only when somebody types.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[str | None] = asyncio.Queue(LINES_WAITING_MAX)

    def read() -> None:
        try:
            for line in source:
                asyncio.run_coroutine_threadsafe(queue.put(line.rstrip("\r\n")), loop).result()
            asyncio.run_coroutine_threadsafe(queue.put(None), loop).result()
        except (RuntimeError, ValueError, asyncio.CancelledError):
            return  # the loop is gone, and with it whoever read

    threading.Thread(target=read, name="lines", daemon=True).start()
    while (line := await queue.get()) is not None:
        yield line


def printable(text: str) -> str:
    """A text of somebody else, so that it cannot move the cursor, colour the screen or turn the line around."""
    kept = text.replace("\r\n", "\n").replace("\n", " ⏎ ")
    return "".join(one if unicodedata.category(one)[0] != "C" or one == "\u200d" else "�" for one in kept)


def say(line: str) -> None:
    """Print a line now."""
    print(line, flush=True)


def complain(line: str) -> None:
    """Print a line where complaints go."""
    print(f"sixin: {line}", file=sys.stderr, flush=True)
