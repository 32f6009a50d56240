"""What leaves this device: outbox entries, each with its handle, and calls that only make sense while connected."""

import asyncio
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from msgspec import Raw, Struct
from msgspec.structs import replace

from sixin.client import events
from sixin.client.conversation import ProtocolBroken
from sixin.client.errors import Offline, OutboxFull
from sixin.client.model import Entry, Kind, State, Writes
from sixin.client.outbox import Outbox, Verdict
from sixin.client.pending import Pending
from sixin.client.seq import next_seq_id
from sixin.client.transport import LinkLost
from sixin.core import errors
from sixin.core.contact import Contact
from sixin.core.ids import SessionId
from sixin.core.limits import CALLS_IN_FLIGHT_MAX, CALLS_WAITING_MAX, OUTBOX_MAX
from sixin.core.message import Message
from sixin.core.wire.bodies import ContactAnswer, MessageAnswer, SendBody
from sixin.core.wire.views import contact_of, message_of

if TYPE_CHECKING:
    from sixin.client.engine import Engine


class Sender:
    """The part of an engine that has something to say."""

    def __init__(self, engine: "Engine", state: State, *, chance: Random) -> None:
        self.outbox = Outbox(state.entries)
        self._engine = engine
        self._chance = chance
        self._last_seq_id = state.last_seq_id
        self._pending: dict[int, Pending[Any]] = {}
        self._calls = asyncio.Semaphore(CALLS_IN_FLIGHT_MAX)
        self._calls_waiting = 0

    # Into the outbox.

    def queue(self, kind: Kind, session_id: SessionId, body: bytes) -> Pending[Any]:
        """Put an operation on this device's disk; it leaves when it can. Raises `OutboxFull` and `StoreFailed`."""
        if len(self.outbox) >= OUTBOX_MAX:
            raise OutboxFull
        now_ms = self._engine.clock.now_ms()
        seq_id = next_seq_id(self._last_seq_id, now_ms, self._chance) if kind == "send" else 0
        entry = Entry(self.outbox.next_number(), session_id, kind, body, now_ms, seq_id)
        replaced = self.outbox.replaced_by(entry)
        self._engine.write(
            Writes(
                entries=[entry],
                settled=[] if replaced is None else [replaced.number],
                last_seq_id=seq_id or None,
            )
        )
        pending: Pending[Any] = Pending(entry)
        self._pending[entry.number] = pending
        if replaced is not None and replaced.number in self._pending:
            # Whoever waits for the one that was replaced is told of the one that stands in its place.
            pending.stands_for(self._pending.pop(replaced.number))
        self._engine.tell(events.Queued(entry))
        self._engine.pump()
        return pending

    def retry(self, number: int) -> Pending[Any]:
        """Send once more what was refused for good; behind what waits. Raises `NotFound`."""
        refused = self._refused(number)
        entry = replace(refused, number=self.outbox.next_number(), refused="", reason="")
        self._engine.write(Writes(entries=[entry], settled=[number]))
        pending: Pending[Any] = Pending(entry)
        self._pending[entry.number] = pending
        self._engine.tell(events.Queued(entry))
        self._engine.pump()
        return pending

    def discard(self, number: int) -> None:
        """Take out what was refused for good. Raises `NotFound`."""
        self._refused(number)
        self._engine.write(Writes(settled=[number]))
        self._engine.pump()

    def _refused(self, number: int) -> Entry:
        entry = self.outbox.get(number)
        if entry is None or not entry.refused:
            raise errors.NotFound("There is no refused entry of this number in the outbox.")
        return entry

    # Out of it.

    def send_ready(self) -> None:
        """Let go what may leave now."""
        for entry in self.outbox.ready():
            self.outbox.sent(entry.number)
            self._engine.link.ask(entry.kind, _body_of(entry), partial(self._answered, entry))

    def link_lost(self) -> None:
        """The connection is gone."""
        self.outbox.link_lost()

    def _answered(self, entry: Entry, answer: Any) -> None:
        if not isinstance(answer, LinkLost) and self.outbox.get(entry.number) == entry:
            self._engine.guarded(lambda: self._take_answer(entry, answer))

    def _take_answer(self, entry: Entry, answer: Any) -> None:
        if isinstance(answer, errors.SixinError):
            self._take_refusal(entry, answer)
            return
        writes = self.take_in(answer)
        writes.settled.append(entry.number)
        self._engine.write(writes, noticed=True)
        self._finish(entry, message_of(answer.message) if entry.kind == "send" else contact_of(answer.contact))

    def take_in(self, answer: Any) -> Writes:
        """An answer tells what a notice would: it may come first."""
        try:
            if isinstance(answer, MessageAnswer):
                message = message_of(answer.message)
                return self._engine.sync.message_noticed(message.session_id, message.version_id, message)
            if isinstance(answer, ContactAnswer):
                contact = contact_of(answer.contact)
                return self._engine.sync.contact_noticed(contact.version_id, contact)
        except errors.BadRequest as error:
            raise ProtocolBroken(error.message) from None
        return Writes()

    def _take_refusal(self, entry: Entry, error: errors.SixinError) -> None:
        match self.outbox.refused(entry.number, error):
            case Verdict.RETRY:
                pause_s = self.outbox.pause_s(entry.number, error, self._chance)
                self._engine.later(pause_s, lambda: self.outbox.rested(entry.number))
            case Verdict.RENUMBER:
                seq_id = next_seq_id(self._last_seq_id, self._engine.clock.now_ms(), self._chance)
                renumbered = replace(entry, seq_id=seq_id)
                self._engine.write(Writes(entries=[renumbered], last_seq_id=seq_id))
                if entry.number in self._pending:
                    self._pending[entry.number].entry = renumbered
            case Verdict.REFUSED:
                refused = replace(entry, refused=error.code, reason=error.message)
                self._engine.write(Writes(entries=[refused]))
                self._engine.tell(events.Refused(refused, error))
                pending = self._pending.pop(entry.number, None)
                if pending is not None:
                    pending.settle(error)

    # Following the store.

    def acknowledged(self, writes: Writes) -> list[tuple[Entry, Message]]:
        """The entries that messages about to be written are; they leave the outbox in the same transaction."""
        found: list[tuple[Entry, Message]] = []
        for message in writes.messages:
            entry = self.outbox.acknowledged_by(message, self._engine.uid)
            # One that is settled already is by its own answer, which tells of it.
            if entry is not None and entry.number not in writes.settled:
                found.append((entry, message))
                writes.settled.append(entry.number)
        return found

    def take(self, writes: Writes) -> None:
        """Follow what was written."""
        for entry in writes.entries:
            self.outbox.put(entry)
        for number in writes.settled:
            self.outbox.remove(number)
        if writes.last_seq_id is not None:
            self._last_seq_id = writes.last_seq_id

    def settle(self, delivered: list[tuple[Entry, Message]]) -> None:
        """Tell of the entries that were found in the timeline."""
        for entry, message in delivered:
            self._finish(entry, message)

    def _finish(self, entry: Entry, result: Message | Contact) -> None:
        pending = self._pending.pop(entry.number, None)
        self._engine.tell(events.Delivered(entry, result if isinstance(result, Message) else None))
        if pending is not None:
            pending.settle(result)

    def end(self, why: BaseException) -> None:
        """The client is closed: nobody waits any longer. What is in the outbox stays there."""
        for pending in self._pending.values():
            pending.settle(why)
        self._pending.clear()

    # Calls.

    async def call(self, op: str, body: Struct) -> Any:
        """An operation that is of no use later. Gives the answer as its type in `OPERATIONS`.

        Raises `Offline` without a connection, `Unavailable` where the connection was lost before the answer (whether it
        was done is then not known), and what refused it.
        """
        self._engine.check()
        if not self._engine.link.ready:
            raise Offline
        if self._calls_waiting >= CALLS_WAITING_MAX:
            raise errors.Unavailable("Too many operations wait on this connection already.")
        self._calls_waiting += 1
        try:
            async with self._calls:
                return await self._asked(op, body)
        finally:
            self._calls_waiting -= 1

    async def _asked(self, op: str, body: Struct) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(answer: Any) -> None:
            if not isinstance(answer, Exception):
                self._engine.guarded(lambda: self._engine.write(self.take_in(answer), noticed=True))
            if not future.done():
                future.set_result(answer)

        if not self._engine.link.ready:
            raise Offline
        self._engine.link.ask(op, body, done)
        answer = await future
        if isinstance(answer, LinkLost):
            raise errors.Unavailable("The connection was lost before the answer; whether it was done is not known.")
        if isinstance(answer, errors.SixinError):
            raise answer
        return answer


def _body_of(entry: Entry) -> Struct | Raw:
    if entry.kind == "send":
        return SendBody(entry.seq_id, Raw(entry.body), session_id=entry.session_id)
    return Raw(entry.body)
