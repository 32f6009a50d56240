"""The engine of a client: sync, outbox, store and link put together. Every change goes one way:

    what happened → sync or outbox decides → store, in one transaction → heads → events → what to ask next

Between the first and the last nothing is awaited, so nothing comes in between.
"""

import asyncio
import logging
from collections.abc import Callable
from math import inf
from random import Random
from typing import Any

from sixin.client import events
from sixin.client.clock import Clock
from sixin.client.conversation import (
    ContactNoticed,
    Event,
    MessageNoticed,
    ProtocolBroken,
    TypingNoticed,
    Welcomed,
)
from sixin.client.errors import Closed, StoreFailed, StoreRefused
from sixin.client.heads import Heads
from sixin.client.link import Link, Token
from sixin.client.model import State, Writes
from sixin.client.outbox import pause_s
from sixin.client.requests import Pull, PullContacts, PullHidden, PullNew, PullOld, on_wire
from sixin.client.sender import Sender
from sixin.client.store.base import Store
from sixin.client.sync import Sizes, Sync
from sixin.client.transport import LinkLost, Transport
from sixin.core import errors
from sixin.core.ids import SessionId, parse_msg_id
from sixin.core.limits import CHAT_TIMER_S
from sixin.core.wire.views import contact_of, message_of

log = logging.getLogger(__name__)

_TRY_LATER = (errors.Unavailable, errors.RateLimited, errors.Internal)


