"""A content has one canonical form: whatever its spelling, it is recognised, bounded and given back whole."""

import contextlib
import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixin.core import errors
from sixin.core.content import Canonical, canonical
from sixin.core.limits import CONTENT_BYTES_MAX, CONTENT_DEPTH_MAX, FRAME_BYTES_MAX

URL = "https://example.org/a"

VALID: list[dict[str, Any]] = [
    {"type": "text", "text": "你好"},
    {"type": "text", "text": " "},
    {"type": "text", "text": "a\x00b"},
    {"type": "image", "url": URL},
    {"type": "image", "url": URL, "width": 1, "height": 100_000, "size_bytes": 0, "thumbnail_url": URL},
    {"type": "audio", "url": URL, "duration_ms": 0, "size_bytes": 2**53 - 1},
    {"type": "video", "url": URL, "duration_ms": 1, "width": 2, "height": 3, "size_bytes": 4, "thumbnail_url": URL},
    {"type": "file", "url": URL, "name": "a.pdf", "size_bytes": 1, "media_type": "application/pdf"},
    {"type": "location", "latitude": -90, "longitude": 180.0, "name": "", "address": "x" * 1_024},
    {"type": "card", "uid": "9223372036854775807", "name": "Ann", "avatar": URL},
    {"type": "custom", "kind": "poll", "data": {"a": [1, 2.5, None, True, "x"]}},
    {"type": "custom", "kind": "poll"},
    {"type": "tips", "text": "You are friends now."},
    {"type": "text", "text": "hi", "reply_to": "10000020003", "mentions": ["1", "2"]},
    {"type": "image", "url": URL, "width": None},
    {"type": "image", "url": URL, "reply_to": "9223372036854775807"},
    {"type": "custom", "kind": "vote", "reply_to": "1"},
    {"type": "text", "text": "hi", "reply_to": None},
]

INVALID: list[tuple[dict[str, Any], str]] = [
    ({"type": "poem", "text": "x"}, "poem"),
    ({"text": "x"}, "type"),
    ({"type": None, "text": "x"}, "type"),
    ({"type": 1, "text": "x"}, "type"),
    ({"type": "Text", "text": "x"}, "type"),
    ({"type": "text"}, "text"),
    ({"type": "text", "text": ""}, "text"),
    ({"type": "text", "text": None}, "text"),
    ({"type": "text", "text": 5}, "text"),
    ({"type": "text", "text": ["x"]}, "text"),
    ({"type": "image"}, "url"),
    ({"type": "image", "url": ""}, "url"),
    ({"type": "image", "url": "x" * 1_025}, "url"),
    ({"type": "image", "url": URL, "width": 0}, "width"),
    ({"type": "image", "url": URL, "width": 100_001}, "width"),
    ({"type": "image", "url": URL, "height": 1.5}, "height"),
    ({"type": "image", "url": URL, "size_bytes": -1}, "size_bytes"),
    ({"type": "image", "url": URL, "size_bytes": 2**53}, "size_bytes"),
    ({"type": "audio", "url": URL, "duration_ms": -1}, "duration_ms"),
    ({"type": "audio", "url": URL, "duration_ms": "1"}, "duration_ms"),
    ({"type": "video", "url": URL, "thumbnail_url": ""}, "thumbnail_url"),
    ({"type": "file", "url": URL}, "name"),
    ({"type": "file", "url": URL, "name": ""}, "name"),
    ({"type": "file", "url": URL, "name": "x" * 256}, "name"),
    ({"type": "file", "url": URL, "name": "a", "media_type": "x" * 256}, "media_type"),
    ({"type": "location", "latitude": 91, "longitude": 0}, "latitude"),
    ({"type": "location", "latitude": 0, "longitude": -180.5}, "longitude"),
    ({"type": "location", "latitude": 0}, "longitude"),
    ({"type": "location", "latitude": True, "longitude": 0}, "latitude"),
    ({"type": "location", "latitude": 0, "longitude": 0, "name": "x" * 1_025}, "name"),
    ({"type": "card", "uid": 1}, "uid"),
    ({"type": "card", "uid": "01"}, "uid"),
    ({"type": "card", "uid": "0"}, "uid"),
    ({"type": "card", "uid": "1\n"}, "uid"),
    ({"type": "card", "uid": "١"}, "uid"),
    ({"type": "card", "uid": "9223372036854775808"}, "uid"),
    ({"type": "custom"}, "kind"),
    ({"type": "custom", "kind": ""}, "kind"),
    ({"type": "custom", "kind": "x" * 65}, "kind"),
    ({"type": "tips", "text": ""}, "text"),
    *(
        ({"type": "text", "text": "x", "reply_to": reply_to}, "reply_to")
        for reply_to in (7, "", "0", "07", "-1", "7\n", "1:2", "9223372036854775808", ["7"], True)
    ),
    ({"type": "file", "url": URL, "name": "a", "reply_to": "x"}, "reply_to"),
]

