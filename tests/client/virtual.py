"""A loop whose time jumps to the next thing that happens: an hour takes no time, and a run repeats itself."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class NothingWillHappen(Exception):
    """Everybody waits, and nobody for a time: in real life this would hang for ever."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Turns its own clock."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        select = self._selector.select  # type: ignore[attr-defined]

        def jump(timeout: float | None) -> Any:
            if timeout is None:
                raise NothingWillHappen
            self._now_s += max(0.0, timeout)
            return select(0)

        self._selector.select = jump  # type: ignore[attr-defined]

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._now_s


def run(main: Coroutine[Any, Any, T], *, within_s: float = 3_600) -> T:
    """Run to the end in virtual time."""

    async def bounded() -> T:
        async with asyncio.timeout(within_s):
            return await main

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(bounded())
