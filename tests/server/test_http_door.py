"""The HTTP door: the same operations, what operators ask, and pages of other origins."""

import asyncio
import json
from typing import Any

import pytest

from sixin.core import errors
from sixin.core.rows import Changes
from sixin.core.wire.bodies import OPERATIONS
from sixin.server.app import make_store
from sixin.server.config import Settings, SettingsRefused
from sixin.server.store.memory import MemoryStore
from tests.server.house import DEADLINE_S, House, Json, open_house, until

ANN, BOB = 1001, 1002
TEXT = {"type": "text", "text": "你好"}


async def test_both_doors_lead_to_the_same_rooms(house: House) -> None:
    """What one door did, the other finds; and the same request gets the same bytes."""
    sent = await house.done("http", ANN, "send", to="1002", seq_id=1, content=TEXT)
    assert await house.done("socket", ANN, "send", to="1002", seq_id=1, content=TEXT) == sent
    other = await house.done("socket", BOB, "send", to="1001", seq_id=1, content=TEXT)
    bodies: dict[str, dict[str, Any]] = {
        "pull_new": {"to": "1002", "after_version": 0},
        "pull_contacts": {"after_version": 0},
        "contact": {"to": "1002"},
        "unread": {},
    }
    for op, body in bodies.items():
        answers = [await house.done(door, ANN, op, **body) for door in ("http", "socket")]
        assert answers[0] == answers[1]
    assert other["message"]["version_id"] == 2


async def test_another_content_under_the_same_seq_id_is_a_conflict(house: House, door: str) -> None:
    await house.done("http", ANN, "send", to="1002", seq_id=1, content=TEXT)
    before = house.state()
    body = json.dumps({"to": "1002", "seq_id": 1, "content": {"type": "text", "text": "再见"}}).encode()
    answer = await house.ask(door, ANN, "send", body)
    assert (answer.code, answer.status) == ("conflict", 409 if door == "http" else 0)
    assert house.state() == before


async def test_a_recall_comes_too_late_by_the_servers_clock(house: House, door: str) -> None:
    sent = await house.done(door, ANN, "send", to="1002", seq_id=1, content=TEXT)
    house.clock.ahead_ms += 120_001
    before = house.state()
    body = json.dumps({"to": "1002", "msg_id": sent["message"]["msg_id"]}).encode()
    answer = await house.ask(door, ANN, "recall", body)
    assert (answer.code, answer.status) == ("too_late", 409 if door == "http" else 0)
    assert house.state() == before


async def test_it_lives_and_is_ready(house: House) -> None:
    assert await house.get("/healthz") == (200, b'{"status":"ok"}')
    assert await house.get("/readyz") == (200, b'{"status":"ready"}')


@pytest.mark.parametrize(
    ("allowed", "origin", "status"),
    [
        (("https://app.example",), "https://app.example", 200),
        (("https://app.example",), "https://evil.example", 403),
        ((), "https://app.example", 403),
        (("*",), "https://evil.example", 200),
        ((), "http://[", 403),
    ],
)
async def test_only_pages_of_allowed_origins_may_ask(allowed: tuple[str, ...], origin: str, status: int) -> None:
    async with open_house(origins=allowed) as house:
        headers = {"Origin": origin, "Authorization": f"Bearer {house.token(ANN)}"}
        async with house.client.post(f"{house.url}/v1/unread", headers=headers) as response:
            assert response.status == status
            if status == 200:
                assert response.headers["Access-Control-Allow-Origin"] == origin
                assert response.headers["Vary"] == "Origin"
            else:
                assert "Access-Control-Allow-Origin" not in response.headers
        async with house.client.options(f"{house.url}/v1/send", headers={"Origin": origin}) as response:
            assert response.status == (204 if status == 200 else 403)
            if status == 200:
                assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
                assert "POST" in response.headers["Access-Control-Allow-Methods"]


async def test_refusals_too_can_be_read_by_allowed_pages() -> None:
    async with open_house(origins=("https://app.example",)) as house:
        headers = {"Origin": "https://app.example"}
        async with house.client.post(f"{house.url}/v1/unread", headers=headers) as response:
            assert response.status == 401
            assert response.headers["Access-Control-Allow-Origin"] == "https://app.example"


async def test_only_registered_users_where_that_is_asked_for(door: str) -> None:
    async with open_house(users="registered") as house:
        body = json.dumps({"to": "1002", "seq_id": 1, "content": TEXT}).encode()
        assert (await house.ask(door, ANN, "send", body)).code == "forbidden"
        for uid in (ANN, BOB):
            person = json.dumps({"uid": str(uid), "name": "安"}).encode()
            put = await house.post("/v1/admin/users", person, token=house.token(1, role="admin"))
            assert put.ok == {"uid": str(uid), "kind": "person", "name": "安", "avatar": ""}
        assert (await house.ask(door, ANN, "send", body)).ok is not None
        nobody = json.dumps({"to": "1003", "seq_id": 2, "content": TEXT}).encode()
        assert (await house.ask(door, ANN, "send", nobody)).code == "not_found"


