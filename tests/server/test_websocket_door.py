"""The WebSocket door: who is let in, what a hello must be, and how a connection ends."""

import asyncio
import json
import time

import aiohttp
import pytest

from sixin.core import errors
from sixin.core.contact import UserHead
from sixin.core.limits import CONNECTION_REQUESTS_MAX, CONNECTIONS_PER_USER_MAX, HELLO_TIMEOUT_S
from tests.server.house import DEADLINE_S, House, open_house, until

ANN, BOB = 1001, 1002


async def test_the_token_may_stand_in_the_header(house: House) -> None:
    device = await house.connect(token=house.token(ANN, device_id="phone"))
    welcome = await device.ask("hello")
    assert (welcome["uid"], welcome["device_id"], welcome["contact_version"]) == ("1001", "phone", 0)
    assert abs(welcome["server_time_ms"] - house.clock()) < 5_000


async def test_the_token_may_stand_in_the_hello(house: House) -> None:
    device = await house.connect()
    welcome = await device.ask("hello", token=house.token(ANN), device_id="tablet")
    assert (welcome["uid"], welcome["device_id"]) == ("1001", "tablet")


async def test_a_device_without_a_name_gets_one(house: House) -> None:
    first, second = await house.device(ANN), await house.device(ANN)
    assert first.welcome["device_id"] != second.welcome["device_id"]


async def test_a_name_in_the_token_cannot_be_changed(house: House) -> None:
    device = await house.connect()
    welcome = await device.ask("hello", token=house.token(ANN, device_id="phone"), device_id="tablet")
    assert welcome["device_id"] == "phone"


@pytest.mark.parametrize(
    "body",
    [
        "null", "[]", '"token"', '{"token":null}', '{"token":""}', '{"token":5}', '{"device_id":""}', '{"device_id":5}',
        f'{{"device_id":"{"d" * 65}"}}', f'{{"token":"{"t" * 4_097}"}}', '{"device_id":"\\ud800"}',
    ],
)  # fmt: skip
async def test_a_bad_hello_is_refused_and_may_be_said_again(house: House, body: str) -> None:
    device = await house.connect(token=house.token(ANN))
    assert (await device.ask_raw("hello", body.encode())).code == "bad_request"
    assert (await device.ask("hello"))["uid"] == "1001"


async def test_nothing_is_done_before_the_hello(house: House) -> None:
    device = await house.connect(token=house.token(ANN))
    content = {"type": "text", "text": "too early"}
    answer = await device.ask_raw("send", json.dumps({"to": "1002", "seq_id": 1, "content": content}).encode())
    assert answer.code == "unauthenticated"
    assert house.state()["messages"] == {}
    assert (await device.ask("hello"))["uid"] == "1001"


async def test_hello_is_said_once(house: House) -> None:
    device = await house.device(ANN)
    again = await device.ask_raw("hello", json.dumps({"token": house.token(BOB)}).encode())
    assert again.code == "bad_request"
    await device.say(BOB, "still Ann", 1)
    assert [message.sender for message in house.state()["messages"].values()] == [ANN]


async def test_who_says_no_hello_is_closed_in_time() -> None:
    async with open_house(hello_timeout_s=0.2) as house:
        began = time.monotonic()
        silent = await house.connect(token=house.token(ANN))
        assert await silent.rest() == [{"notice": "bye", "code": "timeout"}]
        assert 0.15 < time.monotonic() - began < 2
        assert silent.socket.close_code == 1008
        await until(lambda: not house.node.websocket.conversations)


async def test_who_said_hello_is_not_closed_by_that_timeout() -> None:
    async with open_house(hello_timeout_s=0.1) as house:
        device = await house.device(ANN)
        await asyncio.sleep(0.3)  # longer than the timeout, which is what must not matter
        assert await device.ask("unread") == {"unread_total": 0}


async def test_the_subprotocol_is_agreed_on(house: House) -> None:
    device = await house.device(ANN)
    assert device.socket.protocol == "sixin.v1.json"
    without = await house.connect(offered=False)
    assert without.socket.protocol is None
    assert (await without.ask("hello", token=house.token(ANN)))["uid"] == "1001"


async def test_an_unknown_subprotocol_is_refused(house: House) -> None:
    async with aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(f"{house.url}/v1/ws", protocols=("sixin.v9",))
        assert refused.value.status == 400


@pytest.mark.parametrize(
    ("allowed", "origin", "enters"),
    [
        ((), None, True),
        ((), "http://evil.example", False),
        ((), "null", False),
        ((), "http://[", False),
        ((), "same", True),
        (("https://app.example",), "https://app.example", True),
        (("https://app.example/",), "HTTPS://APP.EXAMPLE", True),
        (("https://app.example",), "http://app.example", False),
        (("https://app.example",), "https://app.example.evil.example", False),
        (("*",), "http://evil.example", True),
    ],
)
async def test_only_pages_of_allowed_origins_connect(
    allowed: tuple[str, ...], origin: str | None, enters: bool
) -> None:
    async with open_house(origins=allowed) as house:
        asked = house.url if origin == "same" else origin
        if enters:
            await house.connect(origin=asked)
            return
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await house.connect(origin=asked)
        assert refused.value.status == 403


