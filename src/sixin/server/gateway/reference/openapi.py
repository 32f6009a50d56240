"""OpenAPI 3.1 of the HTTP door."""

from collections.abc import Iterable
from typing import Final

from sixin.core import errors
from sixin.core.limits import FRAME_BYTES_MAX
from sixin.core.wire.bodies import (
    OPERATIONS,
    InspectSessionAnswer,
    InspectUserAnswer,
    Operation,
    RevokeAnswer,
    RevokeBody,
    SendBody,
    SessionBody,
    UserBody,
)
from sixin.server.gateway.http import STATUS
from sixin.server.gateway.reference.examples import Transcript
from sixin.server.gateway.reference.schemas import Json, ref, schemas
from sixin.version import __version__

ALWAYS: Final = (
    "bad_request",
    "unauthenticated",
    "forbidden",
    "too_large",
    "rate_limited",
    "unavailable",
    "internal",
)
"""What can refuse any operation. `forbidden`: also a web page of an origin that is not allowed."""

OF_ONE: Final = {"send": ("conflict",), "recall": ("too_late",)}
"""What can refuse one operation alone."""


def openapi(transcript: Transcript) -> Json:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sixin 私信",
            "version": __version__,
            "summary": "Private messages for your product.",
            "description": (
                "Every operation is a POST with a JSON body, and may as well be a frame of the WebSocket "
                "(`/v1/asyncapi.json`): the bodies, the answers and the errors are the same. Who acts is taken from "
                "the token, never from the body. Ids are strings, counts and times are numbers below 2^53. "
                "Unknown fields are ignored, and kept inside `content`."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The server this was read from."}],
        "security": [{"bearer": []}],
        "tags": [
            {"name": "users", "description": "What a user can do."},
            {"name": "admin", "description": "For the application's own server, with an admin's token."},
            {"name": "operating", "description": "For those who run it."},
        ],
        "paths": {
            **{f"/v1/{name}": {"post": _operation(operation, transcript)} for name, operation in OPERATIONS.items()},
            **_admin_paths(transcript),
            **_operating_paths(),
        },
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "HS256 with the deployment's secret; `sub` is the uid, `exp` and `jti` are needed.",
                }
            },
            "schemas": schemas(),
            "responses": {code: _refusal(code, transcript) for code in STATUS},
        },
    }


def _operation(operation: Operation, transcript: Transcript) -> Json:
    steps = transcript.of(operation.name)
    codes = [*ALWAYS, *OF_ONE.get(operation.name, ())]
    if issubclass(operation.body, SessionBody | SendBody):
        codes.append("not_found")
    return {
        "operationId": operation.name,
        "tags": ["users"],
        "summary": operation.summary,
        "description": description_of(operation),
        "requestBody": {
            "required": operation.name != "unread",
            "description": f"At most {FRAME_BYTES_MAX} bytes, not packed.",
            "content": _json(operation.body, {step.title: step.body for step in steps}),
        },
        "responses": {
            "200": {
                "description": str(operation.answer.__doc__),
                "content": _json(operation.answer, {step.title: step.ok for step in steps}),
            },
            **_refusals(codes),
        },
    }


def description_of(operation: Operation) -> str:
    """What the body and the answer say of themselves."""
    return f"{operation.body.__doc__}\n\nAnswers: {operation.answer.__doc__}"


def _json(kind: type, examples: dict[str, Json | None]) -> Json:
    return {
        "application/json": {
            "schema": ref(kind),
            "examples": {title: {"summary": title, "value": value} for title, value in examples.items()},
        }
    }


def _refusals(codes: Iterable[str]) -> Json:
    """Responses by status; two codes of one status have one description between them."""
    by_status: dict[str, list[str]] = {}
    for code in codes:
        by_status.setdefault(str(STATUS[code]), []).append(code)
    return {status: {"$ref": f"#/components/responses/{found[0]}"} for status, found in sorted(by_status.items())}


def _refusal(code: str, transcript: Transcript) -> Json:
    kind = errors.RateLimited if code == "rate_limited" else errors.BY_CODE[code]
    error = transcript.refusals().get(code) or {"code": code, "message": str(kind.__doc__)}
    if code == "rate_limited":
        error = {**error, "message": errors.RateLimited(250).message, "retry_after_ms": 250}
    response: Json = {
        "description": str(kind.__doc__),
        "content": {"application/json": {"schema": ref("Error"), "example": {"error": error}}},
    }
    if code == "rate_limited":
        response["headers"] = {
            "Retry-After": {"description": "The same in whole seconds.", "schema": {"type": "integer", "minimum": 1}}
        }
    if code == "unauthenticated":
        response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string", "const": "Bearer"}}}
    return response


