"""Bad values for every field of every operation, as JSON text, with the error each one gets."""

from collections.abc import Iterator
from typing import NamedTuple

from sixin.core.limits import SAFE_INTEGER_MAX
from sixin.core.wire.bodies import OPERATIONS

NEVER_STRINGS = ["null", "true", "5", "1.5", "[]", "{}"]
ID = [
    *NEVER_STRINGS,
    '""',
    '"0"',
    '"-1"',
    '"+1"',
    '"01"',
    '"1.0"',
    '"1e3"',
    '" 1"',
    '"1 "',
    '"1\\n"',
    '"one"',
    '"１"',  # a digit, and not an ASCII one
    '"9223372036854775808"',
    '"99999999999999999999"',
    f'"{"9" * 100_000}"',
    '"\\ud800"',
    '"1\\u0000"',
]
SESSION_ID = [
    *ID,
    '"1002:1001"',
    '"1001"',
    '"1001:"',
    '":1002"',
    '"1001:1002:1003"',
    '"01001:1002"',
    '"1001:1002 "',
    '"1001:1002\\n"',
    '"1001:-1002"',
    '"1001:9223372036854775808"',
    '"g"',
    '"g0"',
    '"G5"',
    '"g9223372036854775808"',
]
NUMBER = [
    *("null", "true", '"1"', "[]", "{}", "1.5", "1.0", "1e2", "-1", "NaN", "Infinity", "01", "+1", "0x1"),
    str(SAFE_INTEGER_MAX + 1),
    str(2**63),
    str(2**64),
    "9" * 5_000,
    "1e999",
]
BOOLEAN = ["null", "0", "1", '"true"', '""', "[]", "{}", "True"]
LABEL = [*NEVER_STRINGS, '""', f'"{"长" * 33}"', '"\\ud800"', '"\\udc00\\ud800"', '"a\\u0000"', '"a\\n"', '"\\u007f"']
DEEP = "[" * 20_000 + "]" * 20_000

FIELDS: dict[str, list[str]] = {
    "to": ID,
    "session_id": SESSION_ID,
    "msg_id": ID,
    "up_to_msg_id": ID,
    "seq_id": [*NUMBER, "0"],
    "after_version": NUMBER,
    "before_sort_key": NUMBER,
    "born_up_to": NUMBER,
    "limit": [*NUMBER, "0", "1001"],
    "pinned": BOOLEAN,
    "muted": BOOLEAN,
    "scope": [*NEVER_STRINGS, '""', '"ME"', '"everybody"', '"\\ud800"'],
    "msg_ids": [
        *("null", "true", "5", '"1"', "{}", "[]", "[[]]", DEEP),
        *(f"[{bad}]" for bad in ID),
        "[" + ",".join(f'"{n}"' for n in range(1, 102)) + "]",
    ],
    "labels": [
        *("null", "true", "5", '"friends"', "{}", "[[]]", DEEP),
        *(f"[{bad}]" for bad in LABEL),
        "[" + ",".join(f'"{n}"' for n in range(21)) + "]",
    ],
    "content": [
        *("null", "true", "5", "1.5", '"text"', "[]", "{}"),
        *(f'{{"type":{bad},"text":"a"}}' for bad in ("null", "5", '""', '"Text"', '"nothing"', "[]", '"\\ud800"')),
        *(f'{{"type":"text","text":{bad}}}' for bad in ("null", "5", '""', "[]", '"\\ud800"', '"\\udc00"')),
        '{"type":"text"}',
        '{"text":"a"}',
        '{"type":"text","text":"a","more":"\\ud800"}',
        '{"type":"text","text":"a","\\udc00":1}',
        '{"type":"text","text":"a","more":1e999}',
        '{"type":"tips","text":""}',
        *(f'{{"type":"{kind}"}}' for kind in ("image", "audio", "video", "file", "location", "card", "custom", "tips")),
        '{"type":"image","url":""}',
        f'{{"type":"image","url":"{"u" * 1_025}"}}',
        '{"type":"image","url":"u","width":0}',
        '{"type":"audio","url":"u","duration_ms":-1}',
        '{"type":"file","url":"u","name":""}',
        f'{{"type":"file","url":"u","name":"{"n" * 256}"}}',
        '{"type":"location","latitude":91,"longitude":0}',
        '{"type":"location","latitude":0,"longitude":"0"}',
        *(f'{{"type":"card","uid":{bad}}}' for bad in ('"0"', '"01"', '"1\\n"', '"9223372036854775808"', "5")),
        f'{{"type":"custom","kind":"{"k" * 65}"}}',
        f'{{"type":"custom","kind":"a","data":{DEEP}}}',
        f'{{"type":"text","text":"a","more":{DEEP}}}',
    ],
}
"""What gets `bad_request`, by field."""

TOO_LARGE: dict[str, list[str]] = {
    "content": [
        f'{{"type":"text","text":"{"a" * 16_384}"}}',
        f'{{"type":"text","text":"{"字" * 6_000}"}}',
        '{"type":"custom","kind":"a","data":' + "[" * 32 + "]" * 32 + "}",
    ],
}
"""What gets `too_large`."""

VALID = {
    "to": '"1002"',
    "session_id": '"1001:1002"',
    "seq_id": "77",
    "content": '{"type":"text","text":"hello"}',
    "scope": '"me"',
    "pinned": "true",
    "muted": "true",
    "labels": '["friends"]',
    "after_version": "0",
}
"""Good values; those of `msg_id`, `msg_ids` come from the scene."""

SHAPES = [
    *("", " ", "null", "true", "5", '"body"', "[]", "[{}]", "{", "{}}", '{"a":1,}', "{'a':1}", "{a:1}", "\ufeff{}"),
    '{"a":NaN}',
    '{"a":"\\ud800"',
    DEEP,
]
"""Bodies that are no object at all."""


class Case(NamedTuple):
    """A body, and the code it is refused with."""

    field: str
    body: str
    code: str


def cases(op: str, good: dict[str, str]) -> Iterator[Case]:
    """A bad body for every field of an operation, the other fields being good; and without each it needs."""
    fields = OPERATIONS[op].body.__struct_fields__
    for field in fields:
        needed = {name: good[name] for name in _needed(op, field) if name != field}
        for code, found in (("bad_request", FIELDS[field]), ("too_large", TOO_LARGE.get(field, []))):
            for bad in found:
                yield Case(field, _body({**needed, field: bad}), code)
        if field in _needed(op, ""):
            yield Case(f"{field} missing", _body(needed), "bad_request")
    if "to" in fields:
        both = {**{name: good[name] for name in _needed(op, "")}, "to": '"1002"', "session_id": '"1001:1002"'}
        yield Case("both", _body(both), "bad_request")


def _needed(op: str, field: str) -> list[str]:
    """The fields a good body has: those the type requires, and one that names the session."""
    kind = OPERATIONS[op].body
    optional = {"to", "session_id", "up_to_msg_id", "limit", "before_sort_key", "born_up_to"}
    required = [name for name in kind.__struct_fields__ if name not in optional]
    names_session = "session_id" in kind.__struct_fields__ and field not in ("to", "session_id")
    return [*required, "session_id"] if names_session else required


def _body(fields: dict[str, str]) -> str:
    return "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"
