"""The API reference is true: its documents are valid, its examples are what a server says, and it forgets nothing."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from sixin.core import errors
from sixin.core.content import Content
from sixin.core.ids import parse_positive
from sixin.core.wire.bodies import OPERATIONS, ErrorView
from sixin.core.wire.frames import Notice
from sixin.server.app import reference
from sixin.server.gateway.http import STATUS
from sixin.server.gateway.reference.examples import Transcript, load_transcript
from tests.reference.transcript import play
from tests.server.house import House

OPENAPI = json.loads(reference()["openapi"])
ASYNCAPI = json.loads(reference()["asyncapi"])


def valid(value: object, schema: dict[str, Any], document: dict[str, Any] = OPENAPI) -> None:
    """Raises where a value does not have the shape a document promises."""
    Draft202012Validator({"components": document["components"], **schema}).validate(value)


def refs(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from refs(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from refs(inner)


def resolved(document: dict[str, Any], ref: str) -> Any:
    found: Any = document
    for name in ref.removeprefix("#/").split("/"):
        found = found[name.replace("~1", "/").replace("~0", "~")]
    return found


@pytest.fixture(scope="module", params=["http", "socket"])
def played(request: pytest.FixtureRequest) -> Transcript:
    """What a real server said to every documented request, sent through one of the doors."""
    return asyncio.run(play(request.param))


def test_every_documented_request_gets_the_documented_answer_through_both_doors(played: Transcript) -> None:
    assert msgspec.to_builtins(played) == msgspec.to_builtins(load_transcript()), "run `make docs`"


def test_every_answer_has_the_documented_shape(played: Transcript) -> None:
    for step in played.steps:
        operation = OPERATIONS[step.op]
        if step.error is not None:
            valid({"error": step.error}, {"$ref": "#/components/schemas/Error"})
            continue
        valid(step.body, {"$ref": f"#/components/schemas/{operation.body.__name__}"})
        valid(step.ok, {"$ref": f"#/components/schemas/{operation.answer.__name__}"})
    for kind, notice in played.notices.items():
        valid(notice, ASYNCAPI["components"]["messages"][f"notice.{kind}"]["payload"], ASYNCAPI)


def test_every_example_in_the_documents_fits_its_schema() -> None:
    for path, item in OPENAPI["paths"].items():
        for method in item.values():
            sides = [method.get("requestBody", {}), *method["responses"].values()]
            for media in (side["content"].get("application/json", {}) for side in sides if "content" in side):
                for example in media.get("examples", {}).values():
                    valid(example["value"], media["schema"])
                assert media.get("examples") or not path.startswith("/v1/") or path.endswith(".json"), path
    for response in OPENAPI["components"]["responses"].values():
        media = response["content"]["application/json"]
        valid(media["example"], media["schema"])
    for message in ASYNCAPI["components"]["messages"].values():
        assert message["examples"], message["name"]
        for example in message["examples"]:
            valid(example["payload"], message["payload"], ASYNCAPI)


def test_the_openapi_document_is_valid() -> None:
    OpenAPIV31SpecValidator(OPENAPI).validate()


def test_the_asyncapi_document_hangs_together() -> None:
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert {"info", "servers", "channels", "operations", "components"} <= ASYNCAPI.keys()
    for ref in refs(ASYNCAPI):
        assert resolved(ASYNCAPI, ref) is not None
    socket = ASYNCAPI["channels"]["socket"]
    assert socket["address"] == "/v1/ws"
    for operation in ASYNCAPI["operations"].values():
        assert operation["action"] in ("send", "receive")
        replies = operation.get("reply", {}).get("messages", [])
        for message in (*operation["messages"], *replies):
            # An operation may only name messages of its channel (AsyncAPI 3.0, Operation Object).
            assert message["$ref"].removeprefix("#/channels/socket/messages/") in socket["messages"]


def test_both_documents_know_every_operation_notice_error_and_content_type() -> None:
    for name, operation in OPERATIONS.items():
        documented = OPENAPI["paths"][f"/v1/{name}"]["post"]
        assert documented["summary"] == operation.summary
        assert documented["responses"]["200"]["content"]["application/json"]["examples"]
        assert ASYNCAPI["operations"][name]["action"] == "receive"
    assert ASYNCAPI["operations"].keys() == {
        "hello",
        *OPERATIONS,
        *(f"notice.{kind.__struct_config__.tag}" for kind in get_args(Notice)),
    }
    codes = {*errors.BY_CODE, errors.RateLimited.code}
    assert set(STATUS) == codes == set(OPENAPI["components"]["schemas"]["ErrorView"]["properties"]["code"]["enum"])
    assert set(get_args(msgspec.structs.fields(ErrorView)[0].type)) == codes
    assert set(OPENAPI["components"]["schemas"]["Content"]["discriminator"]["mapping"]) == {
        kind.__struct_config__.tag for kind in get_args(Content)
    }
    for document in (OPENAPI, ASYNCAPI):
        for kind in get_args(Content):
            schema = document["components"]["schemas"][kind.__name__]
            assert "reply_to" not in schema["required"]
            assert "answers" in schema["properties"]["reply_to"]["anyOf"][0]["description"]


async def test_every_route_of_the_server_is_documented(house: House) -> None:
    served = {
        (resource.canonical, route.method.lower())
        for resource in house.listener._runner.app.router.resources()
        for route in resource
        if route.method != "HEAD"
    }
    documented = {(path, method) for path, item in OPENAPI["paths"].items() for method in item}
    generic = {("/v1/{operation}", "post"), ("/{path}", "get"), ("/demo.json", "get")}
    assert served - generic == documented - {(f"/v1/{name}", "post") for name in OPERATIONS}


async def test_both_documents_are_served_to_anybody(house: House) -> None:
    for name, document in (("openapi", OPENAPI), ("asyncapi", ASYNCAPI)):
        status, body = await house.get(f"/v1/{name}.json")
        assert (status, json.loads(body)) == (200, document)


@pytest.mark.parametrize(
    "text",
    ["0", "1", "9", "10", "01", "-1", "1.0", "999999999999999999", "1000000000000000000", "9223372036854775807",
     "9223372036854775808", "9223372036854775799", "9223372036854775810", "8999999999999999999", "9223372036854776000",
     "9999999999999999999", "9200000000000000000", "9300000000000000000", "10000000000000000000"],
)  # fmt: skip
def test_the_documented_pattern_of_an_id_is_exactly_what_the_server_takes(text: str) -> None:
    try:
        parse_positive(text, "An id")
        taken = True
    except errors.BadRequest:
        taken = False
    schema = OPENAPI["components"]["schemas"]["UserBody"]["properties"]["uid"]
    assert Draft202012Validator(schema).is_valid(text) is taken
