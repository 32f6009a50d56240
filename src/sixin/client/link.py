"""The link: one connection at a time to the server, made again with back-off for as long as it is wanted.

It carries requests and their answers, and passes on what comes unasked. What the frames mean to the copy is `sync`'s.
"""

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, Final, Protocol

from msgspec import Raw, Struct

from sixin.client.clock import Clock
from sixin.client.conversation import Answered, Bye, Conversation, Event, ProtocolBroken, Refused, Welcomed
from sixin.client.outbox import backoff_s
from sixin.client.transport import Channel, LinkLost, Transport
from sixin.core import errors
from sixin.core.limits import CONNECT_TIMEOUT_S, REQUEST_TIMEOUT_S, STEADY_CONNECTION_S

log = logging.getLogger(__name__)

Token = str | Callable[[], str | Awaitable[str]]
"""A token, or what gives a fresh one each time it is asked: it is asked again when the last was not taken."""

Done = Callable[[Any], None]
"""Told once: the answer as its type in `OPERATIONS`, a `SixinError`, or a `LinkLost`."""

NEEDS_TOKEN: Final = ("revoked", "expired", "unauthenticated")
"""The byes after which the same token is of no use."""


class Owner(Protocol):
    """Who a link works for. None of these waits or raises."""

    def welcomed(self, welcome: Welcomed) -> None:
        """The connection is ready."""

    def told(self, event: Event) -> None:
        """A notice came."""

    def lost(self, reason: str) -> None:
        """A connection that was ready is gone; every request of it has been told `LinkLost`."""

    def signed_out(self, code: str) -> None:
        """The token is not taken, and there is no other. The link rests until it is wanted again."""


class _Asked(Struct):
    done: Done
    deadline_s: float


class _TokenRefused(Exception):
    """The server does not take the token."""


