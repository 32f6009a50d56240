"""A bounded run of every target; `make fuzz` runs longer ones."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext

import pytest

from sixin.core import errors
from sixin.server.gateway import listener
from sixin.server.gateway.dispatch import Dispatch
from sixin.server.gateway.listener import HttpRequests
from sixin.server.operations.actor import Actor
from tests.fuzz import door
from tests.fuzz.run import fuzz
from tests.fuzz.targets import TARGETS, Target


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_strangers_send_the_law_holds(name: str) -> None:
    fuzz(name, examples=150, chance=1)


def test_a_law_that_is_broken_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes) -> None:
        assert b'"text"' not in data

    broken_target = Target(lambda: nullcontext(broken), TARGETS["content"].strategies)
    monkeypatch.setitem(TARGETS, "content", broken_target)
    with pytest.raises(AssertionError):
        fuzz("content", examples=500, chance=1)


NO_LENGTH = b"POST /v1/send HTTP/1.1\r\nHost: here\r\nContent-Length: -1\r\n\r\n"


def test_the_law_of_the_door_misses_neither_a_form_nor_a_failure_nor_a_deed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with door.standing() as law:
        law([NO_LENGTH], [])
        with monkeypatch.context() as wrong:
            wrong.delattr(HttpRequests, "handle_error")  # aiohttp answers in its own words
            with pytest.raises(AssertionError, match="text/plain"):
                law([NO_LENGTH], [])
        with monkeypatch.context() as wrong:
            wrong.setattr(listener, "UNREADABLE", listener.FAILED)
            with pytest.raises(AssertionError, match="status=500"):
                law([NO_LENGTH], [])
        with monkeypatch.context() as wrong:
            wrong.setattr(Dispatch, "call", _does_and_refuses(Dispatch.call))
            with pytest.raises(AssertionError, match="refused, and done"):
                law([door.good_request(b'{"to":"1002","seq_id":1,"content":{"type":"text","text":"x"}}')], [])


def _does_and_refuses(call: Callable[..., Awaitable[bytes]]) -> Callable[..., Awaitable[bytes]]:
    async def done(self: Dispatch, actor: Actor, op: str, body: bytes) -> bytes:
        await call(self, actor, op, body)
        if op == "send":
            raise errors.Forbidden
        return b"{}"

    return done