def _admin_paths(transcript: Transcript) -> Json:
    asked = transcript.admin
    codes = ("bad_request", "unauthenticated", "forbidden", "unavailable", "internal")
    return {
        "/v1/admin/users": {
            "post": {
                "operationId": "put_user",
                "tags": ["admin"],
                "summary": "Register a user, or change what is known about one.",
                "requestBody": {"required": True, "content": _json(UserBody, {"a person": asked["users"]["body"]})},
                "responses": {
                    "200": {
                        "description": "The user as registered.",
                        "content": _json(UserBody, {"a person": asked["users"]["ok"]}),
                    },
                    **_refusals((*codes, "too_large")),
                },
            }
        },
        "/v1/admin/revoke": {
            "post": {
                "operationId": "revoke",
                "tags": ["admin"],
                "summary": "Believe no token of a user issued up to now, and end the connections that stand on one.",
                "requestBody": {"required": True, "content": _json(RevokeBody, {"a person": asked["revoke"]["body"]})},
                "responses": {
                    "200": {
                        "description": "From when on tokens of the user are believed again.",
                        "content": _json(RevokeAnswer, {"a person": asked["revoke"]["ok"]}),
                    },
                    **_refusals((*codes, "too_large")),
                },
            }
        },
        "/v1/admin/inspect/session/{session_id}": _inspection(
            "inspect_session", InspectSessionAnswer, "session_id", "MessageView", asked["inspect_session"], codes
        ),
        "/v1/admin/inspect/user/{uid}": _inspection(
            "inspect_user", InspectUserAnswer, "uid", "UserView", asked["inspect_user"], codes
        ),
    }


def _inspection(name: str, answer: type, parameter: str, owner: str, asked: Json, codes: Iterable[str]) -> Json:
    return {
        "get": {
            "operationId": name,
            "tags": ["admin"],
            "summary": str(answer.__doc__),
            "parameters": [
                {
                    "name": parameter,
                    "in": "path",
                    "required": True,
                    "schema": {"$ref": f"#/components/schemas/{owner}/properties/{parameter}"},
                    "example": asked["body"][parameter],
                }
            ],
            "responses": {
                "200": {"description": str(answer.__doc__), "content": _json(answer, {"as it was": asked["ok"]})},
                **_refusals(codes),
            },
        }
    }


def _operating_paths() -> Json:
    return {
        "/healthz": {"get": _operating("healthz", "The process answers.", {"status": {"const": "ok"}})},
        "/readyz": {
            "get": _operating(
                "readyz",
                "The node can serve.",
                {"status": {"const": "ready"}},
                {
                    "503": {
                        "description": "It cannot: why not.",
                        "content": _plain(
                            {"status": {"const": "not ready"}, "reason": {"enum": ["starting", "draining", "stopping"]}}
                        ),
                    }
                },
            )
        },
        "/metrics": {
            "get": {
                "operationId": "metrics",
                "tags": ["operating"],
                "summary": "What the node counts, for Prometheus.",
                "security": [],
                "responses": {
                    "200": {
                        "description": "Text format 0.0.4.",
                        "content": {"text/plain": {"schema": {"type": "string"}}},
                    }
                },
            }
        },
        "/v1/openapi.json": {"get": _document("openapi", "This document.")},
        "/v1/asyncapi.json": {"get": _document("asyncapi", "The same for the WebSocket at `/v1/ws`.")},
    }


def _operating(name: str, summary: str, properties: Json, more: Json | None = None) -> Json:
    return {
        "operationId": name,
        "tags": ["operating"],
        "summary": summary,
        "security": [],
        "responses": {"200": {"description": summary, "content": _plain(properties)}, **(more or {})},
    }


def _plain(properties: Json) -> Json:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"application/json": {"schema": schema}}


def _document(name: str, summary: str) -> Json:
    return {
        "operationId": name,
        "tags": ["operating"],
        "summary": summary,
        "security": [],
        "responses": {"200": {"description": summary, "content": {"application/json": {"schema": {"type": "object"}}}}},
    }
