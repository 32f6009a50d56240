"""What is wrong below the body: frames, HTTP requests, sizes. Refused as documented, and nothing changed."""

import asyncio
import io
import json

import pytest

from tests.server.bad_values import DEEP
from tests.server.house import DEADLINE_S, House

ANN = 1001


@pytest.mark.parametrize(
    "frame",
    [
        "", " ", "null", "5", "[]", '"frame"', "{}", "{", "{}{}", DEEP,
        '{"id":1}', '{"op":"unread"}', '{"id":1,"op":null}', '{"id":1,"op":5}', '{"id":1,"op":["unread"]}',
        '{"id":1,"op":""}', '{"id":1,"op":"nothing"}', '{"id":1,"op":"hello","body":{}}', '{"id":1,"op":"\\ud800"}',
        '{"id":null,"op":"unread"}', '{"id":"1","op":"unread"}', '{"id":-1,"op":"unread"}', '{"id":1.5,"op":"unread"}',
        '{"id":9007199254740992,"op":"unread"}', '{"id":true,"op":"unread"}', '{"id":01,"op":"unread"}',
        '{"id":1,"op":"unread","body":}', '{"id":1,"op":"unread","body":null}', "{'id':1,'op':'unread'}",
        '{"id":1,"op":"send","body":{"to":"1002","seq_id":1,"content":{"type":"text","text":"a"}}',
    ],
)  # fmt: skip
async def test_a_bad_frame_is_refused_and_the_connection_kept(house: House, frame: str) -> None:
    device = await house.device(ANN)
    await device.send_frame(frame.encode())
    answer = await device.answer(1)
    assert answer.code == "bad_request"
    assert house.state()["messages"] == {}
    assert await device.ask("unread") == {"unread_total": 0}


@pytest.mark.parametrize(
    ("frame", "request_id"),
    [('{"id":7,"op":5}', 7), ('{"id":7}', 7), ('{"op":5,"id":7}', 7), ('{"id":-7,"op":5}', None), ("{", None)],
)
async def test_the_refusal_carries_the_id_where_it_can_be_read(
    house: House, frame: str, request_id: int | None
) -> None:
    device = await house.device(ANN)
    await device.send_frame(frame.encode())
    refusal = await device.frame()
    assert refusal is not None
    assert refusal["id"] == request_id


async def test_a_frame_of_ten_megabytes_ends_the_connection_and_changes_nothing(house: House) -> None:
    device = await house.device(ANN)
    text = "a" * 10_000_000
    with_text = json.dumps({"to": "1002", "seq_id": 1, "content": {"type": "text", "text": text}})
    with pytest.raises((AssertionError, ConnectionError)):
        await device.ask_raw("send", with_text.encode())
    assert device.socket.close_code in (1009, 1006)  # 1006: the reset overtook the Close, as TCP allows
    assert house.state()["messages"] == {}
    assert (await house.device(ANN)).welcome["contact_version"] == 0


async def test_a_body_of_ten_megabytes_is_refused_and_changes_nothing(house: House) -> None:
    content = {"type": "text", "text": "a" * 10_000_000}
    body = json.dumps({"to": "1002", "seq_id": 1, "content": content}).encode()
    answer = await house.post("/v1/send", io.BytesIO(body), token=house.token(ANN))
    assert (answer.status, answer.code) == (413, "too_large")
    assert house.state()["messages"] == {}


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "x-unknown"])
async def test_a_packed_body_is_refused(house: House, encoding: str) -> None:
    headers = {"Content-Encoding": encoding}
    answer = await house.post("/v1/unread", b"\x1f\x8bnothing", token=house.token(ANN), headers=headers)
    assert (answer.status, answer.code) == (400, "bad_request")


@pytest.mark.parametrize("body", [b"\xff\xfe{}", b'{"a":"\xff"}', b"\xef\xbb\xbf{}", b'{"a":"\xed\xa0\x80"}', b"\x00"])
async def test_a_body_that_is_no_utf8_is_refused(house: House, body: bytes) -> None:
    answer = await house.post("/v1/unread", body, token=house.token(ANN))
    assert (answer.status, answer.code) == (400, "bad_request")


async def test_a_chunked_body_that_breaks_off_changes_nothing(house: House) -> None:
    chunk = json.dumps({"to": "1002", "seq_id": 1, "content": {"type": "text", "text": "a"}}).encode()
    request = (
        f"POST /v1/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {house.token(ANN)}\r\n"
        f"Transfer-Encoding: chunked\r\n\r\n{len(chunk):x}\r\n"
    ).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", house.listener.port)
    writer.write(request + chunk + b"\r\nzz\r\n")
    async with asyncio.timeout(DEADLINE_S):
        assert (await reader.readline()).split()[1] == b"400"
    writer.close()
    await writer.wait_closed()
    assert house.state()["messages"] == {}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/send", "POST"),
        ("PUT", "/v1/send", "POST"),
        ("DELETE", "/v1/nothing", "POST"),
        ("POST", "/healthz", "GET, HEAD"),
        ("POST", "/v1/openapi.json", "GET, HEAD"),
        ("GET", "/v1/admin/users", "POST"),
    ],
)
async def test_another_method_is_refused_and_told_which_is_right(
    house: House, method: str, path: str, allowed: str
) -> None:
    async with house.client.request(method, house.url + path) as response:
        assert response.status == 405
        assert response.headers["Allow"] == allowed
        assert (await response.json())["error"]["code"] == "bad_request"


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/a/b", "/nothing", "/../etc/passwd", "/%2e%2e/app.py", "/.git"])
async def test_an_unknown_path_is_not_found(house: House, path: str) -> None:
    async with house.client.get(house.url + path) as response:
        assert response.status == 404
        assert (await response.json())["error"]["code"] == "not_found"
