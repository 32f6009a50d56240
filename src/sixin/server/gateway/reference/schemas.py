"""JSON Schemas (Draft 2020-12) of everything on the wire, from the types themselves."""

from collections.abc import Iterator
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct

from sixin.core.content import Content
from sixin.core.limits import CONTENT_BYTES_MAX, CONTENT_DEPTH_MAX, INT64_MAX
from sixin.core.wire.bodies import (
    OPERATIONS,
    ErrorView,
    HelloAnswer,
    HelloBody,
    InspectSessionAnswer,
    InspectUserAnswer,
    RevokeAnswer,
    RevokeBody,
    SendBody,
    SessionBody,
    UserBody,
)
from sixin.core.wire.frames import Notice

Json = dict[str, Any]

REF: Final = "#/components/schemas/{name}"

_ID_IN_TYPES: Final = "[1-9][0-9]{0,18}"
"""How the types write an id; that it fits 64 bits, the server then sees by its number."""


def ref(kind: type[Struct] | str) -> Json:
    """A reference to a type's schema."""
    return {"$ref": REF.format(name=kind if isinstance(kind, str) else kind.__name__)}


def schemas() -> Json:
    """Every schema by name, in the order of the alphabet."""
    types: list[Any] = [kind for operation in OPERATIONS.values() for kind in (operation.body, operation.answer)]
    types += [
        HelloBody,
        HelloAnswer,
        UserBody,
        RevokeBody,
        RevokeAnswer,
        InspectSessionAnswer,
        InspectUserAnswer,
        ErrorView,
        Notice,
        Content,
    ]
    found: Json = msgspec.json.schema_components(types, ref_template=REF)[1]

    found["Content"] = _content()
    found["Error"] = {
        "title": "Error",
        "description": "What every refusal carries.",
        "type": "object",
        "properties": {"error": ref(ErrorView)},
        "required": ["error"],
    }
    _put_what_is_raw(found)
    for kind in _bodies_naming_a_session():
        # One of the two, which a type cannot say.
        found[kind.__name__]["oneOf"] = [{"required": ["to"]}, {"required": ["session_id"]}]
    for schema in _every_part(found):
        if "pattern" in schema:
            schema["pattern"] = schema["pattern"].replace(_ID_IN_TYPES, _int64_pattern())
    return dict(sorted(found.items()))


def _content() -> Json:
    kinds = get_args(Content)
    return {
        "title": "Content",
        "description": (
            f"What a message says. Unknown fields are kept, unknown types refused; at most {CONTENT_BYTES_MAX} bytes "
            f"in canonical JSON and {CONTENT_DEPTH_MAX} levels."
        ),
        "oneOf": [ref(kind) for kind in kinds],
        "discriminator": {
            "propertyName": "type",
            "mapping": {str(kind.__struct_config__.tag): ref(kind)["$ref"] for kind in kinds},
        },
    }


def _put_what_is_raw(found: Json) -> None:
    """Fields that pass through undecoded (`Raw`) have no schema of their own."""
    found["SendBody"]["properties"]["content"] = ref("Content")
    content = found["MessageView"]["properties"]["content"]
    content["oneOf"] = [ref("Content"), {"type": "null"}]
    found["MessageNotice"]["properties"]["message"] = ref("MessageView")
    found["ContactNotice"]["properties"]["contact"] = ref("ContactView")


def _bodies_naming_a_session() -> Iterator[type[Struct]]:
    for kind in {operation.body for operation in OPERATIONS.values()}:
        if issubclass(kind, SessionBody | SendBody):
            yield kind


def _every_part(schema: Any) -> Iterator[Json]:
    if isinstance(schema, dict):
        yield schema
        for part in schema.values():
            yield from _every_part(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _every_part(part)


def _int64_pattern() -> str:
    """1 to 2^63-1 in canonical decimal, exactly: shorter ones, or those that first differ downwards at a digit."""
    largest = str(INT64_MAX)
    ways = [f"[1-9][0-9]{{0,{len(largest) - 2}}}"]
    for place, digit in enumerate(largest):
        lowest = 1 if place == 0 else 0
        rest = len(largest) - place - 1
        if int(digit) > lowest:
            ways.append(f"{largest[:place]}[{lowest}-{int(digit) - 1}]" + (f"[0-9]{{{rest}}}" if rest else ""))
    return "(?:" + "|".join([*ways, largest]) + ")"
