"""AsyncAPI 3.0 of the WebSocket door."""

from typing import Any, Final, get_args

from sixin.core.wire.bodies import OPERATIONS, HelloAnswer, HelloBody, Operation
from sixin.core.wire.codec import SUBPROTOCOL
from sixin.core.wire.frames import Notice
from sixin.server.gateway.handshake import WEBSOCKET_PATH
from sixin.server.gateway.reference.examples import TOKEN, Step, Transcript
from sixin.server.gateway.reference.openapi import description_of
from sixin.server.gateway.reference.schemas import Json, ref, schemas
from sixin.version import __version__

HELLO: Final = Operation("hello", HelloBody, HelloAnswer)

REQUEST_ID: Final = {
    "type": "integer",
    "minimum": 0,
    "maximum": 2**53 - 1,
    "description": "The asker's own number; the answer carries it back.",
}


def asyncapi(transcript: Transcript) -> Json:
    """The whole document."""
    operations = [HELLO, *OPERATIONS.values()]
    messages = {"refused": _refused(transcript)}
    for operation in operations:
        steps = [transcript.hello] if operation is HELLO else transcript.of(operation.name)
        messages[operation.name] = _request(operation, steps)
        messages[f"{operation.name}.ok"] = _answer(operation, steps)
    for notice in get_args(Notice):
        messages[_name_of(notice)] = _notice(notice, transcript)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sixin 私信",
            "version": __version__,
            "description": (
                f"One WebSocket (RFC 6455) with the subprotocol `{SUBPROTOCOL}`: every frame is one JSON text. The "
                "first is a `hello` within 5 s, with the token unless the `Authorization` header carried it; never in "
                "the URL. Answers carry their request's `id`, notices none. A notice is a hint: with your version + 1 "
                "apply what it carries, with any other pull. The same operations over HTTP: `/v1/openapi.json`."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"node": {"host": "127.0.0.1:8080", "protocol": "ws", "description": "Any node; `wss` behind TLS."}},
        "channels": {
            "socket": {
                "address": WEBSOCKET_PATH,
                "description": "One connection of one device.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": {
            **{operation.name: _asked(operation) for operation in operations},
            **{_name_of(notice): _told(notice) for notice in get_args(Notice)},
        },
        "components": {
            "messages": messages,
            "schemas": _in_asyncapi(schemas()),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "In the `Authorization` header of the upgrade, or as `token` in the hello.",
                }
            },
        },
    }


def _in_asyncapi(found: Any) -> Any:
    """AsyncAPI's `discriminator` is the name alone; the values are the ones the schemas themselves ask for."""
    if isinstance(found, dict):
        return {
            key: part["propertyName"] if key == "discriminator" else _in_asyncapi(part) for key, part in found.items()
        }
    return [_in_asyncapi(part) for part in found] if isinstance(found, list) else found


def _asked(operation: Operation) -> Json:
    return {
        "action": "receive",
        "channel": {"$ref": "#/channels/socket"},
        "summary": operation.summary,
        "description": description_of(operation),
        "messages": [_of_channel(operation.name)],
        "reply": {
            "channel": {"$ref": "#/channels/socket"},
            "messages": [_of_channel(f"{operation.name}.ok"), _of_channel("refused")],
        },
    }


def _told(notice: type) -> Json:
    return {
        "action": "send",
        "channel": {"$ref": "#/channels/socket"},
        "summary": str(notice.__doc__),
        "messages": [_of_channel(_name_of(notice))],
    }


def _of_channel(name: str) -> Json:
    return {"$ref": f"#/channels/socket/messages/{name}"}


def _name_of(notice: type) -> str:
    return f"notice.{notice.__struct_config__.tag}"  # type: ignore[attr-defined]


def _request(operation: Operation, steps: list[Step]) -> Json:
    required = ["id", "op"] if operation.name in ("hello", "unread") else ["id", "op", "body"]
    return {
        "name": operation.name,
        "title": operation.summary,
        "payload": {
            "type": "object",
            "properties": {"id": REQUEST_ID, "op": {"const": operation.name}, "body": ref(operation.body)},
            "required": required,
        },
        "examples": [
            {"name": step.title, "payload": {"id": at, "op": operation.name, "body": _shown(step.body)}}
            for at, step in enumerate(steps, 1)
        ],
    }


def _shown(body: Json) -> Json:
    return {**body, "token": TOKEN} if "token" in body else body


def _answer(operation: Operation, steps: list[Step]) -> Json:
    return {
        "name": f"{operation.name}.ok",
        "title": str(operation.answer.__doc__),
        "payload": {
            "type": "object",
            "properties": {"id": REQUEST_ID, "ok": ref(operation.answer)},
            "required": ["id", "ok"],
        },
        "examples": [{"name": step.title, "payload": {"id": at, "ok": step.ok}} for at, step in enumerate(steps, 1)],
    }


def _refused(transcript: Transcript) -> Json:
    return {
        "name": "refused",
        "title": "It was refused and has changed nothing.",
        "payload": {
            "type": "object",
            "properties": {
                "id": {
                    "oneOf": [REQUEST_ID, {"type": "null"}],
                    "description": "null where the request's could not be read",
                },
                "error": ref("ErrorView"),
            },
            "required": ["id", "error"],
        },
        "examples": [
            {"name": code, "payload": {"id": 9, "error": error}} for code, error in transcript.refusals().items()
        ],
    }


def _notice(notice: type, transcript: Transcript) -> Json:
    name = _name_of(notice)
    return {
        "name": name,
        "title": str(notice.__doc__),
        "payload": ref(notice),
        "examples": [{"name": name, "payload": transcript.notices[name.removeprefix("notice.")]}],
    }