NOT_A_CONTENT = [
    b"",
    b" ",
    b"null",
    b"true",
    b"1",
    b'"text"',
    b"[]",
    b"{}",
    b"{",
    b'{"type":"text","text":"a"',
    b'{"type":"text","text":"a"} x',
    b'{"type":"text","text":"a",}',
    b"{'type':'text','text':'a'}",
    b'{"type":"text","text":"a\nb"}',
    b'\xef\xbb\xbf{"type":"text","text":"a"}',
    b'\xff\xfe{"type":"text"}',
    b'{"type":"custom","kind":"k","data":NaN}',
    b'{"type":"custom","kind":"k","data":Infinity}',
    b'{"type":"custom","kind":"k","data":-Infinity}',
    b'{"type":"custom","kind":"k","data":1e400}',
    b'{"type":"custom","kind":"k","data":01}',
    b'{"type":"custom","kind":"k","data":+1}',
    b'{"type":"custom","kind":"k","data":.5}',
    b'{"type":"custom","kind":"k","data":' + b"9" * 5_000 + b"}",
]

HALF_A_CHARACTER = [
    b'"\\ud800"',
    b'"\\uDC00"',
    b'"\\ud800x"',
    b'"\\ud800\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\xed\xa0\x80"',  # the same, as if it could be UTF-8
    b'"\xed\xb0\x80"',
    b'"\xed\xa0\xbd\xed\xb8\x80"',  # a pair of them
    b'"\xff"',
    b'"\xc0\x80"',  # NUL in too many bytes
    b'"\xf4\x90\x80\x80"',  # past U+10FFFF
    b'"\xe4\xbd"',  # cut off
]


def encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def custom(data: bytes) -> bytes:
    return b'{"type":"custom","kind":"k","data":' + data + b"}"


def nested(levels: int, inside: bytes = b"", *, brackets: tuple[bytes, bytes] = (b"[", b"]")) -> bytes:
    """A custom content with this many objects and lists inside each other, its own included."""
    return custom(brackets[0] * (levels - 1) + inside + brackets[1] * (levels - 1))


def text_of_bytes(canonical_bytes: int) -> bytes:
    empty = len(b'{"text":"","type":"text"}')
    return b'{"type":"text","text":"' + b"a" * (canonical_bytes - empty) + b'"}'


@pytest.mark.parametrize("value", VALID, ids=lambda value: value["type"])
def test_a_content_comes_back_whole_with_what_was_unknown_in_it(value: dict[str, Any]) -> None:
    assert json.loads(canonical(encoded(value)).encoded) == value


@pytest.mark.parametrize(("value", "named"), INVALID)
def test_a_content_that_breaks_its_type_is_refused_by_name(value: dict[str, Any], named: str) -> None:
    with pytest.raises(errors.BadRequest, match=named):
        canonical(encoded(value))


@pytest.mark.parametrize("raw", NOT_A_CONTENT, ids=lambda raw: repr(raw[:40]))
def test_what_is_no_content_is_a_bad_request(raw: bytes) -> None:
    with pytest.raises(errors.BadRequest, match="content"):
        canonical(raw)


@pytest.mark.parametrize("broken", HALF_A_CHARACTER)
def test_half_a_character_is_refused_in_every_spelling_and_place(broken: bytes) -> None:
    for raw in (
        b'{"type":"text","text":' + broken + b"}",
        custom(broken),
        custom(b"[" + broken + b"]"),
        custom(b"{" + broken + b":1}"),
        b'{"type":"text","text":"a",' + broken + b":1}",
        b'{"type":"text","text":"a","unknown":' + broken + b"}",
    ):
        with pytest.raises(errors.BadRequest):
            canonical(raw)


@pytest.mark.parametrize(
    "spelling",
    [
        b'{"type":"text","text":"\xe4\xbd\xa0/\xf0\x9f\x98\x80"}',
        b'{"text":"\xe4\xbd\xa0/\xf0\x9f\x98\x80","type":"text"}',
        b' {\n"type"\t: "text" , "text":\r"\xe4\xbd\xa0/\xf0\x9f\x98\x80" } ',
        b'{"type":"text","text":"\\u4f60\\/\\ud83d\\ude00"}',
        b'{"\\u0074ype":"te\\u0078t","text":"\\u4F60\\u002f\\uD83D\\uDE00"}',
        b'{"type":"text","text":"earlier","text":"\xe4\xbd\xa0/\xf0\x9f\x98\x80"}',
        b'{"type":"text","type":"text","text":"\xe4\xbd\xa0/\xf0\x9f\x98\x80"}',
    ],
)
def test_every_spelling_of_a_content_is_one_content(spelling: bytes) -> None:
    expected = canonical('{"text":"你/😀","type":"text"}'.encode())
    assert canonical(spelling) == expected
    assert canonical(bytearray(spelling)) == canonical(memoryview(spelling)) == expected
    assert canonical(msgspec.Raw(spelling)) == expected


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"text","text":"a","type":"poem"}',
        b'{"type":"poem","type":"text","text":"a"}',
        b'{"type":"text","text":"a","\\u0074ype":"image"}',
        b'{"type":"image","type":"text","text":"a"}',
    ],
)
def test_a_repeated_type_cannot_smuggle_in_another_one(raw: bytes) -> None:
    with pytest.raises(errors.BadRequest):
        canonical(raw)


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (b"1.0", b"1.0"),
        (b"1e2", b"100.0"),
        (b"-0.0", b"-0.0"),
        (b"-0", b"0"),
        (b"0.1", b"0.1"),
        (b"5e-324", b"5e-324"),
        (b"9007199254740993", b"9007199254740993"),
        (b"18446744073709551616", b"18446744073709551616"),
        (b"-170141183460469231731687303715884105729", b"-170141183460469231731687303715884105729"),
        (b'"\\u0000"', b'"\\u0000"'),
        (b'{"b":1,"a":{"d":1,"c":2}}', b'{"a":{"c":2,"d":1},"b":1}'),
        (b'{"":1}', b'{"":1}'),
    ],
)
def test_numbers_and_keys_keep_their_value_in_the_canonical_form(data: bytes, kept: bytes) -> None:
    assert canonical(custom(data)).encoded == b'{"data":' + kept + b',"kind":"k","type":"custom"}'


