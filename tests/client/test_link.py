"""The link: connects again, not too often, and knows when a token is of no use."""

import asyncio
from itertools import pairwise
from random import Random
from typing import Any

import pytest

import sixin.client
from sixin.client import Client, Connected, Disconnected, LinkLost, Offline, SignedOut
from sixin.client.clock import Clock
from sixin.client.conversation import Conversation, MessageNoticed, Phase, ProtocolBroken
from sixin.client.transport import endpoint
from sixin.core import errors
from sixin.core.wire.bodies import UnreadBody
from sixin.server.config import Settings
from tests.client.loopback import House, TurningClock, Wire
from tests.client.virtual import run


def client(house: House, wire: Wire, token: Any) -> Client:
    return sixin.client.connect(wire, token, clock=TurningClock(), chance=Random(1))


def test_attempts_become_rarer_up_to_half_a_minute_and_never_stop() -> None:
    async def story() -> None:
        async with House() as house:
            wire = house.wire()
            wire.reachable = False
            async with house.client(1001, wire):
                await asyncio.sleep(3_600)
                pauses = [after - before for before, after in pairwise(wire.attempts_s)]
                assert max(pauses) <= 30.1
                assert 120 < len(pauses) < 400, "about one in fifteen seconds, after the first few"
                assert sum(pauses[:3]) < 4

    run(story(), within_s=10_000)


def test_a_connection_that_breaks_is_made_again_at_once_after_a_steady_time() -> None:
    async def story() -> None:
        async with House() as house:
            wire = house.wire()
            async with house.device(1001, wire) as me:
                events = me.events()
                await asyncio.sleep(60)
                wire.cut()
                assert isinstance(await anext(events), Disconnected)
                async with asyncio.timeout(0.6):
                    assert isinstance(await anext(events), Connected)

    run(story())


def test_a_server_that_swallows_a_request_is_left_and_asked_again() -> None:
    async def story() -> None:
        async with House() as house, house.device(1002) as ben:
            wire = house.wire()
            async with house.device(1001, wire) as ann:
                await ann.synced()
                (channel,) = wire.channels
                channel.carry = lambda payload, *, towards_client: None  # type: ignore[method-assign]
                said = await ann.send(1002, "into the void")
                async with asyncio.timeout(60):
                    assert (await said.delivered()).text == "into the void"
                await ben.synced()
                assert len((await ben.history(1001)).messages) == 1

    run(story())


def test_a_token_that_expires_signs_out_and_a_function_brings_another() -> None:
    async def story() -> None:
        async with House() as house:
            wire = house.wire()
            short = house.token(1001, ttl_s=100)
            async with client(house, wire, short) as me:
                events = me.events()
                await me.connected()
                async with asyncio.timeout(200):
                    async for event in events:
                        if isinstance(event, SignedOut):
                            break
                assert event == SignedOut("expired")
                attempts = len(wire.attempts_s)
                await asyncio.sleep(600)
                assert len(wire.attempts_s) == attempts, "a token that is not taken is not tried again"
                with pytest.raises(errors.Unauthenticated):
                    await me.connected()

            asked: list[float] = []

            async def fresh() -> str:
                asked.append(asyncio.get_running_loop().time())
                return house.token(1001, ttl_s=100)

            async with client(house, house.wire(), fresh) as me:
                assert me.uid == 1001
                await asyncio.sleep(1_000)
                await me.connected()
                assert 9 <= len(asked) <= 12

    run(story())


def test_a_token_function_that_fails_is_asked_again() -> None:
    async def story() -> None:
        async with House() as house:
            answers = ["", house.token(1001)]

            def token() -> str:
                answer = answers.pop(0)
                if not answer:
                    raise RuntimeError("the token server is away")
                return answer

            async with client(house, house.wire(), token) as me:
                await me.connected()
                assert not answers

    run(story())