@pytest.mark.parametrize(
    "body",
    ['{}', '{"uid":5}', '{"uid":"0"}', '{"uid":"01"}', '{"uid":"9223372036854775808"}', '{"uid":"7","kind":"king"}',
     '{"uid":"7","name":null}', f'{{"uid":"7","name":"{"n" * 65}"}}', '{"uid":"7","name":"a\\u0000"}', "[]", "", "{"],
)  # fmt: skip
async def test_a_bad_user_is_not_registered(house: House, body: str) -> None:
    answer = await house.post("/v1/admin/users", body.encode(), token=house.token(1, role="admin"))
    assert (answer.status, answer.code) == (400, "bad_request")
    assert house.state()["profiles"] == {}


async def test_the_inspector_shows_both_timelines(house: House) -> None:
    sent = await house.done("http", ANN, "send", to="1002", seq_id=7, content=TEXT)
    admin = house.token(1, role="admin")
    status, body = await house.get("/v1/admin/inspect/session/1001:1002", token=admin)
    found = json.loads(body)
    assert status == 200
    assert found["session"] == {
        "session_id": "1001:1002", "version_id": 1, "last_ordinal": 1, "last_msg_id": sent["message"]["msg_id"],
    }  # fmt: skip
    assert found["messages"] == [sent["message"]]
    assert [(contact["owner"], contact["last_seq_id"]) for contact in found["contacts"]] == [("1001", 7), ("1002", 0)]
    status, body = await house.get("/v1/admin/inspect/user/1002", token=admin)
    assert json.loads(body)["user"] == {"uid": "1002", "version_id": 1, "unread_total": 1}


@pytest.mark.parametrize("where", ["session/1002:1001", "session/x", "user/01", "user/0", "user/9223372036854775808"])
async def test_the_inspector_refuses_ids_that_cannot_be(house: House, where: str) -> None:
    status, body = await house.get(f"/v1/admin/inspect/{where}", token=house.token(1, role="admin"))
    assert (status, json.loads(body)["error"]["code"]) == (400, "bad_request")


async def test_demo_tokens_are_handed_out_in_the_demo_alone(house: House) -> None:
    assert (await house.get("/demo.json"))[0] == 404
    async with open_house(demo=b'{"users":[]}') as demo:
        assert await demo.get("/demo.json") == (200, b'{"users":[]}')


async def test_an_empty_body_is_an_empty_object(house: House) -> None:
    assert (await house.post("/v1/unread", b"", token=house.token(ANN))).ok == {"unread_total": 0}
    for op in OPERATIONS:
        if op != "unread":
            assert (await house.post(f"/v1/{op}", b"", token=house.token(ANN))).code == "bad_request"


def test_an_unknown_store_is_refused() -> None:
    with pytest.raises(SettingsRefused, match="mongodb"):
        make_store(Settings(store="mongodb://somewhere"))


class FullStore(MemoryStore):
    """Refuses what is written, for as long as it is told to."""

    is_full = False

    def write(self, changes: Changes) -> None:
        if self.is_full:
            raise errors.Unavailable("The disk is full.")
        super().write(changes)


async def test_a_node_that_cannot_write_is_not_ready_until_it_can() -> None:
    store = FullStore()
    async with open_house(store=store) as house:
        store.is_full = True
        said = json.dumps({"to": str(BOB), "seq_id": 1, "content": TEXT}).encode()
        refused = await house.ask("http", ANN, "send", said)
        assert (refused.status, refused.code) == (503, "unavailable")
        status, body = await house.get("/readyz")
        reason = "the store refuses what is written"
        assert (status, json.loads(body)) == (503, {"status": "not ready", "reason": reason})

        store.is_full = False
        assert (await house.ask("http", ANN, "send", said)).status == 200
        assert await house.get("/readyz") == (200, b'{"status":"ready"}')


UNREADABLE = [
    b"POST /v1/unread HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n",
    b"POST /v1/unread HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/unread HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
    b"POST /v1/unread HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
    b"FLY\x00 / HTTP/1.1\r\n\r\n",
]


async def raw(house: House, sent: bytes) -> tuple[int, Json]:
    """What raw bytes are answered with."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.listener.port)
    writer.write(sent)
    async with asyncio.timeout(DEADLINE_S):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert b"Content-Type: application/json" in head
    error: Json = json.loads(body)["error"]
    return int(head.split(b" ")[1]), error


@pytest.mark.parametrize("sent", UNREADABLE)
async def test_what_is_no_http_is_refused_in_our_words_and_writes_no_log(
    house: House, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    status, error = await raw(house, sent)
    assert (status, error["code"]) == (400, "bad_request")
    assert error["message"]
    assert caplog.records == []


async def test_nothing_but_a_continue_can_be_expected(house: House) -> None:
    sent = b"POST /v1/unread HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\nConnection: close\r\n\r\n"
    status, error = await raw(house, sent)
    assert (status, error["code"]) == (417, "bad_request")


async def test_who_hangs_up_in_the_middle_of_a_body_is_no_failure_of_ours(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", house.listener.port)
    head = (
        f"POST /v1/unread HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {house.token(1)}\r\nContent-Length: 50\r\n\r\n"
    )
    writer.write(head.encode() + b"{")
    await writer.drain()
    await until(lambda: house.listener.connections > 0)
    await house.done("http", 1, "unread")  # by now the door waits for the rest
    writer.transport.abort()
    await until(lambda: house.listener.connections <= 1)  # the other one is kept alive
    await asyncio.sleep(0.02)
    assert [record.getMessage() for record in caplog.records] == []
