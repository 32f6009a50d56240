"""What stands on the wire is read as meant, or refused with a sentence that names the field."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from sixin.core import errors
from sixin.core.limits import SAFE_INTEGER_MAX
from sixin.core.wire import codec
from sixin.core.wire.bodies import OPERATIONS, HelloBody, UserBody
from sixin.core.wire.frames import Ok, Refusal, Request

BODIES: dict[str, dict[str, Any]] = {
    "hello": {"token": "t", "device_id": "d"},
    "send": {"to": "1002", "session_id": "1001:1002", "seq_id": 1, "content": {"type": "text", "text": "x"}},
    "recall": {"to": "1002", "session_id": "1001:1002", "msg_id": "10000020003"},
    "delete": {"to": "1002", "session_id": "1001:1002", "msg_ids": ["10000020003"], "scope": "me"},
    "clear": {"to": "1002", "session_id": "1001:1002", "up_to_msg_id": "10000020003"},
    "delete_contact": {"to": "1002", "session_id": "1001:1002"},
    "read": {"to": "1002", "session_id": "1001:1002", "msg_id": "10000020003"},
    "pin": {"to": "1002", "session_id": "1001:1002", "pinned": True},
    "mute": {"to": "1002", "session_id": "1001:1002", "muted": False},
    "label": {"to": "1002", "session_id": "1001:1002", "labels": ["work"]},
    "pull_new": {"to": "1002", "session_id": "1001:1002", "after_version": 0, "limit": 1, "born_up_to": 0},
    "pull_old": {"to": "1002", "session_id": "1001:1002", "before_sort_key": 0, "limit": 500},
    "pull_contacts": {"after_version": 0, "limit": 1_000},
    "pull_hidden": {"to": "1002", "session_id": "1001:1002", "after_version": 0},
    "contact": {"to": "1002", "session_id": "1001:1002"},
    "unread": {},
    "typing": {"to": "1002", "session_id": "1001:1002"},
}
"""A body of each operation with every field it has."""

BAD_ID: list[Any] = [
    *(None, 1, 1.5, True, [], {}, "", "0", "-1", "+1", "01", "1.0", "1e3", " 1", "1 ", "1\n", "1_0", "0x1"),
    *("１", "١", "1" * 20, "1" * 5_000, "abc", "1\x00"),
]
BAD_SESSION: list[Any] = [
    *(None, 1, [], {}, "", ":", "1:", ":1", "1", "01:2", "1:02", "1:2\n", "1:2:3", "g", "g0", "g01", "g1\n", "G1"),
    *("1:" + "2" * 20, "x" * 5_000, "１:２"),
]
BAD_NUMBER: list[Any] = [None, "1", "", 1.0, 1.5, 1e3, True, [], {}, -1, 2**53, 2**63, 2**64, 10**30]
BAD_FLAG: list[Any] = [None, 0, 1, "true", "", [], {}]
BAD_WORD: list[Any] = [None, 0, True, "", "x" * 5_000, "a\x00b", [], {}]

BAD: dict[str, list[Any]] = {
    "token": [value for value in BAD_WORD if value != "a\x00b"],
    "device_id": BAD_WORD,
    "to": BAD_ID,
    "session_id": BAD_SESSION,
    "msg_id": BAD_ID,
    "up_to_msg_id": BAD_ID,
    "msg_ids": [None, "1", {}, [], ["1"] * 101, *([bad] for bad in BAD_ID)],
    "scope": [None, 1, True, "", "Me", "everyone", [], {}],
    "seq_id": [0, *BAD_NUMBER],
    "pinned": BAD_FLAG,
    "muted": BAD_FLAG,
    "labels": [None, "work", {}, ["x"] * 21, *([bad] for bad in BAD_WORD)],
    "after_version": BAD_NUMBER,
    "before_sort_key": BAD_NUMBER,
    "born_up_to": BAD_NUMBER,
    "limit": [0, 1_001, *BAD_NUMBER],
}
REQUIRED = {
    "send": ["seq_id", "content"],
    "recall": ["msg_id"],
    "delete": ["msg_ids", "scope"],
    "read": ["msg_id"],
    "pin": ["pinned"],
    "mute": ["muted"],
    "label": ["labels"],
    "pull_new": ["after_version"],
    "pull_contacts": ["after_version"],
    "pull_hidden": ["after_version"],
}
HALVES = [b'"\\ud800"', b'"\\udc00x"', b'"\xed\xa0\x80"', b'"\xff"']

each_bad_field = [
    (operation, field, bad)
    for operation, body in BODIES.items()
    for field in body
    if field != "content"
    for bad in BAD[field]
]


def test_the_bodies_above_name_every_operation_and_every_field() -> None:
    types: dict[str, type[Any]] = {"hello": HelloBody} | {name: one.body for name, one in OPERATIONS.items()}
    assert {name: set(body) for name, body in BODIES.items()} == {
        name: set(kind.__struct_fields__) for name, kind in types.items()
    }


@pytest.mark.parametrize("operation", BODIES)
def test_a_good_body_survives_the_way_over_the_wire(operation: str) -> None:
    body = codec.decode_body(operation, json.dumps(BODIES[operation]).encode())
    again = codec.decode_body(operation, codec.encode(body))
    if operation != "send":  # a Raw is equal only to itself
        assert again == body
    assert json.loads(codec.encode(again)) == BODIES[operation]


@pytest.mark.parametrize("operation", BODIES)
def test_unknown_fields_at_the_top_are_ignored(operation: str) -> None:
    body = BODIES[operation] | {"sender": "1", "actor": "1", "uid": "1", "unknown": {"deep": [1]}}
    decoded = codec.decode_body(operation, json.dumps(body).encode())
    assert json.loads(codec.encode(decoded)) == BODIES[operation], "and who acts is not taken from the body"


def test_a_page_of_messages_has_its_own_limit() -> None:
    assert codec.decode_body("pull_old", b'{"limit":500}').limit == 500
    for operation, rest in (("pull_old", b""), ("pull_new", b',"after_version":0')):
        with pytest.raises(errors.BadRequest, match=r"500.*limit"):
            codec.decode_body(operation, b'{"limit":501%b}' % rest)


def test_a_bad_field_is_refused_by_its_name() -> None:
    for operation, field, bad in each_bad_field:
        raw = json.dumps(BODIES[operation] | {field: bad}).encode()
        try:
            decoded = codec.decode_body(operation, raw)
        except errors.BadRequest as refusal:
            assert f"$.{field}" in refusal.message, (operation, field, bad)  # noqa: PT017 - thousands of cases, one test
        else:
            pytest.fail(f"{operation} took {field} = {bad!r} as {decoded}")


@pytest.mark.parametrize(
    ("operation", "field"), [(name, field) for name, fields in REQUIRED.items() for field in fields]
)
def test_a_missing_field_is_refused_by_its_name(operation: str, field: str) -> None:
    body = {name: value for name, value in BODIES[operation].items() if name != field}
    with pytest.raises(errors.BadRequest, match=f"`{field}`"):
        codec.decode_body(operation, json.dumps(body).encode())


@pytest.mark.parametrize("operation", BODIES)
def test_what_may_be_left_out_may_be_left_out(operation: str) -> None:
    required = REQUIRED.get(operation, [])
    body = {name: value for name, value in BODIES[operation].items() if name in required}
    assert json.loads(codec.encode(codec.decode_body(operation, json.dumps(body).encode()))) == body


@pytest.mark.parametrize("operation", BODIES)
@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"1", b'"x"', b"{", b"{]", b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_a_bad_request(operation: str, raw: bytes) -> None:
    with pytest.raises(errors.BadRequest):
        codec.decode_body(operation, raw)


@pytest.mark.parametrize("half", HALVES)
def test_half_a_character_is_a_bad_request_in_every_text(half: bytes) -> None:
    for operation, body in BODIES.items():
        for field in body.keys() & {"token", "device_id", "to", "session_id", "msg_id", "up_to_msg_id", "scope"}:
            raw = json.dumps(body | {field: "here"}).encode().replace(b'"here"', half)
            with pytest.raises(errors.BadRequest):
                codec.decode_body(operation, raw)
    with pytest.raises(errors.BadRequest):
        codec.decode_body("label", b'{"labels":[%b]}' % half)


def test_an_unknown_operation_is_refused_without_repeating_all_of_its_name() -> None:
    with pytest.raises(errors.BadRequest, match="no operation 'xxxx") as refused:
        codec.decode_body("x" * 100_000, b"{}")
    assert len(refused.value.message) < 100


@pytest.mark.parametrize(
    "bad", [{"name": "a\x00"}, {"avatar": "\x00"}, {"name": "x" * 65}, {"avatar": "x" * 1_025}, {"kind": "cat"}]
)
def test_a_user_that_no_store_could_hold_is_refused(bad: dict[str, str]) -> None:
    assert codec.decode_as(UserBody, b'{"uid":"7"}') == UserBody("7")
    with pytest.raises(errors.BadRequest, match=next(iter(bad))):
        codec.decode_as(UserBody, json.dumps({"uid": "7"} | bad).encode())


@given(st.integers(0, SAFE_INTEGER_MAX), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_a_request_survives_the_way_over_the_wire(request_id: int, op: str) -> None:
    request = codec.decode_request(codec.encode_request(request_id, op, codec.decode_body("unread", b"{}")))
    assert (request.id, request.op, bytes(request.body)) == (request_id, op, b"{}")


def test_a_request_without_a_body_has_an_empty_one() -> None:
    assert bytes(codec.decode_request(b'{"id":1,"op":"unread"}').body) == b"{}"


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        (b'{"op":"unread"}', "`id`"),
        (b'{"id":1}', "`op`"),
        (b'{"id":null,"op":"unread"}', "id"),
        (b'{"id":"1","op":"unread"}', "id"),
        (b'{"id":-1,"op":"unread"}', "id"),
        (b'{"id":1.0,"op":"unread"}', "id"),
        (b'{"id":9007199254740992,"op":"unread"}', "id"),
        (b'{"id":1,"op":null}', "op"),
        (b'{"id":1,"op":"unread","body":{"a":}}', "JSON"),
        (b'{"id":1,"op":"unread","body":' + b"[" * 60_000, "deep|JSON"),
        (b"[1]", "object"),
        (b"", "JSON"),
    ],
)
def test_a_frame_that_is_no_request_is_refused_with_a_reason(payload: bytes, named: str) -> None:
    with pytest.raises(errors.BadRequest, match=named):
        codec.decode_request(payload)


@pytest.mark.parametrize(
    ("payload", "request_id"),
    [
        (b'{"id":7}', 7),
        (b'{"op":null,"body":[[]],"id":7}', 7),
        (b'{"id":7,"op":1}', 7),
        (b'{"id":"7"}', None),
        (b'{"id":-7}', None),
        (b'{"id":9007199254740992}', None),
        (b"[7]", None),
        (b"", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
        (b'{"id":7,"x":' + b"[" * 100_000, None),
    ],
)
def test_a_refused_frame_gets_its_id_back_where_it_can_be_read(payload: bytes, request_id: int | None) -> None:
    assert codec.request_id_of(payload) == request_id


def test_an_answer_is_a_frame_around_what_was_already_encoded() -> None:
    answer = codec.decode_as(Ok, codec.encode_ok(9_007_199_254_740_991, b'{"unread_total":3}'))
    assert (answer.id, bytes(answer.ok)) == (9_007_199_254_740_991, b'{"unread_total":3}')


@pytest.mark.parametrize("error", [*errors.BY_CODE.values(), errors.RateLimited])
def test_an_error_is_the_same_at_both_doors_and_after_the_way_back(error: type[errors.SixinError]) -> None:
    raised = errors.RateLimited(250) if error is errors.RateLimited else error()
    refusal = codec.decode_as(Refusal, codec.encode_refusal(3, raised))
    over_http = json.loads(codec.encode_error(raised))

    assert refusal.id == 3
    assert over_http == {"error": json.loads(codec.encode(refusal.error))}
    assert over_http["error"]["message"] == raised.message
    back = errors.from_code(refusal.error.code, refusal.error.message, refusal.error.retry_after_ms)
    assert (type(back), back.code, back.message) == (type(raised), raised.code, raised.message)
    assert getattr(back, "retry_after_ms", None) == (250 if error is errors.RateLimited else None)


def test_an_error_says_its_docstring_or_what_it_was_given() -> None:
    assert errors.TooLate().message == "The time in which this could be done has passed."
    assert errors.TooLate("Two minutes are over.").message == "Two minutes are over."
    assert json.loads(codec.encode_refusal(None, errors.TooLate()))["id"] is None


def test_a_code_from_a_newer_server_is_an_internal_error() -> None:
    assert type(errors.from_code("quota", "Too much.")) is errors.Internal
    assert isinstance(errors.from_code("rate_limited", "Slowly."), errors.RateLimited)


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_or_read_and_never_raise_anything_else(payload: bytes) -> None:
    try:
        request = codec.decode_request(payload)
    except errors.BadRequest:
        codec.request_id_of(payload)
    else:
        assert codec.request_id_of(payload) == request.id
    for operation in BODIES:
        try:
            codec.decode_body(operation, payload)
        except errors.BadRequest as refusal:
            assert refusal.message.endswith(".")  # noqa: PT017 - both ends are right


def test_a_body_may_be_given_raw() -> None:
    assert codec.decode_body("read", Raw(b'{"msg_id":"5"}')).msg_id == "5"
    assert isinstance(codec.decode_request(b'{"id":1,"op":"x"}'), Request)
