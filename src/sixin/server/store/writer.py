"""The one write path: commands in, one commit for all that wait, answers and notices out (docs/write-path.md).

    submit → queue → batch → load → decide, one by one → commit, once → tell

Nothing is told before it is durable, and a version is given out inside the transaction that makes it visible.
While one batch is being committed the next one gathers: the slower the disk, the larger the batches. No timer.
And while it is being committed, the one before it is told: the engine and this process work at the same time.
Where enough gathers meanwhile, it follows: it is decided on top of what is being written, and lies at hand when the
engine is done with that. It is told after it, and fails with it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice, takewhile
from math import inf
from typing import Any

from msgspec import Struct

from sixin.core import errors
from sixin.core.commands import Command, Policy
from sixin.core.decide import Decision, decide
from sixin.core.ids import SessionId
from sixin.core.limits import BATCH_COMMANDS_MAX, FOLLOWING_COMMANDS_MIN, STORE_TIMEOUT_S, WRITER_QUEUE_MAX
from sixin.core.rows import Changes, Keys, Rows, add_keys, fact_of, merged, session_of
from sixin.server.store.aside import Aside, Done, Waiting
from sixin.server.store.aside import Outcome as Outcome
from sixin.server.store.base import FollowedStore, Held, SharedStore, Store
from sixin.server.store.kept import Kept
from sixin.server.store.shared import SharedBatches

log = logging.getLogger(__name__)


class _Written:
    """A batch that is durable, and what came of its commands."""

    __slots__ = ("batch", "decisions", "outcomes")

    def __init__(self, batch: list[Waiting], outcomes: list[Outcome]) -> None:
        self.batch = batch
        self.outcomes = outcomes
        self.decisions = [outcome for outcome in outcomes if isinstance(outcome, Decision)]


class _Following(Struct, frozen=True):
    """A batch that was handed over while the one before it was being written."""

    batch: list[Waiting]
    outcomes: list[Outcome]
    changes: Changes
    durable: asyncio.Future[Any] | None
    """None where nothing is to be written."""


class Writer:
    """Owns every change. One task runs `run`; anybody may `submit`."""

    def __init__(
        self,
        store: Store,
        *,
        now_ms: Callable[[], int],
        policy: Policy,
        committed: Callable[[Sequence[Decision]], None],
        tell: Callable[[Sequence[Decision]], None] = lambda decisions: None,
        uncertain: Callable[[], None] = lambda: None,
        queue_max: int = WRITER_QUEUE_MAX,
        batch_max: int = BATCH_COMMANDS_MAX,
        following_min: int = FOLLOWING_COMMANDS_MIN,
    ) -> None:
        """`now_ms`: the server's clock, Unix milliseconds. `committed` is given each batch's decisions, in order,
        as soon as they are durable; `tell` the same ones before anyone is answered. `uncertain`: it is not known what
        a batch wrote, so what was remembered of earlier ones may be old. None of them may raise."""
        self._store = store
        self._now_ms = now_ms
        self._policy = policy
        self._committed = committed
        self._tell = tell
        self._uncertain = uncertain
        self._queue_max = queue_max
        self._batch_max = batch_max
        self._following_min = following_min
        self._queue: deque[Waiting] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self._untold: _Written | None = None
        self._refused_at_s = -inf
        self._kept = Kept()
        self._shared = SharedBatches(store) if isinstance(store, SharedStore) else None
        self._aside = Aside(policy)
        self._followed = store if isinstance(store, FollowedStore) else None
        self._following: _Following | None = None
        self._follow_at = inf
        self._under_way = False
        self.batches = 0
        self.commands = 0

    @property
    def collisions(self) -> int:
        """Attempts at a batch that came to nothing because of other nodes."""
        return 0 if self._shared is None else self._shared.collisions

    @property
    def stopping(self) -> bool:
        """Whether new commands are refused."""
        return self._stopping

    def refused_s_ago(self) -> float:
        """How long ago the newest batch could not be written; infinite where it could."""
        return _now_s() - self._refused_at_s

    @property
    def waiting(self) -> int:
        """Commands in the queue, and beside it."""
        return len(self._queue) + len(self._aside)

    @property
    def aside(self) -> int:
        """Commands beside the queue, because somebody else holds rows they need."""
        return len(self._aside)

    def submit(self, command: Command, done: Done) -> None:
        """Queue a command; `done` is called once with what came of it, never from inside this call.

        Raises `Unavailable` when the queue is full or the server is stopping: then nothing was queued.
        """
        if self._stopping:
            raise errors.Unavailable("The server is stopping; try another node, or again in a moment.")
        if len(self._queue) + len(self._aside) >= self._queue_max:
            raise errors.Unavailable("Too much is waiting to be written; try again in a moment.")
        self._queue.append(Waiting(command, done))
        self._wake.set()
        if len(self._queue) >= self._follow_at:
            self._follow_soon()

    async def change(self, command: Command) -> Decision:
        """Submit a command and wait. Raises what refused it."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.submit(command, lambda outcome: None if future.done() else future.set_result(outcome))
        outcome = await future
        if isinstance(outcome, errors.SixinError):
            raise outcome
        return outcome

    def stop(self) -> None:
        """Refuse what comes from now on. `run` ends when what waits is written."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Write batch after batch, until `stop`. Whoever still waits when it is cancelled is told `Unavailable`."""
        try:
            while await self._work_came():
                if batch := self._next_batch():
                    await self._write(batch)
                while self._following is not None:
                    await self._land(self._following)
                if not self._queue:
                    self._tell_written()
        finally:
            self._stopping = True
            self._tell_written()
            for waiting in [*self._aside.clear(), *self._queue]:
                waiting.done(errors.Unavailable("The server stopped before this was written."))
            self._queue.clear()

    async def _work_came(self) -> bool:
        while True:
            if self._aside:
                await self._look_aside()
            if self._queue:
                return True
            if self._stopping and not self._aside:
                return False
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._aside.due_in_s(_now_s()) if self._aside else None):
                    await self._wake.wait()

    def _next_batch(self) -> list[Waiting]:
        """What waits, up to the limit, and up to a command whose fact an earlier one of the batch may change."""
        batch: list[Waiting] = []
        touched: set[SessionId | None] = set()
        some_aside = bool(self._aside)
        while self._queue and len(batch) < self._batch_max:
            command = self._queue[0].command
            session_id = session_of(command)
            if session_id in touched and fact_of(command) is not None:
                break
            waiting = self._queue.popleft()
            if some_aside and self._aside.needs_held(command):
                self._aside.add(waiting, _now_s())
                continue
            touched.add(session_id)
            batch.append(waiting)
        return batch

    async def _write(self, batch: list[Waiting]) -> None:
        await self._finish(batch, self._commit(batch))

    async def _land(self, following: _Following) -> None:
        """See a batch that followed to its end; the next may follow it meanwhile."""
        self._following = None
        await self._finish(following.batch, self._landed(following))

    async def _finish(self, batch: list[Waiting], outcome: Coroutine[Any, Any, list[Outcome]]) -> None:
        if self._untold is not None:
            # In the next turn of the loop: when this batch has been decided and is on its way to the engine.
            asyncio.get_running_loop().call_soon(self._tell_written)
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                try:
                    outcomes = await outcome
                except Held:
                    await self._part(batch)
                    return
        except asyncio.CancelledError:
            self._fail(batch, errors.Unavailable("The server stopped before this was known to be written."))
            raise
        except (errors.Unavailable, TimeoutError) as error:
            log.warning("batch_not_committed", extra={"commands": len(batch), "reason": str(error)})
            self._fail(batch, error if isinstance(error, errors.Unavailable) else errors.Unavailable())
        except Exception:
            # The writer must outlive a mistake of ours: whoever waits is told, and the next batch starts from what
            # the store holds.
            log.exception("batch_failed")
            self._fail(batch, errors.Internal())
        else:
            self._tell_written()
            self._refused_at_s = -inf
            self.batches += 1
            self.commands += len(batch)
            self._untold = written = _Written(batch, outcomes)
            self._committed(written.decisions)

    async def _part(self, batch: list[Waiting]) -> None:
        """Somebody else holds rows of a batch, and nothing of it was written: put those who need them aside, and the
        others back to the front of the queue."""
        assert self._shared is not None  # noqa: S101 - nobody else holds what is owned
        self._tell_written()
        keys = Keys()
        for waiting in batch:
            add_keys(keys, waiting.command, self._policy)
        held, missing = await self._shared.held(keys)
        log.warning(
            "rows_are_held",
            extra={"slots": len(held.slots), "sessions": len(held.sessions), "users": sorted(held.users)[:10]},
        )
        self._go_on(*self._aside.part(batch, held or missing, _now_s()))

    async def _look_aside(self) -> None:
        """Let those go on whose rows were let go."""
        assert self._shared is not None  # noqa: S101 - only what is shared is held
        self._tell_written()
        if self._aside.due_in_s(_now_s()) > 0:
            return
        still_held = self._aside.held
        with suppress(errors.Unavailable, TimeoutError):  # the next batch will say so, and so does the time they wait
            async with asyncio.timeout(STORE_TIMEOUT_S):
                still_held, _ = await self._shared.held(self._aside.held)
        self._go_on(*self._aside.look(still_held, _now_s()))

    def _go_on(self, free: list[Waiting], late: list[Waiting]) -> None:
        self._queue.extendleft(reversed(free))
        for waiting in late:
            _answer(waiting, errors.Unavailable("Somebody else is changing the same; try again in a moment."))

    def _tell_written(self) -> None:
        """Tell what the last batch came to, if that has not been done."""
        written, self._untold = self._untold, None
        if written is None:
            return
        self._tell(written.decisions)
        for waiting, outcome in zip(written.batch, written.outcomes, strict=True):
            _answer(waiting, outcome)

    def _fail(self, batch: list[Waiting], error: errors.SixinError) -> None:
        self._tell_written()
        # What was decided may or may not have been written: only the store knows.
        self._kept = Kept()
        self._refused_at_s = _now_s()
        self._uncertain()
        following, self._following = self._following, None
        if following is not None and following.durable is not None:
            following.durable.cancel()
        for waiting in (*batch, *(following.batch if following is not None else ())):
            _answer(waiting, error)

    async def _commit(self, batch: list[Waiting]) -> list[Outcome]:
        keys = Keys()
        if self._shared is not None:
            for waiting in batch:
                add_keys(keys, waiting.command, self._policy)
            return await self._shared.commit(keys, lambda rows: self._decide_all(rows, batch))

        async with self._store.transaction() as transaction:
            for waiting in batch:
                if not self._is_at_hand(waiting):
                    add_keys(keys, waiting.command, self._policy)
            missing = self._kept.missing(keys)
            if missing:
                self._kept.rows.add(missing, await transaction.load(missing))
            outcomes, changes = self._decide_all(self._kept.rows, batch)
            if changes:
                with self._may_be_followed():
                    await transaction.commit(changes)
        self._kept.trim(keys, changes)
        return outcomes

    async def _landed(self, following: _Following) -> list[Outcome]:
        if following.durable is not None:
            with self._may_be_followed():
                await following.durable
        self._kept.trim(Keys(), following.changes)
        return following.outcomes

    @contextmanager
    def _may_be_followed(self) -> Iterator[None]:
        """While a commit is under way."""
        if self._followed is None:
            yield
            return
        self._under_way = True
        self._follow_at = self._following_min
        if len(self._queue) >= self._follow_at:
            self._follow_soon()
        try:
            yield
        finally:
            self._under_way = False
            self._follow_at = inf

    def _follow_soon(self) -> None:
        self._follow_at = inf
        asyncio.get_running_loop().call_soon(self._follow)

    def _follow(self) -> None:
        """Decide the next batch on top of the one under way, and hand it over, if enough wait that need no load."""
        if self._followed is None or not self._under_way or self._following is not None:
            return
        batch = list(takewhile(self._is_at_hand, islice(self._queue, self._batch_max)))
        if len(batch) < self._following_min:
            return
        for _ in batch:
            self._queue.popleft()
        try:
            outcomes, changes = self._decide_all(self._kept.rows, batch)
            durable = self._followed.follow(changes) if changes else None
        except Exception as error:  # noqa: BLE001 - it is logged in its turn
            # A store that is away, or a mistake of ours, fails this batch in its turn, and not the one under way.
            outcomes, changes, durable = [], Changes(), asyncio.get_running_loop().create_future()
            durable.set_exception(error)
        self._following = _Following(batch, outcomes, changes, durable)

    def _is_at_hand(self, waiting: Waiting) -> bool:
        return self._kept.is_at_hand(waiting.command, self._policy)

    def _decide_all(self, rows: Rows, batch: list[Waiting]) -> tuple[list[Outcome], Changes]:
        outcomes = [self._decide(rows, waiting.command) for waiting in batch]
        return outcomes, merged([outcome.changed for outcome in outcomes if isinstance(outcome, Decision)])

    def _decide(self, rows: Rows, command: Command) -> Outcome:
        try:
            decision = decide(rows, command, self._now_ms(), self._policy)
        except errors.SixinError as error:
            return error
        except Exception:
            # One command that we cannot decide must not take the others of its batch with it.
            log.exception("command_failed", extra={"command": type(command).__name__})
            return errors.Internal()
        rows.put(decision.changed)
        return decision


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _answer(waiting: Waiting, outcome: Outcome) -> None:
    try:
        waiting.done(outcome)
    except Exception:
        # Whoever waits for the others of the batch must not pay for a mistake in one answer.
        log.exception("answer_failed", extra={"command": type(waiting.command).__name__})
