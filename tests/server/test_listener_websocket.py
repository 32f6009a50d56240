"""WebSocket through the real port: handshakes, the rules a connection fails by, both ways to close, slow peers."""

import asyncio
import contextlib
import socket as sockets
from collections.abc import AsyncIterator, Callable

import pytest
import websockets.asyncio.client
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.typing import Subprotocol

from sixin.server.gateway.listener import Refused
from tests.server.test_listener_framing import BROKEN
from tests.server.test_listener_support import (
    ACCEPT,
    KEY,
    LOOPS,
    RawClient,
    a_client,
    a_connection,
    a_house,
    error_code,
    frame,
    on_both_loops,
    text,
    until,
    upgrade_head,
)


@on_both_loops
async def test_the_handshake_of_the_rfc() -> None:
    async with a_house() as house, a_connection(house.port) as client:
        client.send(
            upgrade_head(
                "Authorization: Bearer t", "Origin: https://example.org", "Sec-WebSocket-Extensions: permessage-deflate"
            )
        )
        status, headers, _ = await client.answer()
        assert status == 101
        assert headers["sec-websocket-accept"] == ACCEPT
        assert headers["sec-websocket-protocol"] == "sixin.v1.json"
        assert "sec-websocket-extensions" not in headers
        [handler] = house.handlers
        assert handler.the_socket.authorization == "Bearer t"
        assert handler.the_socket.origin == "https://example.org"
        assert handler.the_socket.remote == "127.0.0.1"
        assert handler.the_socket.subprotocol == "sixin.v1.json"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param(upgrade_head(sec_websocket_version="8"), 426, id="version 8"),
        pytest.param(upgrade_head(sec_websocket_version=None), 400, id="no version"),
        pytest.param(upgrade_head(sec_websocket_key=None), 400, id="no key"),
        pytest.param(upgrade_head(sec_websocket_key="c2hvcnQ="), 400, id="a short key"),
        pytest.param(upgrade_head(sec_websocket_key="?" * 24), 400, id="a key that is not base64"),
        pytest.param(upgrade_head(f"Sec-WebSocket-Key: {KEY}"), 400, id="two keys"),
        pytest.param(upgrade_head(sec_websocket_protocol="mqtt, soap"), 400, id="only unknown subprotocols"),
        pytest.param(upgrade_head(upgrade="h2c"), 400, id="another upgrade"),
        pytest.param(upgrade_head(connection="keep-alive"), 400, id="an upgrade for the next hop only"),
        pytest.param(upgrade_head(host=None), 400, id="no host"),
        pytest.param(upgrade_head("Content-Length: 3"), 400, id="a body"),
        pytest.param(upgrade_head(" folded: yes"), 400, id="a folded header"),
        pytest.param(upgrade_head().replace(b"HTTP/1.1", b"HTTP/1.0"), 400, id="HTTP/1.0"),
        pytest.param(upgrade_head(target="/v1/ws?fail"), 500, id="a gateway that fails"),
        pytest.param(upgrade_head("X-Big: " + "x" * 20_000), 431, id="a big head"),
        pytest.param(b"GET /v1/ws HTTP/1.1\r\nX-Big: " + b"x" * 20_000, 431, id="a big head without end"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, id="TLS to a plain port"),
    ],
)
@on_both_loops
async def test_a_wrong_handshake_is_refused_with_a_reason(head: bytes, status: int) -> None:
    async with a_house() as house, a_connection(house.port) as client:
        client.send(head)
        got, headers, body = await client.answer()
        assert got == status
        assert error_code(body) in {"bad_request", "internal", "too_large"}
        assert headers["connection"] == "close"
        if status == 426:
            assert headers["sec-websocket-version"] == "13"
        assert await client.end() == b""
        assert house.handlers == []