async def test_one_user_has_a_limit_of_connections(house: House) -> None:
    first = await house.device(ANN)
    for _ in range(CONNECTIONS_PER_USER_MAX - 1):
        await house.device(ANN)
    one_more = await house.connect()
    answer = await one_more.ask_raw("hello", json.dumps({"token": house.token(ANN)}).encode())
    assert answer.code == "unavailable"
    assert await one_more.rest() == [{"notice": "bye", "code": "too_many"}]
    assert one_more.socket.close_code == 1013

    await house.device(BOB)  # it is each user's own
    await first.socket.close()
    await until(lambda: len(house.node.websocket.conversations) == CONNECTIONS_PER_USER_MAX)
    await house.device(ANN)


async def test_a_token_that_expires_while_its_welcome_is_being_read_ends_the_connection_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By then it is told things already, and a slow database is no reason to go on with that."""

    async def never() -> UserHead:
        await asyncio.sleep(DEADLINE_S)
        raise errors.Unavailable

    monkeypatch.setattr(house.node.websocket.pulls, "head", lambda uid: never())
    device = await house.connect()
    hello = json.dumps({"id": 1, "op": "hello", "body": {"token": house.token(ANN, ttl_s=1.5)}})
    await device.send_frame(hello.encode())
    async with asyncio.timeout(HELLO_TIMEOUT_S / 2):
        assert await device.frame() == {"notice": "bye", "code": "expired"}


async def test_a_token_that_expires_takes_its_connection_along_within_a_second(house: House) -> None:
    device = await house.device(ANN, ttl_s=1.2)
    assert await device.ask("unread") == {"unread_total": 0}
    frames = await device.rest()
    # Whole seconds in the token: it expires at most one second before its 1.2.
    late_ms = house.clock() - device.welcome["server_time_ms"]
    assert frames == [{"notice": "bye", "code": "expired"}]
    assert late_ms < 2_200
    assert device.socket.close_code == 1008
    await until(lambda: house.node.hub.users == 0)


async def test_a_clock_that_is_put_right_ends_the_connections_of_tokens_that_have_expired(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A timer does not notice: it counts what passes, and no step of the clock."""
    monkeypatch.setattr("sixin.server.gateway.websocket.EXPIRY_LOOK_S", 0.05)
    device = await house.device(ANN, ttl_s=3_600)
    assert await device.ask("unread") == {"unread_total": 0}
    house.clock.ahead_ms += 3_601_000
    async with asyncio.timeout(DEADLINE_S):
        assert await device.rest() == [{"notice": "bye", "code": "expired"}]


async def test_more_requests_than_may_wait_are_all_answered_in_order(house: House) -> None:
    device = await house.device(ANN)
    count = 4 * CONNECTION_REQUESTS_MAX
    frames = [
        b'{"id":%d,"op":"send","body":{"to":"1002","seq_id":%d,"content":{"type":"text","text":"a"}}}' % (at, at)
        for at in range(1, count + 1)
    ]
    for frame in frames:
        await device.send_frame(frame)
    answered: list[int] = []
    while len(answered) < count:
        frame_back = await device.frame()
        assert frame_back is not None
        if "id" in frame_back:
            answered.append(frame_back["ok"]["message"]["seq_id"])
    assert answered == list(range(1, count + 1))


async def test_who_asks_for_much_gets_it_as_fast_as_he_reads_and_is_not_taken_for_slow(house: House) -> None:
    device = await house.device(ANN)
    for seq_id in range(1, 41):
        await device.say(BOB, "长" * 5_000, seq_id)
    device.notices.clear()
    reads = 60  # of 600 KB each: 36 MB, in one read of the server's socket
    for at in range(1_000, 1_000 + reads):
        await device.send_frame(b'{"id":%d,"op":"pull_old","body":{"to":"1002"}}' % at)
    conversation = next(iter(house.node.websocket.conversations))
    await until(lambda: conversation._behind)
    assert conversation._socket is not None
    assert conversation._socket.write_buffered_bytes() < house.node.settings.buffer_bytes_max
    for at in range(1_000, 1_000 + reads):
        frame = await device.frame()
        assert frame is not None
        assert frame["id"] == at
        assert len(frame["ok"]["messages"]) > 30
    assert house.node.websocket.byes == {}


async def test_a_slow_reader_is_closed_with_bye_and_repairs_itself_by_pulling() -> None:
    async with open_house(buffer_bytes_max=2**20) as house:
        ann, bob = await house.device(ANN), await house.device(BOB)
        bob.socket._reader._protocol.pause_reading()  # his phone hangs
        seq_id = 0
        while not house.node.websocket.byes:
            seq_id += 1
            await ann.say(BOB, "x" * 3_900, seq_id)
            ann.notices.clear()
            assert seq_id < 20_000
        assert house.node.websocket.byes == {"slow": 1}
        bob.socket._reader._protocol.resume_reading()
        heard = await bob.rest()
        assert heard[-1] == {"notice": "bye", "code": "slow"}
        assert bob.socket.close_code == 1008

        again = await house.device(BOB)
        held, cursor, more = 0, 0, True
        while more:
            page = await again.ask("pull_new", to=str(ANN), after_version=cursor, limit=500)
            held, cursor, more = held + len(page["messages"]), page["version_id"], page["more"]
        assert held == seq_id


async def test_a_peer_that_answers_no_ping_is_gone() -> None:
    async with open_house(ping_interval_s=0.3, ping_timeout_s=0.2) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.listener.port)
        writer.write(
            b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        async with asyncio.timeout(DEADLINE_S):
            everything = await reader.read()  # until the server gives up on who never pongs
        assert b"\x89\x00" in everything
        writer.close()
        await writer.wait_closed()
        await until(lambda: not house.node.websocket.conversations)