@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("inside", [b"1", b"{}", b'"x"'])
def test_thirty_two_levels_are_taken_and_one_more_is_refused(inside: bytes, brackets: tuple[bytes, bytes]) -> None:
    own = 1 if inside == b"{}" else 0
    canonical(nested(CONTENT_DEPTH_MAX - own, inside, brackets=brackets))
    for levels in (CONTENT_DEPTH_MAX + 1, 1_000, 20_000):
        with pytest.raises(errors.TooLarge, match="32 levels"):
            canonical(nested(levels - own, inside, brackets=brackets))


def test_depth_is_bounded_in_unknown_fields_too() -> None:
    deep = b"[" * 32 + b"]" * 32
    with pytest.raises(errors.TooLarge, match="32 levels"):
        canonical(b'{"type":"text","text":"a","x":' + deep + b"}")
    canonical(b'{"type":"text","text":"a","x":' + deep[1:-1] + b"}")


def test_a_hundred_thousand_levels_are_refused_and_not_recursed_into() -> None:
    with pytest.raises((errors.TooLarge, errors.BadRequest)):
        canonical(nested(100_000))
    with pytest.raises((errors.TooLarge, errors.BadRequest)):
        canonical(b"[" * (FRAME_BYTES_MAX // 2))


def test_the_size_is_that_of_the_canonical_form() -> None:
    assert len(canonical(text_of_bytes(CONTENT_BYTES_MAX)).encoded) == CONTENT_BYTES_MAX
    with pytest.raises(errors.TooLarge, match="16384 bytes"):
        canonical(text_of_bytes(CONTENT_BYTES_MAX + 1))

    escaped = text_of_bytes(CONTENT_BYTES_MAX).replace(b"a", b"\\u0061")
    assert len(escaped) > CONTENT_BYTES_MAX * 5
    assert canonical(escaped) == canonical(text_of_bytes(CONTENT_BYTES_MAX))

    chinese = (CONTENT_BYTES_MAX - 25) // 3
    assert canonical(encoded({"type": "text", "text": "好" * chinese}))
    with pytest.raises(errors.TooLarge):
        canonical(encoded({"type": "text", "text": "好" * (chinese + 1)}))


def test_a_content_that_no_frame_could_carry_is_refused_before_it_is_parsed() -> None:
    small = b'{"type":"text","text":"a"}'
    assert canonical(small + b" " * (FRAME_BYTES_MAX - len(small)))
    with pytest.raises(errors.TooLarge):
        canonical(small + b" " * (FRAME_BYTES_MAX + 1 - len(small)))

    ten_megabytes = custom(b"[" + b"[]," * 3_000_000 + b"1]")
    began_s = time.process_time()
    for raw in (ten_megabytes, memoryview(ten_megabytes), msgspec.Raw(ten_megabytes)):
        with pytest.raises(errors.TooLarge):
            canonical(raw)
    assert time.process_time() - began_s < 0.1  # parsing it takes seconds


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values)
def test_bringing_a_content_to_its_canonical_form_twice_changes_nothing(data: object) -> None:
    once = canonical(encoded({"type": "custom", "kind": "k", "data": data}))
    assert canonical(once.encoded) == once


@given(json_values)
def test_a_content_is_the_same_with_its_keys_in_another_order_and_everything_escaped(data: object) -> None:
    forwards = {"type": "custom", "kind": "k", "data": data}
    backwards = dict(reversed(forwards.items()))
    spelled = json.dumps(backwards, ensure_ascii=True, indent=3).encode()
    assert canonical(spelled) == canonical(encoded(forwards))


@given(json_values, json_values)
def test_two_contents_share_a_digest_only_if_they_share_their_canonical_form(one: object, other: object) -> None:
    both: list[Canonical] = [canonical(encoded({"type": "custom", "kind": "k", "data": data})) for data in (one, other)]
    assert (both[0].digest == both[1].digest) == (both[0].encoded == both[1].encoded)


@given(st.binary(max_size=200) | json_values.map(encoded))
def test_whatever_comes_is_taken_or_refused_with_a_word(raw: bytes) -> None:
    with contextlib.suppress(errors.BadRequest, errors.TooLarge):
        assert canonical(raw).encoded
