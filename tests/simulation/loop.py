"""An event loop without a selector: its time is virtual, its order is the seed's, and a process in it can be killed.

Nothing waits for anything real. When nothing is ready, time jumps to the next timer; when there is no timer either,
the run is stuck and says so. A year of sleep costs nothing.
"""

import asyncio
import gc
import heapq
import warnings
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, TypeVar, cast

T = TypeVar("T")

STEPS_MAX = 3_000_000
"""A run that takes more is going round in circles."""


class Process:
    """Something that can be killed: from then on none of its code runs, not even its `finally`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.steps = 0
        self.die_at_step = -1
        """The step before which it is killed; -1 for none."""
        self.deaths: list[Callable[[], None]] = []
        """What the world does when it dies: its locks are freed, its sockets break."""

    def kill(self) -> None:
        """Nothing of it runs any more."""
        if self.alive:
            self.alive = False
            for death in tuple(self.deaths):
                death()

    def die_within(self, steps: int) -> None:
        """Be killed at a step from now: between any two awaits."""
        self.die_at_step = self.steps + steps


PROCESS: ContextVar[Process | None] = ContextVar("PROCESS", default=None)


def inside(process: Process, call: Callable[..., T], *args: Any) -> T:
    """Call something as a part of a process: every task and timer it makes belongs to it."""
    context = copy_context()
    context.run(PROCESS.set, process)
    return context.run(call, *args)


class Stuck(Exception):
    """Nothing can ever happen again, and somebody still waits."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """The loop of one run."""

    def __init__(self, chance: Random, *, shuffled: bool) -> None:
        """`shuffled`: tasks that are ready at the same moment run in the seed's order, not in the one they woke in."""
        super().__init__()
        self._chance = chance
        self._shuffled = shuffled
        self._now = 0.0
        self.steps = 0
        self._kept: list[asyncio.Task[Any]] = []
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        """Virtual seconds since the run began."""
        return self._now

    def _make_task(self, loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **kwargs)
        # A killed task never ends. It is kept until the run has ended, so that its `finally` does not run by chance.
        self._kept.append(task)
        if len(self._kept) > 10_000:
            self._kept = [kept for kept in self._kept if not kept.done()]
        return task

    def _run_once(self) -> None:
        timers = cast("list[asyncio.TimerHandle]", self._scheduled)  # type: ignore[attr-defined]
        ready = self._ready  # type: ignore[attr-defined]
        if not ready:
            while timers and timers[0].cancelled():
                heapq.heappop(timers)._scheduled = False  # type: ignore[attr-defined]
            if not timers:
                raise Stuck
            self._now = max(self._now, timers[0].when())
        while timers and timers[0].when() <= self._now:
            timer = heapq.heappop(timers)
            timer._scheduled = False  # type: ignore[attr-defined]
            ready.append(timer)
        if self._shuffled and len(ready) > 1:
            self._shuffle(ready)
        for _ in range(len(ready)):
            self._step(ready.popleft())

    def _shuffle(self, ready: Any) -> None:
        """Tasks wake in any order. Plain callbacks keep theirs: asyncio promises it, and the code may rely on it."""
        handles = list(ready)
        places = [place for place, handle in enumerate(handles) if _is_task(handle)]
        tasks = [handles[place] for place in places]
        self._chance.shuffle(tasks)
        for place, handle in zip(places, tasks, strict=True):
            handles[place] = handle
        ready.clear()
        ready.extend(handles)

    def _step(self, handle: asyncio.Handle) -> None:
        if handle.cancelled():
            return
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise Stuck(f"{STEPS_MAX} steps and no end")
        process = _process_of(handle)
        if process is not None:
            process.steps += 1
            if process.steps == process.die_at_step:
                process.kill()
            if not process.alive:
                return
        handle._run()

    def _process_events(self, event_list: Any) -> None:
        """There is no selector, so there are no events."""

    def _write_to_self(self) -> None:
        """There is no other thread to wake us."""

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """A thread has its own time: what needs one cannot be simulated."""
        raise NotImplementedError("A thread cannot be simulated; hand in another engine.")

    def end(self) -> None:
        """Let go of every task that is left. Whatever they still try to do is nobody's business any more."""
        left = [task for task in self._kept if not task.done()]
        for task in left:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self._kept.clear()
        self.close()
        with warnings.catch_warnings():
            # A killed process never awaits what it was about to.
            warnings.simplefilter("ignore", RuntimeWarning)
            for task in left:
                coro = task.get_coro()
                if coro is not None:
                    _close(coro)
            left.clear()
            gc.collect()


def _close(coro: Any) -> None:
    try:
        coro.close()
    except (RuntimeError, asyncio.InvalidStateError):
        return  # it wanted to await in its `finally`; there is nobody left to await


def _is_task(handle: asyncio.Handle) -> bool:
    callback: Any = vars_of(handle, "_callback")
    return type(callback).__name__ == "TaskStepMethWrapper" or getattr(callback, "__name__", "") in TASK_CALLBACKS


TASK_CALLBACKS = ("task_wakeup", "__wakeup", "__step")
"""How CPython calls what wakes a task, in C and in Python."""


def vars_of(handle: asyncio.Handle, name: str) -> Any:
    """A private field of a handle: the loop is the one place that may look."""
    return getattr(handle, name)


def _process_of(handle: asyncio.Handle) -> Process | None:
    context: Context = vars_of(handle, "_context")
    return context.get(PROCESS)


async def sleep_at_most(chance: Random, seconds: float) -> None:
    """Take some virtual time, often none at all."""
    await asyncio.sleep(chance.random() * seconds if chance.random() < 0.8 else 0)
