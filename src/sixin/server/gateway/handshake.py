"""The opening handshake of RFC 6455 section 4.2 without I/O: the head of a request in, a request or a refusal out."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec

WEBSOCKET_PATH: Final = "/v1/ws"
VERSION: Final = "13"
ACCEPT_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

HEADER_LINE: Final = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
"""A field name and its value, RFC 9112 section 5. No folding, no space before the colon."""

SINGLE_HEADERS: Final = frozenset({"host", "authorization", "origin", "sec-websocket-key", "sec-websocket-version"})
"""Two of one of these are an attack or an accident: never a list."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UpgradeRequest:
    """A client asks for a WebSocket connection, and asks correctly."""

    target: str
    """Path and query as sent."""
    headers: Mapping[str, str]
    """By lower-case name; several lines of one name are joined with a comma."""
    remote: str
    """The peer's address as the kernel sees it; behind a proxy, the proxy's."""
    subprotocol: str
    """Of those we speak, the first the client offered; ours by default if it offered none."""
    subprotocol_offered: bool

    @property
    def authorization(self) -> str | None:
        return self.headers.get("authorization")

    @property
    def origin(self) -> str | None:
        return self.headers.get("origin")


@dataclass(frozen=True, slots=True)
class Refused:
    """The request gets an HTTP answer and its connection ends. `body` is JSON."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def refusal(status: HTTPStatus, code: str, message: str, *headers: tuple[str, str]) -> Refused:
    """A refusal with the error object both doors speak."""
    return Refused(status, msgspec.json.encode({"error": {"code": code, "message": message}}), headers)


def asks_for_websocket(head: bytes) -> bool:
    """Whether this head is ours: `GET /v1/ws` with an Upgrade header. Everything else is plain HTTP."""
    path = WEBSOCKET_PATH.encode()
    if not head.startswith((b"GET " + path + b" ", b"GET " + path + b"?")):
        return False
    return b"\r\nupgrade:" in head.lower()


def read_upgrade(head: bytes, remote: str, subprotocols: Sequence[str]) -> UpgradeRequest | Refused:
    """Judge the head of a request (without its last empty line) that `asks_for_websocket`."""
    request_line, *lines = head.decode("latin-1").split("\r\n")
    words = request_line.split(" ")
    if len(words) != 3 or words[2] != "HTTP/1.1":
        return refusal(HTTPStatus.BAD_REQUEST, "bad_request", "a WebSocket starts with an HTTP/1.1 request")
    headers = _headers(lines)
    if headers is None:
        return refusal(HTTPStatus.BAD_REQUEST, "bad_request", "a header is malformed or stands there twice")

    fault = _upgrade_fault(headers)
    if fault is not None:
        return fault
    offered = _tokens(headers.get("sec-websocket-protocol", ""))
    spoken = [name for name in offered if name in subprotocols]
    if offered and not spoken:
        return refusal(HTTPStatus.BAD_REQUEST, "bad_request", f"spoken here: {', '.join(subprotocols)}")
    return UpgradeRequest(
        target=words[1],
        headers=headers,
        remote=remote,
        subprotocol=spoken[0] if spoken else subprotocols[0],
        subprotocol_offered=bool(spoken),
    )


def _headers(lines: Sequence[str]) -> dict[str, str] | None:
    headers: dict[str, str] = {}
    for line in lines:
        matched = HEADER_LINE.fullmatch(line)
        if matched is None:
            return None
        name, value = matched[1].lower(), matched[2].rstrip(" \t")
        if name in headers:
            if name in SINGLE_HEADERS:
                return None
            value = f"{headers[name]}, {value}"
        headers[name] = value
    return headers


def _upgrade_fault(headers: Mapping[str, str]) -> Refused | None:
    if headers.get("sec-websocket-version", VERSION) != VERSION:
        # RFC 6455 section 4.4: the answer names the version we speak, so that the client can come again.
        return refusal(
            HTTPStatus.UPGRADE_REQUIRED,
            "bad_request",
            "only WebSocket version 13 is spoken here",
            ("Sec-WebSocket-Version", VERSION),
            ("Upgrade", "websocket"),
        )
    rules = (
        ("host" in headers, "the Host header is missing"),
        ("websocket" in _lower_tokens(headers["upgrade"]), "the only upgrade here is websocket"),
        ("upgrade" in _lower_tokens(headers.get("connection", "")), "the Connection header must name upgrade"),
        ("sec-websocket-version" in headers, "the Sec-WebSocket-Version header is missing"),
        (_is_key(headers.get("sec-websocket-key", "")), "Sec-WebSocket-Key must be 16 bytes in base64"),
        (headers.get("content-length", "0") == "0", "an upgrade has no body"),
        ("transfer-encoding" not in headers, "an upgrade has no body"),
    )
    for holds, message in rules:
        if not holds:
            return refusal(HTTPStatus.BAD_REQUEST, "bad_request", message)
    return None


def _tokens(value: str) -> list[str]:
    return [token for part in value.split(",") if (token := part.strip())]


def _lower_tokens(value: str) -> list[str]:
    return _tokens(value.lower())


def _is_key(value: str) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def accept_value(key: str) -> str:
    """What proves to the client that its handshake was understood (RFC 6455 section 1.3)."""
    return base64.b64encode(hashlib.sha1(key.encode() + ACCEPT_GUID, usedforsecurity=False).digest()).decode()


def accepting_answer(request: UpgradeRequest) -> bytes:
    """The 101. Names a subprotocol only to a client that offered one; offers no extension, so nothing is compressed."""
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_value(request.headers['sec-websocket-key'])}",
    ]
    if request.subprotocol_offered:
        lines.append(f"Sec-WebSocket-Protocol: {request.subprotocol}")
    return "\r\n".join((*lines, "", "")).encode()


def refusing_answer(refused: Refused) -> bytes:
    """The refusal as HTTP; the connection closes behind it."""
    lines = [
        f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(refused.body)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in refused.headers),
    ]
    return "\r\n".join((*lines, "", "")).encode() + refused.body