def test_without_store_token_or_server_nobody_knows_who_this_is() -> None:
    async def story() -> None:
        async with House() as house:
            wire = house.wire()
            wire.reachable = False
            with pytest.raises(LinkLost, match="whose copy"):
                async with client(house, wire, "opaque"):
                    pass

    run(story())


def test_what_needs_the_server_says_so_at_once_without_one() -> None:
    async def story() -> None:
        async with House() as house, house.device(1001) as me:
            await me.go_offline()
            with pytest.raises(Offline):
                await me.recall(1002, 5)
            with pytest.raises(Offline):
                await me.delete_contact(1002)
            with pytest.raises(Offline):
                await me.typing(1002)

    run(story())


def test_a_server_that_limits_a_user_is_given_its_time() -> None:
    async def story() -> None:
        limited = Settings(store="memory", requests_per_s=5, requests_burst=5)
        async with House(settings=limited) as house, house.device(1001) as me:
            for number in range(60):
                await me.send(1002, f"{number}")
            async with asyncio.timeout(100):
                await me.synced()
            page = await me.history(1002, limit=100)
            assert [one.text for one in page.messages] == [str(number) for number in range(60)]

    run(story())


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"nonsense",
        b"[]",
        b"{}",
        b'{"id": 2, "ok": {}}',
        b'{"id": 1}',
        b'{"id": 1, "ok": {"uid": "0"}}',
        b'{"notice": "message", "session_id": "2:1", "version_id": 1}',
        b'{"notice": "message", "session_id": "1:2", "version_id": "1"}',
        b'{"notice": "contact"}',
        b"\xff",
    ],
)
def test_nonsense_from_a_server_breaks_the_conversation_and_nothing_else(payload: bytes) -> None:
    conversation = Conversation()
    conversation.hello("token", "phone")
    with pytest.raises(ProtocolBroken):
        conversation.receive(payload)


def ready() -> Conversation:
    conversation = Conversation()
    conversation.hello("token", "phone")
    conversation.receive(b'{"id":1,"ok":{"uid":"1001","device_id":"d","server_time_ms":1,"contact_version":0}}')
    assert conversation.phase is Phase.READY
    return conversation


def test_a_notice_of_a_kind_from_the_future_is_passed_by() -> None:
    assert ready().receive(b'{"notice": "presence", "uid": "1002", "state": "away"}') is None


def test_an_answer_that_comes_twice_counts_once() -> None:
    conversation = ready()
    request_id, _ = conversation.ask("unread", UnreadBody())
    answer = b'{"id":%d,"ok":{"unread_total":3}}' % request_id
    assert conversation.receive(answer) is not None
    assert conversation.receive(answer) is None


def test_an_error_code_from_the_future_is_an_error() -> None:
    conversation = ready()
    request_id, _ = conversation.ask("unread", UnreadBody())
    refused: Any = conversation.receive(b'{"id":%d,"error":{"code":"too_blue","message":"no"}}' % request_id)
    assert isinstance(refused.error, errors.Internal)


def test_a_large_change_comes_as_a_version_alone() -> None:
    event = ready().receive(b'{"notice":"message","session_id":"1001:1002","version_id":5}')
    assert event == MessageNoticed("1001:1002", 5, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/v1/ws"),
        ("https://chat.example.org/", "wss://chat.example.org/v1/ws"),
        ("https://example.org/chat", "wss://example.org/chat/v1/ws"),
        ("ws://[::1]:8080/v1/ws", "ws://[::1]:8080/v1/ws"),
    ],
)
def test_the_address_a_server_prints_leads_to_its_door(url: str, expected: str) -> None:
    assert endpoint(url) == expected


@pytest.mark.parametrize("url", ["", "chat.example.org", "ftp://x", "http://", "http://x?token=1", "http://me:pw@x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not the address"):
        endpoint(url)


def test_the_machines_clock_is_the_default() -> None:
    assert Clock().now_ms() > 1_767_225_600_000
