"""One timer for all connections: each waits for at most one moment, to the tick.

A timer per connection costs a handle and a closure in the loop's heap; a set per tick costs a few bytes, and moving a
deadline is two set operations.
"""

import asyncio
import logging
import math
from typing import Final, Protocol

log = logging.getLogger(__name__)

TICK_S: Final = 0.1
"""Seconds. A deadline is never early and at most two ticks late; ten empty ticks a second cost nothing measurable."""


class Waiting(Protocol):
    """What can wait for a moment. `due_tick` belongs to `Deadlines`; it starts at 0."""

    due_tick: int

    def overdue(self) -> None:
        """The moment has come."""


class Deadlines:
    """The moments connections wait for, at most one each."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._started_s = loop.time()
        self._tick = 0
        self._by_tick: dict[int, set[Waiting]] = {}
        self._timer = loop.call_later(TICK_S, self._turn)

    def set(self, waiting: Waiting, delay_s: float) -> None:
        """Call `waiting.overdue()` once after `delay_s` seconds, instead of whatever it waited for."""
        self.cancel(waiting)
        # One more than the delay: the tick we are in has partly passed.
        waiting.due_tick = self._now_tick() + math.ceil(delay_s / TICK_S) + 1
        self._by_tick.setdefault(waiting.due_tick, set()).add(waiting)

    def cancel(self, waiting: Waiting) -> None:
        """Wait for nothing any more."""
        at_same_tick = self._by_tick.get(waiting.due_tick)
        if at_same_tick is not None:
            at_same_tick.discard(waiting)

    def stop(self) -> None:
        """Nothing is overdue any more."""
        self._timer.cancel()
        self._by_tick.clear()

    def _now_tick(self) -> int:
        return int((self._loop.time() - self._started_s) / TICK_S)

    def _turn(self) -> None:
        # A loop that was held up has several ticks to make good.
        self._timer = self._loop.call_later(TICK_S, self._turn)
        now_tick = self._now_tick()
        while self._tick < now_tick:
            self._tick += 1
            for waiting in self._by_tick.pop(self._tick, ()):
                try:
                    waiting.overdue()
                except Exception:
                    # The other connections of this tick have deadlines too.
                    log.exception("a deadline failed")