@on_both_loops
async def test_the_gateway_may_refuse() -> None:
    refused = Refused(401, b'{"error":{"code":"unauthenticated","message":""}}')
    async with a_house(refuse=refused) as house, a_connection(house.port) as client:
        client.send(upgrade_head())
        status, _, body = await client.answer()
        assert (status, error_code(body)) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("offered", "answered"),
    [(None, None), ("sixin.v1.json", "sixin.v1.json"), ("sixin.v9.cbor , sixin.v1.json", "sixin.v1.json")],
)
@on_both_loops
async def test_the_subprotocol_is_named_only_to_who_offered_one(offered: str | None, answered: str | None) -> None:
    async with a_house() as house, a_connection(house.port) as client:
        client.send(upgrade_head(sec_websocket_protocol=offered))
        status, headers, _ = await client.answer()
        assert status == 101
        assert headers.get("sec-websocket-protocol") == answered
        assert house.requests[0].subprotocol == "sixin.v1.json"


@on_both_loops
async def test_firefox_names_two_connection_options() -> None:
    async with a_house() as house, a_connection(house.port) as client:
        client.send(upgrade_head(connection="keep-alive, Upgrade", upgrade="WebSocket"))
        status, _, _ = await client.answer()
        assert status == 101


@on_both_loops
async def test_a_head_and_frames_in_single_bytes() -> None:
    async with a_house() as house, a_connection(house.port) as client:
        for byte in upgrade_head() + text(b"slow"):
            client.send(bytes((byte,)))
            await client.writer.drain()
            await asyncio.sleep(0)
        assert (await client.answer())[0] == 101
        assert await client.message() == b"slow"


@on_both_loops
async def test_frames_right_behind_the_head_are_not_lost() -> None:
    async with a_house() as house, a_connection(house.port) as client:
        client.send(upgrade_head() + text(b"eager") + text(b"twice"))
        assert (await client.answer())[0] == 101
        assert [await client.message(), await client.message()] == [b"eager", b"twice"]


@pytest.mark.parametrize(("data", "code"), [pytest.param(data, code, id=what) for what, data, code in BROKEN])
@on_both_loops
async def test_what_breaks_a_rule_fails_the_connection_with_its_code(data: bytes, code: int) -> None:
    async with a_house() as house, a_client(house) as client:
        client.send(text(b"before") + data + text(b"after"))
        assert await client.message() == b"before"
        assert await client.close_code() == code
        assert await client.end() == b""
        [handler] = house.handlers
        assert (await handler.end())[0] == code
        assert handler.messages == [b"before"]


@on_both_loops
async def test_a_message_of_exactly_the_limit_passes_with_its_fragments_and_pings() -> None:
    async with a_house() as house, a_client(house) as client:
        client.send(frame(0x01, b"x" * 40_000) + frame(0x89, b"?") + frame(0x80, b"x" * 25_536))
        assert await client.frame() == (0x8A, b"?")
        assert await client.message() == b"x" * 65_536


@on_both_loops
async def test_many_payloads_are_one_write_and_many_messages() -> None:
    async with a_house() as house, a_client(house) as client:
        await asyncio.sleep(0.01)
        payloads = [b"x" * size for size in (0, 1, 125, 126, 65_535, 65_536)]
        house.handlers[0].the_socket.write(payloads)
        assert [await client.message() for _ in payloads] == payloads


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
@on_both_loops
async def test_a_client_that_closes_gets_its_code_back(code: int) -> None:
    async with a_house() as house, a_client(house) as client:
        client.send(frame(0x88, code.to_bytes(2, "big") + "再见".encode()))
        assert await client.frame() == (0x88, code.to_bytes(2, "big"))
        assert await client.end() == b""
        assert await house.handlers[0].end() == (code, "再见")


@on_both_loops
async def test_a_client_that_closes_without_a_code_gets_none() -> None:
    async with a_house() as house, a_client(house) as client:
        client.send(frame(0x88, b""))
        assert await client.frame() == (0x88, b"")
        assert await house.handlers[0].end() == (1005, "")


@on_both_loops
async def test_the_server_closes_and_hears_nothing_more_but_the_echo() -> None:
    async with a_house() as house, a_client(house) as client:
        client.send(text(b"close") + text(b"ignored"))
        assert await client.close_code() == 4000
        [handler] = house.handlers
        handler.the_socket.write([b"too late"])
        handler.the_socket.close(1000)
        client.send(text(b"ignored too") + frame(0x88, (4000).to_bytes(2, "big")))
        assert await client.end() == b""
        assert await handler.end() == (4000, "asked to")
        assert handler.messages == [b"close"]
        assert handler.the_socket.write_buffered_bytes() == 0