class Engine:
    """Owns the copy of one user on one device. One task runs `run`; everything happens on its loop."""

    def __init__(
        self,
        *,
        store: Store,
        state: State,
        uid: int,
        device_id: str,
        transport: Transport,
        token: Token,
        clock: Clock,
        chance: Random,
        sizes: Sizes | None = None,
    ) -> None:
        """`uid`: 0 where neither the store nor the token says it; the first hello will."""
        self.uid = uid
        self.store = store
        self.clock = clock
        self.heads = Heads(state)
        self.sync = Sync(self.heads, sizes)
        self.link = Link(transport, token, device_id=device_id, owner=self, clock=clock, chance=chance)
        self.sender = Sender(self, state, chance=chance)
        self._device_id = device_id
        self._chance = chance
        self._readers: dict[events.Reader, None] = {}
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._tasks: asyncio.TaskGroup | None = None
        self._in_chat = asyncio.Event()
        self._broken = asyncio.Event()
        self._ended: BaseException | None = None

    # Running.

    async def run(self) -> None:
        """Keep the copy equal to the server until cancelled. Raises what made it impossible."""
        why: BaseException = Closed()
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self.link.run())
                self._tasks.create_task(self._tick())
                self._tasks.create_task(self._until_broken())
        except BaseExceptionGroup as group:
            why = self._ended or group
            raise why from None
        finally:
            self._tasks = None
            self._end(why)

    async def _tick(self) -> None:
        while True:
            await self._in_chat.wait()
            await self.clock.sleep(CHAT_TIMER_S)
            if self.sync.in_chat:
                self.sync.timer()
                self.pump()
            else:
                self._in_chat.clear()

    def chat_opened(self) -> None:
        """The timer is needed."""
        self._in_chat.set()

    async def _until_broken(self) -> None:
        await self._broken.wait()
        self.check()

    def _end(self, why: BaseException) -> None:
        self._ended = why
        for reader in tuple(self._readers):
            reader.end(why)
        self.sender.end(why)
        self._wake_with(why)

    def _wake_with(self, why: BaseException) -> None:
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(why)

    @property
    def running(self) -> bool:
        """Whether it can still be asked for anything."""
        return self._ended is None

    def check(self) -> None:
        """Raise why this engine runs no more, if it does not."""
        if self._ended is not None:
            raise self._ended

    def guarded(self, act: Callable[[], None]) -> None:
        """Do something that writes, then ask for what is to be asked.

        A store that fails stops the client: it must not go on beside its copy.
        """
        if self._ended is not None:
            return
        try:
            act()
            self.pump()
        except (StoreFailed, StoreRefused) as error:
            log.warning("store_failed", extra={"reason": str(error)})
            self._ended = error
            self._broken.set()

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do it after a while, unless the client is closed by then."""

        async def wait() -> None:
            await self.clock.sleep(seconds)
            self.guarded(act)

        if self._tasks is not None:
            self._tasks.create_task(wait())

    # Told by the link.

    def welcomed(self, welcome: Welcomed) -> None:
        """The connection is ready."""
        self.guarded(lambda: self._welcomed(welcome))

    def _welcomed(self, welcome: Welcomed) -> None:
        if welcome.uid != self.uid:
            # Refused where the store is another user's, whatever the token said.
            self.store.adopt(welcome.uid, self._device_id)
            self.uid = welcome.uid
        self.write(self.sync.connected(welcome.contact_version))
        self.tell(events.Connected())

    def told(self, event: Event) -> None:
        """A notice."""
        self.guarded(lambda: self._told(event))

    def _told(self, event: Event) -> None:
        match event:
            case MessageNoticed():
                self.write(self.sync.message_noticed(event.session_id, event.version_id, event.message), noticed=True)
            case ContactNoticed():
                self.write(self.sync.contact_noticed(event.version_id, event.contact))
            case TypingNoticed():
                self.tell(events.Typing(event.session_id, event.uid))
            case _:
                pass

    def lost(self, reason: str) -> None:
        """The connection is gone."""
        self.sync.disconnected()
        self.sender.link_lost()
        self.tell(events.Disconnected(reason))
        self._look_at_waiting()

    def signed_out(self, code: str) -> None:
        """The token is not taken."""
        self.tell(events.SignedOut(code))
        try:
            self.link.check_token()
        except errors.Unauthenticated as why:
            self._wake_with(why)

    # What is to be asked, and the answers.

    def pump(self) -> None:
        """Ask for whatever is to be asked now, and wake whoever waited for what is true now."""
        if self.link.ready:
            for pull in self.sync.requests():
                self.ask_pull(pull)
            self.sender.send_ready()
        self._look_at_waiting()

    def ask_pull(self, pull: Pull, told: Callable[[bool], None] | None = None) -> None:
        """Ask for a page. `told`: whether it came and was taken in; a refusal is then not tried again."""
        op, body = on_wire(pull)

        def done(answer: Any) -> None:
            self.guarded(lambda: self._pulled(pull, answer, again=told is None))
            if told is not None:
                told(not isinstance(answer, Exception))

        self.link.ask(op, body, done)

    def _pulled(self, pull: Pull, answer: Any, *, again: bool) -> None:
        if isinstance(answer, LinkLost):
            return  # `lost` follows, and the next connection asks anew
        if isinstance(answer, errors.SixinError):
            self._pull_refused(pull, answer, again=again)
            return
        try:
            writes = self._taken_in(pull, answer)
        except errors.BadRequest as error:
            raise ProtocolBroken(error.message) from None
        self.write(writes)

    def _pull_refused(self, pull: Pull, error: errors.SixinError, *, again: bool) -> None:
        if again and isinstance(error, _TRY_LATER):
            self.later(pause_s(error, 0, self._chance), lambda: self.sync.refused(pull, again=True))
            return
        log.warning("pull_refused", extra={"pull": type(pull).__name__, "code": error.code})
        self.sync.refused(pull, again=False)

    def _taken_in(self, pull: Pull, answer: Any) -> Writes:
        version_id, more = answer.version_id, answer.more
        match pull:
            case PullContacts():
                contacts = [contact_of(view) for view in answer.contacts]
                return self.sync.contacts_pulled(pull, contacts, version_id, more=more)
            case PullNew():
                messages = [message_of(view) for view in answer.messages]
                return self.sync.new_pulled(pull, messages, version_id, more=more)
            case PullOld():
                messages = [message_of(view) for view in answer.messages]
                return self.sync.old_pulled(pull, messages, version_id, more=more)
            case PullHidden():
                msg_ids = [parse_msg_id(text) for text in answer.msg_ids]
                return self.sync.hidden_pulled(pull, msg_ids, version_id, more=more)

    # Writing and telling.

    def write(self, writes: Writes, *, noticed: bool = False) -> None:
        """Store, then follow in memory, then tell. `noticed`: a message in a session of which nothing was held is new,
        not a page of history."""
        if not writes:
            return
        own = {message.msg_id for message in writes.messages if self.sender.outbox.acknowledged_by(message, self.uid)}
        delivered = self.sender.acknowledged(writes)
        tops = {message.session_id: self._top_of(message.session_id, noticed=noticed) for message in writes.messages}
        applied = self.store.apply(writes)
        self.heads.take(writes)
        self.sender.take(writes)

        if writes.forget:
            self.tell(events.Resync())
        for message in applied.born:
            if message.msg_id not in own and message.sort_key > tops[message.session_id]:
                self.tell(events.MessageArrived(message))
        for message in applied.changed:
            self.tell(events.MessageChanged(message))
        gone = {one.session_id: None for one in writes.hidden} | {one.session_id: None for one in writes.cleared}
        for session_id in gone:
            self.tell(events.MessagesGone(session_id))
        for contact in writes.contacts:
            self.tell(events.ContactChanged(contact))
        self.sender.settle(delivered)

    def _top_of(self, session_id: SessionId, *, noticed: bool) -> float:
        """Above which sort_key a message is news: what was below it is history that somebody scrolled to."""
        held = self.heads.held.get(session_id)
        if held is not None:
            return held.top.high
        return 0 if noticed else inf

    def reader(self) -> events.Reader:
        """A new reader of what happens from now on."""
        reader = events.Reader(left=self._leave)
        if self._ended is not None:
            reader.end(self._ended)
        self._readers[reader] = None
        return reader

    def _leave(self, reader: events.Reader) -> None:
        self._readers.pop(reader, None)

    def tell(self, event: events.Event) -> None:
        """Tell every reader."""
        for reader in self._readers:
            reader.put(event)

    # Waiting.

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is true. Raises why the engine ended."""
        self.check()
        if condition():
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((condition, future))
        try:
            await future
        finally:
            self._waiting = [one for one in self._waiting if one[1] is not future]

    def _look_at_waiting(self) -> None:
        for condition, future in self._waiting:
            if not future.done() and condition():
                future.set_result(None)

    @property
    def quiet(self) -> bool:
        """Whether nothing is known to be missing, and nothing waits to leave."""
        return self.link.ready and self.sync.idle and self.sender.outbox.idle
