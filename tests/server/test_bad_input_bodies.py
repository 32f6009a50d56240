"""Every field of every operation with everything that can be wrong, through both doors: refused, nothing changed."""

import json

import pytest

from sixin.core.wire.bodies import OPERATIONS
from tests.server.bad_values import DEEP, SHAPES, VALID, cases
from tests.server.house import Answer, House

ANN, BOB, EVE = 1001, 1002, 1003


@pytest.fixture
async def good(house: House) -> dict[str, str]:
    """A scene with something in every table, and good values for every field."""
    ids = []
    for seq_id, (who, to) in enumerate(((ANN, BOB), (BOB, ANN), (BOB, ANN)), 1):
        content = {"type": "text", "text": f"number {seq_id}"}
        said = await house.done("http", who, "send", to=str(to), seq_id=seq_id, content=content)
        ids.append(said["message"]["msg_id"])
    await house.done("http", ANN, "delete", session_id="1001:1002", msg_ids=[ids[1]], scope="me")
    return {**VALID, "msg_id": f'"{ids[0]}"', "msg_ids": f'["{ids[0]}"]', "up_to_msg_id": f'"{ids[0]}"'}


@pytest.mark.parametrize("op", OPERATIONS)
async def test_a_bad_field_is_refused_and_changes_nothing(
    house: House, door: str, op: str, good: dict[str, str]
) -> None:
    before = house.state()
    wrong = []
    for case in cases(op, good):
        answer = await house.ask(door, ANN, op, case.body.encode())
        if answer.code != case.code:
            wrong.append((case.field, case.body[:80], answer))
    assert wrong == []
    assert house.state() == before
    await _still_serves(house, door)


@pytest.mark.parametrize("op", OPERATIONS)
async def test_a_body_that_is_no_object_is_refused(house: House, door: str, op: str, good: dict[str, str]) -> None:
    before = house.state()
    wrong = []
    for shape in SHAPES:
        if not shape and door == "http" and op == "unread":
            continue  # an empty body is an empty object
        answer = await house.ask(door, ANN, op, shape.encode())
        if answer.code != "bad_request":
            wrong.append((shape[:40], answer))
    assert wrong == []
    assert house.state() == before
    await _still_serves(house, door)


async def test_a_good_body_of_every_operation_is_taken(house: House, door: str, good: dict[str, str]) -> None:
    for op in sorted(OPERATIONS, key=lambda name: name == "delete_contact"):  # what is deleted cannot be pinned
        names = [name for name in good if name in OPERATIONS[op].body.__struct_fields__ and name != "to"]
        body = "{" + ",".join(f'"{name}":{good[name]}' for name in names) + "}"
        answer = await house.ask(door, ANN, op, body.encode())
        assert answer.ok is not None, (op, body, answer)


async def test_a_sender_in_the_body_is_ignored(house: House, door: str) -> None:
    forged = {"sender": "1002", "actor": "1002", "uid": "1002", "owner": "1002", "from": "1002"}
    answer = await house.done(
        door, EVE, "send", to="1001", seq_id=1, content={"type": "text", "text": "I am Bob"}, **forged
    )
    assert answer["message"]["sender"] == "1003"
    assert set(house.state()["sessions"]) == {"1001:1003"}


async def test_unknown_fields_are_ignored_at_the_top_and_kept_inside_the_content(house: House, door: str) -> None:
    content = {"type": "text", "text": "a", "colour": "red", "nested": {"deep": [1, 2.5, None, "字"]}, "big": 10**30}
    answer = await house.done(door, ANN, "send", to="1002", seq_id=1, content=content, colour="red", nested={"a": [1]})
    assert answer["message"]["content"] == content
    assert "colour" not in answer["message"]


async def test_an_unknown_field_may_not_be_nested_without_end(house: House, door: str) -> None:
    answer = await house.ask(door, ANN, "unread", b'{"more":%b}' % DEEP.encode())
    assert answer.code == "bad_request"
    await _still_serves(house, door)


@pytest.mark.parametrize("op", ["nothing", "Send", "send ", "hello", "admin", "", "s" * 1_000, "send/more", "发送"])
async def test_an_unknown_operation_is_refused(house: House, door: str, op: str) -> None:
    before = house.state()
    if door == "http":
        answer = await house.post(f"/v1/{op}", b"{}", token=house.token(ANN))
        expected = "not_found"
    else:
        answer = await house.ask(door, ANN, op, b"{}")
        expected = "bad_request"
    assert answer.code == expected
    assert house.state() == before
    await _still_serves(house, door)


@pytest.mark.parametrize("op", [op for op, operation in OPERATIONS.items() if "session_id" in dir(operation.body)])
async def test_a_foreign_session_answers_like_one_that_does_not_exist(
    house: House, door: str, op: str, good: dict[str, str]
) -> None:
    before = house.state()
    names = [
        name for name in good if name in OPERATIONS[op].body.__struct_fields__ and name not in ("to", "session_id")
    ]
    answers: list[Answer] = []
    for session_id in ("1001:1002", "1001:1004", "7:8", "g5"):
        body = ",".join([f'"session_id":"{session_id}"', *(f'"{name}":{good[name]}' for name in names)])
        answers.append(await house.ask(door, EVE, op, f"{{{body}}}".encode()))
    assert answers[0].code == "not_found"
    assert answers == [answers[0]] * 4
    assert house.state() == before


@pytest.mark.parametrize("op", ["recall", "delete", "clear", "read"])
async def test_a_message_of_another_session_answers_like_one_that_does_not_exist(
    house: House, door: str, op: str, good: dict[str, str]
) -> None:
    own = await house.done("http", EVE, "send", to="1001", seq_id=1, content={"type": "text", "text": "mine"})
    before = house.state()
    nowhere = str(int(own["message"]["msg_id"]) + 10_000)
    answers = []
    for msg_id in (json.loads(good["msg_id"]), nowhere, "1", str(2**63 - 1)):
        body = {"recall": {"msg_id": msg_id}, "read": {"msg_id": msg_id}, "clear": {"up_to_msg_id": msg_id},
                "delete": {"msg_ids": [msg_id], "scope": "me"}}[op]  # fmt: skip
        answers.append(await house.ask(door, EVE, op, json.dumps({"to": "1001", **body}).encode()))
    assert answers[0].code == "not_found"
    assert answers == [answers[0]] * 4
    assert house.state() == before


async def _still_serves(house: House, door: str) -> None:
    """The connection was kept."""
    device = house.connection_of(ANN)
    assert await house.done(door, ANN, "unread") is not None
    assert house.connection_of(ANN) is device or device is None
