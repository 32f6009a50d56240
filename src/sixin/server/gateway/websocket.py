"""The WebSocket door: one conversation, from hello to bye, between a socket and the dispatch."""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from msgspec import UNSET

from sixin.core import errors
from sixin.core.contact import UserHead
from sixin.core.limits import CONNECTION_ANSWERS_BYTES_MAX, CONNECTION_REQUESTS_MAX, EXPIRY_LOOK_S
from sixin.core.wire.bodies import HelloAnswer
from sixin.core.wire.codec import encode, encode_ok, encode_refusal
from sixin.core.wire.connection import Connection, HelloReceived, Refused, State
from sixin.core.wire.frames import ByeNotice, Request
from sixin.server.auth import Identity, Tokens
from sixin.server.gateway.dispatch import Dispatch
from sixin.server.gateway.framing import text_frame
from sixin.server.gateway.handshake import Refused as UpgradeRefused
from sixin.server.gateway.handshake import UpgradeRequest, refusal
from sixin.server.gateway.listener import Accepted, UpgradeDecision
from sixin.server.gateway.origin import Origins
from sixin.server.gateway.socket import Socket
from sixin.server.notify.hub import Hub
from sixin.server.operations.actor import Actor
from sixin.server.operations.pulls import Pulls

log = logging.getLogger(__name__)

CLOSE_CODES: Final = {"draining": 1001, "slow": 1008, "too_many": 1013}
"""RFC 6455 §7.4.1, and 1013 "try again later" of its registry; every other bye is a policy violation, 1008."""


class WebSocketDoor:
    """What the conversations of one node share."""

    def __init__(
        self,
        *,
        dispatch: Dispatch,
        pulls: Pulls,
        hub: Hub,
        tokens: Tokens,
        origins: Origins,
        now_s: Callable[[], float],
        hello_timeout_s: float,
        buffer_bytes_max: int,
    ) -> None:
        self.dispatch = dispatch
        self.pulls = pulls
        self.hub = hub
        self.tokens = tokens
        self.now_s = now_s
        self.hello_timeout_s = hello_timeout_s
        self.buffer_bytes_max = buffer_bytes_max
        self.conversations: set[Conversation] = set()
        self.byes: dict[str, int] = {}
        self.greetings: set[asyncio.Task[None]] = set()
        self._origins = origins

    def upgrade(self, request: UpgradeRequest) -> UpgradeDecision:
        """Let a page of a foreign origin, or a bad token in the header, go no further than this."""
        if not self._origins.allows(request.origin, request.headers.get("host")):
            return refusal(HTTPStatus.FORBIDDEN, "forbidden", "Pages of this origin may not connect.")
        identity = None
        if request.authorization is not None:
            try:
                identity = self.tokens.check(bearer(request.authorization), now_s=self.now_s())
            except errors.Unauthenticated as error:
                return _unauthenticated(error)
        return Accepted(Conversation(self, identity))

    def say_bye(self, code: str) -> None:
        """End every conversation."""
        for conversation in tuple(self.conversations):
            conversation.say_bye(code)

    async def close(self) -> None:
        """End the greetings that still wait."""
        for task in tuple(self.greetings):
            task.cancel()
        await asyncio.gather(*self.greetings, return_exceptions=True)


