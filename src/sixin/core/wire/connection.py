"""One connection's conversation as a state machine: payloads in, events out, no sockets and no clock.

    OPENING --hello--> GREETING --welcome--> READY --bye--> CLOSED
                          |
                          +--refused--> CLOSED

A frame that is not in `NEXT` for the present state is refused in one place and changes nothing.
"""

from enum import Enum, auto

from msgspec import Struct

from sixin.core import errors
from sixin.core.wire import codec
from sixin.core.wire.bodies import HelloBody
from sixin.core.wire.frames import Request


class State(Enum):
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

NEXT: dict[tuple[State, bool], State] = {
    # (state, is it a hello): state
    (State.OPENING, True): State.GREETING,
    (State.READY, False): State.READY,
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
        is_hello = request.op == "hello"
        following = NEXT.get((self.state, is_hello))
        if following is None:
            return self._refused(request.id, self._out_of_turn())
        if not is_hello:
            return request
        try:
            body: HelloBody = codec.decode_body("hello", request.body)
        except errors.BadRequest as error:
            return self._refused(request.id, error)
        self.state = following
        return HelloReceived(request.id, body)

    def welcome(self) -> None:
        """The hello was believed."""
        self.state = State.READY

    def close(self) -> None:
        """A bye was said, a hello was not believed, or the socket is gone."""
        self.state = State.CLOSED

    def _refused(self, request_id: int | None, error: errors.SixinError) -> Refused:
        return Refused(codec.encode_refusal(request_id, error), error.code)

    def _out_of_turn(self) -> errors.SixinError:
        if self.state is State.READY:
            return errors.BadRequest("hello is said once, as the first frame.")
        return errors.Unauthenticated("The first frame is a hello with a token; nothing else comes before its answer.")