@on_both_loops
async def test_a_client_that_never_answers_a_close_is_cut_off() -> None:
    async with a_house(close_timeout_s=0.2) as house, a_client(house) as client:
        client.send(text(b"close"))
        assert await client.close_code() == 4000
        assert await client.end() == b""
        assert await house.handlers[0].end() == (4000, "asked to")


@on_both_loops
async def test_a_code_that_may_not_be_sent_is_a_mistake_of_the_caller() -> None:
    async with a_house() as house, a_client(house):
        with pytest.raises(ValueError, match="1006"):
            house.handlers[0].the_socket.close(1006)


@on_both_loops
async def test_a_client_that_goes_without_a_word_is_1006() -> None:
    async with a_house() as house:
        async with a_client(house):
            pass
        assert await house.handlers[0].end() == (1006, "")


@on_both_loops
async def test_an_abort_is_an_end_too() -> None:
    async with a_house() as house, a_client(house) as client:
        house.handlers[0].the_socket.abort()
        assert await client.end() == b""
        assert await house.handlers[0].end() == (1006, "")


@on_both_loops
async def test_a_handler_that_fails_ends_only_its_own_connection() -> None:
    async with a_house() as house, a_client(house) as client, a_client(house) as other:
        client.send(text(b"fail"))
        assert await client.close_code() == 1011
        assert (await house.handlers[0].end())[0] == 1011
        other.send(text(b"hello"))
        assert await other.message() == b"hello"


@on_both_loops
async def test_a_silent_peer_is_pinged_and_then_given_up() -> None:
    async with a_house(ping_interval_s=0.3, ping_timeout_s=0.2) as house, a_client(house) as client:
        assert await client.frame() == (0x89, b"")
        client.send(frame(0x8A, b""))
        assert await client.frame() == (0x89, b"")
        assert await client.close_code() == 1011
        assert (await house.handlers[0].end())[0] == 1011


@on_both_loops
async def test_a_reader_that_is_paused_is_not_taken_for_dead() -> None:
    async with a_house(ping_interval_s=0.2, ping_timeout_s=0.1) as house, a_client(house) as client:
        [handler] = house.handlers
        handler.the_socket.pause_reading()
        client.send(text(b"held"))
        await asyncio.sleep(0.8)
        assert handler.messages == []
        assert handler.ends == []
        handler.the_socket.resume_reading()
        while (await client.frame()) != (0x81, b"held"):
            pass


def small_buffers() -> sockets.socket:
    sock = sockets.socket()
    sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    return sock


@contextlib.asynccontextmanager
async def a_slow_reader(port: int) -> AsyncIterator[RawClient]:
    """A client that reads only what the test asks for, with small buffers in its kernel."""
    sock = small_buffers()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    async with a_connection_of(sock) as client:
        client.send(upgrade_head())
        assert (await client.answer())[0] == 101
        yield client


@contextlib.asynccontextmanager
async def a_connection_of(sock: sockets.socket) -> AsyncIterator[RawClient]:
    reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


@on_both_loops
async def test_a_handler_sees_a_slow_reader_and_closes_it() -> None:
    async with a_house(close_timeout_s=0.2) as house, a_slow_reader(house.port):
        [handler] = house.handlers
        for _ in range(1000):
            handler.the_socket.write([b"x" * 60_000])
            await asyncio.sleep(0)
            if handler.the_socket.write_buffered_bytes() > 1_000_000:
                break
        assert 1_000_000 < handler.the_socket.write_buffered_bytes() < 4 * 1024 * 1024
        handler.the_socket.close(4008, "too slow")
        assert await handler.end() == (4008, "too slow")


@on_both_loops
async def test_a_handler_is_told_when_a_slow_reader_has_caught_up() -> None:
    async with a_house() as house, a_slow_reader(house.port) as client:
        [handler] = house.handlers
        while handler.the_socket.write_buffered_bytes() < 500_000:
            handler.the_socket.write([b"x" * 60_000])
            await asyncio.sleep(0)
        assert handler.drained == 0
        while handler.drained == 0:
            await client.message()
        assert handler.drained == 1


