"""Time, as it is handed to a client: a simulation hands in its own."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager


class Clock:
    """The machine's clock and the running loop's. A simulation overrides `now_ms` and turns the loop by hand."""

    def now_ms(self) -> int:
        """Unix time in milliseconds, as this device believes it is."""
        return time.time_ns() // 1_000_000

    def running_s(self) -> float:
        """Seconds that only go forward."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Raise `TimeoutError` in the block after so long."""
        return asyncio.timeout(seconds)
