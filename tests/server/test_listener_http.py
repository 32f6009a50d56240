"""Plain HTTP on the same port: bodies, keep-alive, pipelining, and the bounds of what a client may hold open."""

import asyncio
import json
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
import websockets.asyncio.client

from tests.server.test_listener_support import (
    a_client,
    a_connection,
    a_house,
    error_code,
    on_both_loops,
    text,
    until,
    upgrade_head,
)


def post(path: str, body: bytes) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@on_both_loops
async def test_bodies_keep_alive_and_pipelining() -> None:
    async with a_house() as house, a_connection(house.port) as client:
        client.send(post("/count/1", b"x" * 100_000))
        assert json.loads((await client.answer())[2]) == {"path": "/count/1", "bytes": 100_000}
        client.send(b"".join(post(f"/count/{number}", b"x" * number) for number in range(20)))
        for number in range(20):
            assert json.loads((await client.answer())[2]) == {"path": f"/count/{number}", "bytes": number}
        assert house.listener.connections == 1
    await asyncio.sleep(0.05)
    assert house.listener.connections == 0


@on_both_loops
async def test_a_head_in_single_bytes_and_a_body_that_comes_later() -> None:
    async with a_house() as house, a_connection(house.port) as client:
        for byte in post("/count", b"")[:-2].replace(b"Length: 0", b"Length: 5") + b"\r\nhel":
            client.send(bytes((byte,)))
            await asyncio.sleep(0)
        client.send(b"lo")
        assert json.loads((await client.answer())[2])["bytes"] == 5


@on_both_loops
async def test_chunked_bodies() -> None:
    async with a_house() as house, a_connection(house.port) as client:
        client.send(b"POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        assert json.loads((await client.answer())[2])["bytes"] == 5


@on_both_loops
async def test_a_body_over_the_limit_is_refused() -> None:
    async with a_house(http_body_max_bytes=1000) as house, a_connection(house.port) as client:
        client.send(post("/count", b"x" * 1000))
        assert (await client.answer())[0] == 200
        client.send(post("/count", b"x" * 1001))
        assert (await client.answer())[0] == 413


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/ws HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /v1/ws HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        upgrade_head().replace(b"GET", b"HEAD"),
    ],
)
@on_both_loops
async def test_the_websocket_path_without_an_upgrade_says_what_to_do(head: bytes) -> None:
    async with a_house() as house, a_connection(house.port) as client:
        client.send(head)
        line = await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), 5)
        assert line.startswith(b"HTTP/1.1 426 ")
        assert b"Upgrade: websocket" in line


@on_both_loops
async def test_an_upgrade_on_a_kept_alive_connection_is_taken_as_on_a_new_one(caplog: pytest.LogCaptureFixture) -> None:
    async with a_house() as house, a_connection(house.port) as client:
        for _ in range(3):
            client.send(post("/count", b"x"))
            assert (await client.answer())[0] == 200
        client.send(upgrade_head(x_long="v" * 3_000))
        head = await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), 5)
        assert head.startswith(b"HTTP/1.1 101 ")
        for size in (2, 2_000):
            client.send(text(b"a" * size))
            echoed = await asyncio.wait_for(client.reader.readexactly(size + (2 if size < 126 else 4)), 5)
            assert echoed.endswith(b"a" * size)
        assert house.listener.connections == 1
    assert caplog.text == ""


@on_both_loops
async def test_a_bad_upgrade_on_a_kept_alive_connection_is_refused_as_on_a_new_one() -> None:
    async with a_house() as house, a_connection(house.port) as client:
        client.send(post("/count", b"x"))
        assert (await client.answer())[0] == 200
        client.send(upgrade_head(sec_websocket_key="short"))
        status, headers, body = await client.answer()
        assert (status, headers["connection"], error_code(body)) == (400, "close", "bad_request")
        assert await client.end() == b""


@on_both_loops
async def test_an_upgrade_elsewhere_is_plain_http() -> None:
    async with a_house() as house, a_connection(house.port) as client:
        client.send(upgrade_head(target="/count"))
        assert (await client.answer())[0] == 200


@on_both_loops
async def test_a_head_that_never_ends_has_its_time() -> None:
    async with a_house(handshake_timeout_s=0.3) as house, a_connection(house.port) as client:
        for byte in b"GET /count":
            client.send(bytes((byte,)))
            await asyncio.sleep(0.02)
        status, headers, _ = await client.answer()
        assert (status, headers["connection"]) == (408, "close")
        assert await client.end() == b""


@on_both_loops
async def test_a_refused_client_that_stays_is_cut_off() -> None:
    async with a_house(handshake_timeout_s=0.1, close_timeout_s=0.1) as house, a_connection(house.port) as client:
        assert (await client.answer())[0] == 408
        client.send(b"x")
        await until(lambda: house.listener.connections == 0)


@on_both_loops
async def test_closing_the_listener_ends_kept_alive_connections() -> None:
    async with a_house() as house, a_connection(house.port) as client:
        client.send(post("/count", b"x"))
        assert (await client.answer())[0] == 200
        async with asyncio.timeout(3):
            await house.listener.close()
        assert await client.end() == b""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", path, "-out", f"{path}.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    return path


@on_both_loops
async def test_both_doors_open_with_tls(certificate: Path) -> None:
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(f"{certificate}.crt", certificate)
    trusting = ssl.create_default_context(cafile=f"{certificate}.crt")
    async with a_house(ssl=serving) as house:
        secure = {"ssl": trusting, "server_hostname": "localhost"}
        async with a_connection(house.port, **secure) as client:
            client.send(post("/count", b"x" * 70_000))
            assert json.loads((await client.answer())[2])["bytes"] == 70_000
        async with a_client(house, **secure) as client:
            client.send(text(b"secret"))
            assert await client.message() == b"secret"
        url = f"wss://127.0.0.1:{house.port}/v1/ws"
        async with websockets.asyncio.client.connect(url, **secure) as careful:  # type: ignore[arg-type]
            await careful.send("close")
            await careful.wait_closed()
            assert careful.close_code == 4000
