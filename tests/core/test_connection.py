"""A conversation on one connection: who may say what, and when."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixin.core.wire.connection import NEXT, Connection, HelloReceived, Refused, State, Step
from sixin.core.wire.frames import Request

HELLO = b'{"id":1,"op":"hello","body":{"token":"t","device_id":"phone"}}'
UNREAD = b'{"id":2,"op":"unread"}'


def connection_in(state: State) -> Connection:
    connection = Connection()
    if state in {State.GREETING, State.READY}:
        connection.receive(HELLO)
    if state is State.READY:
        connection.welcome()
    if state is State.CLOSED:
        connection.close()
    assert connection.state is state
    return connection


def refusal(event: object) -> tuple[int | None, str]:
    assert isinstance(event, Refused)
    frame = json.loads(event.frame)
    return frame["id"], frame["error"]["code"]


def step(connection: Connection, one: Step) -> None:
    match one:
        case Step.HELLO:
            connection.receive(HELLO)
        case Step.REQUEST:
            connection.receive(UNREAD)
        case Step.WELCOME:
            connection.welcome()
        case Step.CLOSE:
            connection.close()


def test_a_conversation_is_a_hello_a_welcome_and_requests() -> None:
    connection = Connection()

    hello = connection.receive(HELLO)
    assert isinstance(hello, HelloReceived)
    assert (hello.id, hello.body.token, hello.body.device_id) == (1, "t", "phone")
    assert connection.welcome()
    request = connection.receive(UNREAD)
    assert isinstance(request, Request)
    assert (request.id, request.op) == (2, "unread")


@pytest.mark.parametrize(("state", "one"), list(itertools.product(State, Step)))
def test_every_step_in_every_state_does_what_the_table_says(state: State, one: Step) -> None:
    connection = connection_in(state)
    step(connection, one)
    assert connection.state is NEXT.get((state, one), state)


@pytest.mark.parametrize(
    ("state", "payload", "answer"),
    [
        (State.OPENING, UNREAD, (2, "unauthenticated")),
        (State.GREETING, UNREAD, (2, "unauthenticated")),
        (State.GREETING, HELLO, (1, "bad_request")),
        (State.READY, HELLO, (1, "bad_request")),
        (State.CLOSED, HELLO, (1, "unavailable")),
        (State.CLOSED, UNREAD, (2, "unavailable")),
    ],
)
def test_a_frame_out_of_turn_is_refused_under_its_id(
    state: State, payload: bytes, answer: tuple[int | None, str]
) -> None:
    connection = connection_in(state)
    assert refusal(connection.receive(payload)) == answer
    assert connection.state is state


def test_a_hello_that_comes_twice_does_not_question_the_token_nor_end_the_greeting() -> None:
    connection = connection_in(State.GREETING)
    assert refusal(connection.receive(HELLO)) == (1, "bad_request")
    assert connection.welcome()
    assert refusal(connection.receive(HELLO)) == (1, "bad_request")
    assert isinstance(connection.receive(UNREAD), Request)


def test_a_hello_that_cannot_be_read_may_be_said_again() -> None:
    connection = Connection()
    assert refusal(connection.receive(b'{"id":5,"op":"hello","body":{"token":7}}')) == (5, "bad_request")
    assert isinstance(connection.receive(HELLO), HelloReceived)


def test_a_token_that_is_believed_too_late_does_not_open_a_closed_connection() -> None:
    connection = connection_in(State.GREETING)
    connection.close()
    assert not connection.welcome()
    assert connection.state is State.CLOSED


@given(st.sampled_from(State), st.binary(max_size=200))
def test_no_frame_raises_in_any_state(state: State, payload: bytes) -> None:
    connection = connection_in(state)
    event = connection.receive(payload)
    if isinstance(event, Refused):
        assert json.loads(event.frame)["error"]["message"]
        assert connection.state is state