@on_both_loops
async def test_a_buffer_beyond_the_limit_is_cut_off_whatever_the_handler_does() -> None:
    async with a_house(write_buffer_max_bytes=1_000_000) as house, a_slow_reader(house.port):
        [handler] = house.handlers
        for _ in range(1000):
            handler.the_socket.write([b"x" * 60_000])
            await asyncio.sleep(0)
            if handler.ends:
                break
        assert (await handler.end())[0] == 1008


@on_both_loops
async def test_pings_of_a_slow_reader_do_not_pile_up_for_ever() -> None:
    async with a_house(write_buffer_max_bytes=200_000) as house, a_slow_reader(house.port) as client:
        [handler] = house.handlers
        pings = frame(0x89, b"p" * 125) * 500
        async with asyncio.timeout(20):
            while not handler.ends:
                client.send(pings)
                await asyncio.sleep(0.001)
        assert (await handler.end())[0] in {1006, 1008}


@on_both_loops
async def test_closing_the_listener_says_going_away_and_waits() -> None:
    async with a_house() as house, a_client(house) as client, a_connection(house.port) as undecided:
        undecided.send(b"GET / HT")
        await asyncio.sleep(0.05)
        assert house.listener.connections == 2
        closing = asyncio.create_task(house.listener.close())
        assert await client.close_code() == 1001
        client.send(frame(0x88, (1001).to_bytes(2, "big")))
        async with asyncio.timeout(3):
            await closing
        assert house.listener.connections == 0
        assert (await house.handlers[0].end())[0] == 1001
        with pytest.raises(OSError, match=r"refused|failed"):
            await asyncio.open_connection("127.0.0.1", house.port)


@on_both_loops
async def test_after_stop_accepting_what_stands_goes_on() -> None:
    async with a_house() as house, a_client(house) as client:
        house.listener.stop_accepting()
        client.send(text(b"still here"))
        assert await client.message() == b"still here"
        with pytest.raises(OSError, match=r"refused|failed"):
            await asyncio.open_connection("127.0.0.1", house.port)


@on_both_loops
async def test_one_connection_too_many_is_told_so() -> None:
    async with a_house(connections_max=2) as house, a_client(house), a_client(house):
        async with a_connection(house.port) as client:
            status, _, body = await client.answer()
            assert (status, error_code(body)) == (503, "unavailable")
        await asyncio.sleep(0.05)
        assert house.listener.connections == 2


@settings(max_examples=25, deadline=None)
@given(garbage=st.binary(min_size=1, max_size=600), upgraded=st.booleans(), new_loop=st.sampled_from(LOOPS))
def test_garbage_never_hurts_anybody_else(
    garbage: bytes, upgraded: bool, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def story() -> None:
        async with a_house(handshake_timeout_s=0.1, close_timeout_s=0.1) as house, a_client(house) as witness:
            async with a_connection(house.port) as client:
                client.send((upgrade_head() if upgraded else b"") + garbage)
                client.writer.write_eof()
                await client.end()
            witness.send(text(b"alive"))
            assert await witness.message() == b"alive"
            await until(lambda: house.listener.connections == 1)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(story())


@on_both_loops
async def test_an_independent_client_speaks_with_us() -> None:
    async with a_house() as house:
        url = f"ws://127.0.0.1:{house.port}/v1/ws"
        async with websockets.asyncio.client.connect(url, subprotocols=[Subprotocol("sixin.v1.json")]) as client:
            assert client.subprotocol == "sixin.v1.json"
            for payload in ("", "私信", "x" * 65_536):
                await client.send(payload)
                assert await client.recv() == payload
            await client.send(["in ", "three ", "fragments"])
            assert await client.recv() == "in three fragments"
            await (await client.ping())
        assert client.close_code == 1000
        assert await house.handlers[0].end() == (1000, "")


@on_both_loops
async def test_an_independent_client_understands_our_closes() -> None:
    async with a_house() as house:
        url = f"ws://127.0.0.1:{house.port}/v1/ws"
        for said, code in (("close", 4000), ("fail", 1011), (b"binary", 1003), ("x" * 65_537, 1009)):
            async with websockets.asyncio.client.connect(url) as client:
                await client.send(said)
                await client.wait_closed()
                assert client.close_code == code