def bearer(authorization: str) -> str:
    """The token of an `Authorization` header. Raises `Unauthenticated`."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise errors.Unauthenticated
    return token.strip()


def _unauthenticated(error: errors.Unauthenticated) -> UpgradeRefused:
    return refusal(HTTPStatus.UNAUTHORIZED, error.code, error.message, ("WWW-Authenticate", "Bearer"))


class Conversation:
    """One connection: its handler towards the socket, its outlet towards the hub."""

    __slots__ = (
        "_actor",
        "_behind",
        "_connection",
        "_door",
        "_frames",
        "_frames_bytes",
        "_held",
        "_identity",
        "_pending",
        "_pulling",
        "_releasing",
        "_socket",
        "_timer",
    )

    def __init__(self, door: WebSocketDoor, identity: Identity | None) -> None:
        self._door = door
        self._identity = identity
        self._connection = Connection()
        self._socket: Socket | None = None
        self._actor: Actor | None = None
        self._frames: list[bytes] = []
        self._frames_bytes = 0
        self._pending = 0
        self._pulling = False
        """A pull, which may answer with a large page, waits for the store."""
        self._behind = False
        """The peer has not read what it was answered."""
        self._held: deque[bytes] = deque()
        """Frames that came with the last read before reading was paused; at most one read of the socket."""
        self._releasing: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None

    # Called by the socket.

    def opened(self, socket: Socket) -> None:
        """The handshake is done; a hello is awaited."""
        self._socket = socket
        self._door.conversations.add(self)
        self._timer = asyncio.get_running_loop().call_later(self._door.hello_timeout_s, self.say_bye, "timeout")

    def received(self, payload: bytes) -> None:
        """A frame came. A peer that asks faster than it is answered, or than it reads, waits at its own end."""
        if self._held or self._is_full():
            self._held.append(payload)
            if self._socket is not None:
                self._socket.pause_reading()
        else:
            self._take(payload)

    def writable(self) -> None:
        """What was written has drained."""
        self._behind = False
        self._release_soon()

    def closed(self, code: int, reason: str) -> None:
        """The socket is gone."""
        self._connection.close()
        self._socket = None
        self._frames.clear()
        self._held.clear()
        self._cancel_timer()
        self._door.conversations.discard(self)
        if self._actor is not None:
            self._door.hub.disconnect(self._actor.uid, self)

    # Called by the hub.

    def put(self, frame: bytes) -> None:
        """Add a frame to what is written at the end of this turn of the loop."""
        if self._socket is None:
            return
        if not self._frames:
            self._door.hub.flush_soon(self)
        self._frames.append(frame)
        self._frames_bytes += len(frame)

    def flush(self) -> None:
        """Write them all at once. A reader too far behind is closed: it pulls when it is back."""
        socket, frames = self._socket, self._frames
        if socket is None or not frames:
            return
        self._frames, self._frames_bytes = [], 0
        socket.write_framed(frames)
        waiting_bytes = socket.write_buffered_bytes()
        if waiting_bytes > self._door.buffer_bytes_max:
            self.say_bye("slow")
            return
        # Above this mark, which lies above the transport's own, `writable` will be called.
        self._behind = waiting_bytes > CONNECTION_ANSWERS_BYTES_MAX
        self._release_soon()

    def revoke(self, tokens_from_s: int) -> None:
        """The tokens of this user that were issued before this time are not believed any more."""
        if self._identity is not None and self._identity.issued_at_s < tokens_from_s:
            self.say_bye("revoked")

    def say_bye(self, code: str) -> None:
        """Say why, and close."""
        socket = self._socket
        if socket is None or self._connection.state is State.CLOSED:
            return
        self._connection.close()
        self._held.clear()
        self._cancel_timer()
        self._door.byes[code] = self._door.byes.get(code, 0) + 1
        frames, self._frames = [*self._frames, text_frame(encode(ByeNotice(code)))], []  # type: ignore[arg-type]
        socket.write_framed(frames)
        socket.close(CLOSE_CODES.get(code, 1008), code)
        if self._actor is not None:
            self._door.hub.disconnect(self._actor.uid, self)

    # The conversation itself.

    def _say(self, payload: bytes) -> None:
        self.put(text_frame(payload))

    def _is_full(self) -> bool:
        return (
            self._pulling
            or self._behind
            or self._pending >= CONNECTION_REQUESTS_MAX
            or self._frames_bytes > CONNECTION_ANSWERS_BYTES_MAX
        )

    def _release_soon(self) -> None:
        # In a turn of its own: an answer that comes at once would call this again from inside itself.
        if self._held and self._releasing is None:
            self._releasing = asyncio.get_running_loop().call_soon(self._release)

    def _release(self) -> None:
        self._releasing = None
        while self._held and not self._is_full():
            self._take(self._held.popleft())
        if not self._held and self._socket is not None:
            self._socket.resume_reading()

    def _take(self, payload: bytes) -> None:
        event = self._connection.receive(payload)
        if isinstance(event, Request):
            self._begin(event)
        elif isinstance(event, Refused):
            self._door.dispatch.count_refusal(event.code)
            self._say(event.frame)
        else:
            self._greet(event)

    def _begin(self, request: Request) -> None:
        actor = self._actor
        if actor is None:  # closed meanwhile
            return
        self._pending += 1
        if request.op.startswith("pull_"):
            self._pulling = True
            self._door.dispatch.begin(actor, request.op, request.body, partial(self._pulled, request.id))
        else:
            self._door.dispatch.begin(actor, request.op, request.body, partial(self._reply, request.id))

    def _pulled(self, request_id: int, answer: bytes | errors.SixinError) -> None:
        self._pulling = False
        self._reply(request_id, answer)

    def _reply(self, request_id: int, answer: bytes | errors.SixinError) -> None:
        self._pending -= 1
        if isinstance(answer, bytes):
            self._say(encode_ok(request_id, answer))
        else:
            self._say(encode_refusal(request_id, answer))
        self._release_soon()

    def _greet(self, hello: HelloReceived) -> None:
        try:
            identity = self._identity_of(hello)
        except errors.Unauthenticated as error:
            self._refuse_hello(hello.id, error, "unauthenticated")
            return
        device_id = identity.device_id or (
            hello.body.device_id if hello.body.device_id is not UNSET else secrets.token_urlsafe(9)
        )
        self._identity = identity
        self._actor = Actor(identity.uid, device_id, moderator=identity.role == "admin")
        # The timelines' heads are read after the hub knows the connection: what is committed between the two is in
        # the answer, or in a notice, or in both.
        if not self._door.hub.connect(identity.uid, self):
            self._refuse_hello(hello.id, errors.Unavailable("You have too many connections."), "too_many")
            return
        # From here on it is told things, and so its token has to last: also while the head is still being read.
        self._cancel_timer()
        self._watch_expiry(identity)
        head = self._door.pulls.head(identity.uid)
        if isinstance(head, UserHead):
            self._welcome(hello.id, head)
            return
        task = asyncio.get_running_loop().create_task(self._welcome_later(hello.id, head))
        self._door.greetings.add(task)
        task.add_done_callback(self._door.greetings.discard)

    def _refuse_hello(self, request_id: int, error: errors.SixinError, bye: str) -> None:
        self._door.dispatch.count_refusal(error.code)
        self._say(encode_refusal(request_id, error))
        self.say_bye(bye)

    def _identity_of(self, hello: HelloReceived) -> Identity:
        if hello.body.token is not UNSET:
            return self._door.tokens.check(hello.body.token, now_s=self._door.now_s())
        if self._identity is None:
            raise errors.Unauthenticated
        self._door.tokens.refuse_ended(self._identity, now_s=self._door.now_s())
        return self._identity

    async def _welcome_later(self, request_id: int, head: Coroutine[Any, Any, UserHead]) -> None:
        try:
            async with asyncio.timeout(self._door.hello_timeout_s):
                found = await head
        except (errors.SixinError, TimeoutError):
            self._refuse_hello(request_id, errors.Unavailable(), "timeout")
        else:
            self._welcome(request_id, found)

    def _welcome(self, request_id: int, head: UserHead) -> None:
        actor = self._actor
        if self._connection.state is not State.GREETING or actor is None:
            return
        self._connection.welcome()
        answer = HelloAnswer(str(actor.uid), actor.device_id, int(self._door.now_s() * 1_000), head.version_id)
        self._say(encode_ok(request_id, encode(answer)))

    def _expire(self) -> None:
        if self._identity is None:
            return
        if self._identity.expires_at_s <= self._door.now_s():
            self.say_bye("expired")
        else:
            self._watch_expiry(self._identity)

    def _watch_expiry(self, identity: Identity) -> None:
        # By the clock, which may be put right meanwhile: a timer counts what has passed, and no step of the clock.
        left_s = identity.expires_at_s - self._door.now_s()
        self._timer = asyncio.get_running_loop().call_later(min(left_s, EXPIRY_LOOK_S), self._expire)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
