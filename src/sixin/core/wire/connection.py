"""One connection's conversation as a state machine: payloads in, events out, no sockets and no clock.

    OPENING --hello--> GREETING --welcome--> READY
       |                  |                    |
       +------close-------+--------close-------+--> CLOSED

What is not in `NEXT` for the present state changes nothing: a frame is refused, in one place; a welcome comes too late,
because the socket may be gone while the token is still being checked.
"""

from enum import IntEnum, auto

from msgspec import Struct

from sixin.core import errors
from sixin.core.wire import codec
from sixin.core.wire.bodies import HelloBody
from sixin.core.wire.frames import Request


class State(IntEnum):
    """How far the conversation has come."""

    OPENING = auto()
    """Nobody has said who he is."""
    GREETING = auto()
    """A hello is being checked."""
    READY = auto()
    CLOSED = auto()


class HelloReceived(Struct, frozen=True):
    """Somebody says who he is. Answer with `welcome` or `refuse_hello`."""

    id: int
    body: HelloBody


class Refused(Struct, frozen=True):
    """The frame was refused; `frame` says why and is to be written."""

    frame: bytes
    code: str


Event = HelloReceived | Request | Refused


class Step(IntEnum):
    """What moves a conversation on."""

    HELLO = auto()
    REQUEST = auto()
    """Any other operation."""
    WELCOME = auto()
    CLOSE = auto()


NEXT: dict[tuple[State, Step], State] = {
    (State.OPENING, Step.HELLO): State.GREETING,
    (State.GREETING, Step.WELCOME): State.READY,
    (State.READY, Step.REQUEST): State.READY,
    (State.OPENING, Step.CLOSE): State.CLOSED,
    (State.GREETING, Step.CLOSE): State.CLOSED,
    (State.READY, Step.CLOSE): State.CLOSED,
}


class Connection:
    """The server's side of one conversation."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = State.OPENING

    def receive(self, payload: bytes) -> Event:
        """What a frame asks for. Nothing it could hold raises."""
        try:
            request = codec.decode_request(payload)
        except errors.BadRequest as error:
            return self._refused(codec.request_id_of(payload), error)
        step = Step.HELLO if request.op == "hello" else Step.REQUEST
        following = NEXT.get((self.state, step))
        if following is None:
            return self._refused(request.id, self._out_of_turn(step))
        if step is Step.REQUEST:
            return request
        try:
            body: HelloBody = codec.decode_body("hello", request.body)
        except errors.BadRequest as error:
            return self._refused(request.id, error)
        self.state = following
        return HelloReceived(request.id, body)

    def welcome(self) -> bool:
        """The hello was believed. False, and nothing happens, where the connection was closed meanwhile."""
        return self._move(Step.WELCOME)

    def close(self) -> None:
        """A bye was said, a hello was not believed, or the socket is gone."""
        self._move(Step.CLOSE)

    def _move(self, step: Step) -> bool:
        following = NEXT.get((self.state, step))
        if following is None:
            return False
        self.state = following
        return True

    def _refused(self, request_id: int | None, error: errors.SixinError) -> Refused:
        return Refused(codec.encode_refusal(request_id, error), error.code)

    def _out_of_turn(self, step: Step) -> errors.SixinError:
        if self.state is State.CLOSED:
            return errors.Unavailable("This connection is closed; open another one.")
        if step is Step.HELLO:
            # Not `unauthenticated`: its token is as good as the first one's, and a client would throw it away.
            return errors.BadRequest("hello is said once, as the first frame.")
        return errors.Unauthenticated("The first frame is a hello with a token; nothing else comes before its answer.")
