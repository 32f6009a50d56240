"""JSON in and out, validated against the frame types. `decode` gives a frame or refuses; nobody above checks again."""

from typing import Any, TypeVar, cast

import msgspec
from msgspec import Raw, Struct

from sixin.core import errors
from sixin.core.wire import frames
from sixin.core.wire.bodies import OPERATIONS, ContactView, ErrorView, HelloBody, MessageView
from sixin.core.wire.frames import Request

SUBPROTOCOL = "sixin.v1.json"

T = TypeVar("T")

encode = msgspec.json.Encoder().encode


class _RequestIdAlone(Struct):
    id: frames.RequestId


_request = msgspec.json.Decoder(Request)
_request_id = msgspec.json.Decoder(_RequestIdAlone)
_bodies: dict[str, msgspec.json.Decoder[Any]] = {
    name: msgspec.json.Decoder(operation.body) for name, operation in OPERATIONS.items()
} | {"hello": msgspec.json.Decoder(HelloBody)}
_message = msgspec.json.Decoder(MessageView)
_contact = msgspec.json.Decoder(ContactView)

_decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {}
"""Made on first use; as many as there are types."""


def decode_request(payload: bytes) -> Request:
    """A request from a frame. Raises `BadRequest`."""
    return _decoded(_request, payload)


def request_id_of(payload: bytes) -> int | None:
    """The id of a frame that is no valid request, if at least that can be read: its refusal carries it back."""
    try:
        return int(_request_id.decode(payload).id)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def decode_body(op: str, body: bytes | Raw) -> Any:
    """The body of an operation, as its type in `OPERATIONS` (or `HelloBody`). Raises `BadRequest`."""
    decoder = _bodies.get(op)
    if decoder is None:
        raise errors.BadRequest(f"There is no operation {op[:32]!r}.")
    return _decoded(decoder, body)


def decode_as(kind: type[T], payload: bytes | Raw) -> T:
    """Anything else, as its type. Raises `BadRequest`."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    return cast("T", _decoded(decoder, payload))


def _decoded(decoder: msgspec.json.Decoder[T], payload: bytes | Raw) -> T:
    try:
        return decoder.decode(payload)
    except msgspec.ValidationError as error:
        raise errors.BadRequest(f"{error}.") from None
    except RecursionError:
        raise errors.BadRequest("The JSON is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.BadRequest(f"This is not JSON: {error}.") from None


def encode_request(request_id: int, op: str, body: Struct | Raw) -> bytes:
    """A request frame."""
    return encode(Request(request_id, op, Raw(encode(body))))


def encode_ok(request_id: int, answer: bytes) -> bytes:
    """An answer frame around an encoded answer."""
    return b'{"id":%d,"ok":%b}' % (request_id, answer)


def encode_refusal(request_id: int | None, error: errors.SixinError) -> bytes:
    """A refusal frame."""
    return encode(frames.Refusal(request_id, error_view(error)))


def encode_error(error: errors.SixinError) -> bytes:
    """The same error as an HTTP body."""
    return encode({"error": error_view(error)})


def error_view(error: errors.SixinError) -> ErrorView:
    """An error as it stands on the wire."""
    retry_after_ms = error.retry_after_ms if isinstance(error, errors.RateLimited) else None
    return ErrorView(error.code, error.message, retry_after_ms)  # type: ignore[arg-type]
