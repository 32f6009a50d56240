"""The one write path: commands in, one commit for all that wait, answers and notices out (docs/write-path.md).

    submit → queue → batch → load → decide, one by one → commit, once → tell

Nothing is told before it is durable, and a version is given out inside the transaction that makes it visible.
While one batch is being committed the next one gathers: the slower the disk, the larger the batches. No timer.
And while it is being committed, the one before it is told: the engine and this process work at the same time.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from math import inf
from typing import Any, TypeVar

from msgspec import Struct

from sixin.core import errors
from sixin.core.commands import Command, Policy, Send
from sixin.core.decide import Decision, decide
from sixin.core.ids import SessionId, pair_members, slot_of
from sixin.core.limits import BATCH_COMMANDS_MAX, STORE_TIMEOUT_S, WRITER_QUEUE_MAX
from sixin.core.rows import Changes, Keys, Rows, SeqKey, add_keys, fact_of, merged, session_of
from sixin.server.store.base import SharedStore, Store
from sixin.server.store.shared import SharedBatches

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)

Outcome = Decision | errors.SixinError
Done = Callable[[Outcome], None]

KEPT_CONTACTS_MAX = 50_000
"""Rows of each kind kept in memory between batches where this process owns the store: some tens of megabytes."""

KEPT_CONTENT_BYTES_MAX = 1_024
"""A row with a larger content is not kept: 50,000 of 16 KiB each would be most of a gigabyte."""


class Waiting(Struct, frozen=True):
    """A command and who waits for what comes of it."""

    command: Command
    done: Done


class _Written:
    """A batch that is durable, and what came of its commands."""

    __slots__ = ("batch", "decisions", "outcomes")

    def __init__(self, batch: list[Waiting], outcomes: list[Outcome]) -> None:
        self.batch = batch
        self.outcomes = outcomes
        self.decisions = [outcome for outcome in outcomes if isinstance(outcome, Decision)]


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
        self._queue: deque[Waiting] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self._untold: _Written | None = None
        self._refused_at_s = -inf
        self._kept = Rows()
        self._shared = SharedBatches(store) if isinstance(store, SharedStore) else None
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
        return asyncio.get_running_loop().time() - self._refused_at_s

    @property
    def waiting(self) -> int:
        """Commands in the queue."""
        return len(self._queue)

    def submit(self, command: Command, done: Done) -> None:
        """Queue a command; `done` is called once with what came of it, never from inside this call.

        Raises `Unavailable` when the queue is full or the server is stopping: then nothing was queued.
        """
        if self._stopping:
            raise errors.Unavailable("The server is stopping; try another node, or again in a moment.")
        if len(self._queue) >= self._queue_max:
            raise errors.Unavailable("Too much is waiting to be written; try again in a moment.")
        self._queue.append(Waiting(command, done))
        self._wake.set()

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
                await self._write(self._next_batch())
                if not self._queue:
                    self._tell_written()
        finally:
            self._stopping = True
            self._tell_written()
            for waiting in self._queue:
                waiting.done(errors.Unavailable("The server stopped before this was written."))
            self._queue.clear()

    async def _work_came(self) -> bool:
        while not self._queue:
            if self._stopping:
                return False
            self._wake.clear()
            await self._wake.wait()
        return True

    def _next_batch(self) -> list[Waiting]:
        """What waits, up to the limit, and up to a command whose fact an earlier one of the batch may change."""
        batch: list[Waiting] = []
        touched: set[SessionId | None] = set()
        while self._queue and len(batch) < self._batch_max:
            command = self._queue[0].command
            session_id = session_of(command)
            if session_id in touched and fact_of(command) is not None:
                break
            touched.add(session_id)
            batch.append(self._queue.popleft())
        return batch

    async def _write(self, batch: list[Waiting]) -> None:
        if self._untold is not None:
            # In the next turn of the loop: when this batch has been decided and is on its way to the engine.
            asyncio.get_running_loop().call_soon(self._tell_written)
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                outcomes = await self._commit(batch)
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
        self._kept = Rows()
        self._refused_at_s = asyncio.get_running_loop().time()
        self._uncertain()
        for waiting in batch:
            _answer(waiting, error)

    async def _commit(self, batch: list[Waiting]) -> list[Outcome]:
        keys = Keys()
        if self._shared is not None:
            for waiting in batch:
                add_keys(keys, waiting.command, self._policy)
            return await self._shared.commit(keys, lambda rows: self._decide_all(rows, batch))

        async with self._store.transaction() as transaction:
            rows = self._kept
            for waiting in batch:
                if not _is_at_hand(rows, waiting.command, self._policy):
                    add_keys(keys, waiting.command, self._policy)
            missing = _missing(rows, keys)
            if missing:
                rows.add(missing, await transaction.load(missing))
            outcomes, changes = self._decide_all(rows, batch)
            if changes:
                await transaction.commit(changes)
        self._trim(keys, changes)
        return outcomes

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

    def _trim(self, keys: Keys, changes: Changes) -> None:
        """Keep heads and contacts, which the next batch needs again; the rest is read when it is named."""
        rows = self._kept
        for passing in (rows.messages, rows.seqs, rows.hidden, rows.unread, rows.previews):
            passing.clear()
        for contact in (*(rows.contacts[key] for key in keys.contacts), *changes.contacts):
            if contact is None or contact.last_message is None:
                continue
            if len(contact.last_message.content) > KEPT_CONTENT_BYTES_MAX:
                rows.contacts.pop((contact.owner, contact.session_id), None)
        for kept in (rows.sessions, rows.users, rows.contacts, rows.profiles):
            _drop_oldest(kept)


def _answer(waiting: Waiting, outcome: Outcome) -> None:
    try:
        waiting.done(outcome)
    except Exception:
        # Whoever waits for the others of the batch must not pay for a mistake in one answer.
        log.exception("answer_failed", extra={"command": type(waiting.command).__name__})


def _is_at_hand(kept: Rows, command: Command, policy: Policy) -> bool:
    """Whether this is a send, all that it names is in memory, and its `seq_id` is surely new: that is nearly every one.

    Naming its rows first and looking for each of them then costs 3.5 µs, and this 0.6.
    """
    if type(command) is not Send or policy.registered_only:
        return False
    session_id = command.session_id
    if session_id not in kept.sessions or slot_of(session_id) not in kept.slots:
        return False
    for member in pair_members(session_id):
        if member not in kept.users or (member, session_id) not in kept.contacts:
            return False
    return _note_if_new(kept, (session_id, command.actor, command.seq_id))


def _note_if_new(kept: Rows, key: SeqKey) -> bool:
    """Note that a `seq_id` is new where it is above the largest its sender ever used in the session: no look needed."""
    session_id, sender, seq_id = key
    contact = kept.contacts.get((sender, session_id))
    if contact is None or seq_id <= contact.last_seq_id:
        return False
    kept.seqs[key] = None
    return True


def _missing(kept: Rows, keys: Keys) -> Keys:
    """What must be loaded because it is not in memory."""
    for key in keys.seqs:
        _note_if_new(kept, key)
    return Keys(
        slots=_without(keys.slots, kept.slots),
        sessions=_without(keys.sessions, kept.sessions),
        users=_without(keys.users, kept.users),
        contacts=_without(keys.contacts, kept.contacts),
        messages=_without(keys.messages, kept.messages),
        seqs=_without(keys.seqs, kept.seqs),
        hidden=_without(keys.hidden, kept.hidden),
        profiles=_without(keys.profiles, kept.profiles),
        facts=keys.facts,
    )


def _without(named: set[K], kept: Mapping[K, object]) -> set[K]:
    # Not `named - kept.keys()`, which walks through everything that is kept: 18 ms for each batch.
    return {key for key in named if key not in kept}


def _drop_oldest(kept: dict[Any, Any]) -> None:
    for key in list(_first(kept, len(kept) - KEPT_CONTACTS_MAX)):
        del kept[key]


def _first(kept: Iterable[Hashable], count: int) -> Iterable[Hashable]:
    return (key for _, key in zip(range(max(0, count)), kept, strict=False))