class Link:
    """The client's end. One task runs `run`; the rest is called by the owner, on the same loop."""

    def __init__(
        self, transport: Transport, token: Token, *, device_id: str, owner: Owner, clock: Clock, chance: Random
    ) -> None:
        self._transport = transport
        self._token = token
        self._device_id = device_id
        self._owner = owner
        self._clock = clock
        self._chance = chance
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._hurry = asyncio.Event()
        self._gone = asyncio.Event()
        self._signed_out = ""
        self._channel: Channel | None = None
        self._conversation: Conversation | None = None
        self._asked: dict[int, _Asked] = {}
        self._outgoing: deque[bytes] = deque()
        self._to_write = asyncio.Event()
        self.ready = False

    def ask(self, op: str, body: Struct | Raw, done: Done) -> None:
        """Send a request. `done` is told once, never from inside this call. Only while `ready`."""
        if not self.ready or self._conversation is None:
            raise LinkLost("There is no connection now.")
        request_id, frame = self._conversation.ask(op, body)
        self._asked[request_id] = _Asked(done, self._clock.running_s() + REQUEST_TIMEOUT_S)
        # Its bound is the number of requests the owner has under way.
        self._outgoing.append(frame)
        self._to_write.set()

    async def rest(self) -> None:
        """End the connection and make no other until `resume`."""
        self._wanted.clear()
        self._hurry.set()
        if self._channel is not None:
            self._gone.clear()
            await self._channel.close()
            await self._gone.wait()

    def resume(self) -> None:
        """Connect, at once."""
        self._signed_out = ""
        self._wanted.set()
        self._hurry.set()

    async def run(self) -> None:
        """Connect again and again, until cancelled."""
        tries = 0
        while True:
            await self._wanted.wait()
            self._hurry.clear()
            began_s = self._clock.running_s()
            try:
                await self._connect_once()
            except _TokenRefused as refused:
                if not callable(self._token):
                    self._sign_out(str(refused))
            except (LinkLost, ProtocolBroken, TimeoutError) as error:
                # The owner was told already, if there was a connection to lose.
                log.info("not_connected", extra={"reason": str(error) or type(error).__name__})
            tries = 0 if self._clock.running_s() - began_s >= STEADY_CONNECTION_S else tries + 1
            await self._pause(backoff_s(max(0, tries - 1), self._chance))

    async def _pause(self, seconds: float) -> None:
        try:
            async with self._clock.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            return

    def _sign_out(self, code: str) -> None:
        self._wanted.clear()
        self._signed_out = code
        self._owner.signed_out(code)

    def check_token(self) -> None:
        """Raise `Unauthenticated` if the last token was not taken and nobody has asked to try again."""
        if self._signed_out:
            raise errors.Unauthenticated(f"The server does not take this token ({self._signed_out}).")

    async def _connect_once(self) -> None:
        reason = "The connection ended."
        try:
            async with self._clock.timeout(CONNECT_TIMEOUT_S):
                token = await self._fresh_token()
                self._channel = await self._transport.connect()
                self._conversation = Conversation()
                await self._channel.send(self._conversation.hello(token, self._device_id))
                welcome = await self._welcome(self._channel, self._conversation, token)
            if not self._wanted.is_set():
                return
            self.ready = True
            self._owner.welcomed(welcome)
            await self._converse(self._channel, self._conversation)
        except (LinkLost, ProtocolBroken, TimeoutError, _TokenRefused) as error:
            reason = str(error) or reason
            raise
        finally:
            await self._end(reason)

    async def _fresh_token(self) -> str:
        if isinstance(self._token, str):
            return self._token
        try:
            found = self._token()
            return await found if inspect.isawaitable(found) else found
        except Exception as error:
            # Somebody else's code, asking somebody else's server: whatever it meets, it is asked again later.
            log.warning("no_token", extra={"reason": str(error)})
            raise LinkLost(f"There is no token: {error}") from error

    async def _welcome(self, channel: Channel, conversation: Conversation, token: str) -> Welcomed:
        while True:
            event = conversation.receive(await channel.receive())
            if isinstance(event, Welcomed):
                return event
            if isinstance(event, Refused):
                if isinstance(event.error, errors.Unauthenticated):
                    raise _TokenRefused("unauthenticated")
                raise LinkLost(event.error.message)
            if isinstance(event, Bye):
                raise _TokenRefused(event.code) if event.code in NEEDS_TOKEN else LinkLost(event.code)
            # A notice that overtook the welcome: the contacts are pulled in a moment anyway.

    async def _converse(self, channel: Channel, conversation: Conversation) -> None:
        # Not a TaskGroup: until Python 3.13, one whose child fails just as it is cancelled forgets the cancellation.
        loop = asyncio.get_running_loop()
        tasks = [
            loop.create_task(self._read(channel, conversation)),
            loop.create_task(self._write(channel)),
            loop.create_task(self._watch()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        ended = [one for one in outcomes if isinstance(one, Exception)]
        # The one that says most: a token that is not taken ends the trying, a lost link does not.
        raise next((error for error in ended if isinstance(error, _TokenRefused)), ended[0])

    async def _read(self, channel: Channel, conversation: Conversation) -> None:
        while True:
            event = conversation.receive(await channel.receive())
            if isinstance(event, Answered | Refused):
                asked = self._asked.pop(event.id, None)
                if asked is not None:
                    asked.done(event.answer if isinstance(event, Answered) else event.error)
            elif isinstance(event, Bye):
                raise _TokenRefused(event.code) if event.code in NEEDS_TOKEN else LinkLost(f"bye: {event.code}")
            elif event is not None:
                self._owner.told(event)

    async def _write(self, channel: Channel) -> None:
        while True:
            while self._outgoing:
                await channel.send(self._outgoing.popleft())
            self._to_write.clear()
            await self._to_write.wait()

    async def _watch(self) -> None:
        """A request that stays unanswered tells that the connection is dead, whatever the socket says."""
        while True:
            await self._clock.sleep(REQUEST_TIMEOUT_S / 4)
            oldest = next(iter(self._asked.values()), None)
            if oldest is not None and oldest.deadline_s <= self._clock.running_s():
                raise LinkLost(f"The server left a request unanswered for {REQUEST_TIMEOUT_S:.0f} s.")

    async def _end(self, reason: str) -> None:
        was_ready, self.ready = self.ready, False
        channel, self._channel, self._conversation = self._channel, None, None
        asked, self._asked = self._asked, {}
        self._outgoing.clear()
        for one in asked.values():
            one.done(LinkLost(reason))
        if was_ready:
            self._owner.lost(reason)
        self._gone.set()
        if channel is not None:
            await channel.close()
