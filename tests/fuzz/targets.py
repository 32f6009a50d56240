"""What reads strangers' bytes first, each with the law that holds for whatever they send."""

import base64
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import jwt
import msgspec
from hypothesis import strategies as st

from sixin.core import errors
from sixin.core.content import canonical
from sixin.core.limits import CONTENT_BYTES_MAX
from sixin.core.wire.bodies import OPERATIONS
from sixin.core.wire.codec import decode_body, encode
from sixin.core.wire.connection import Connection, HelloReceived, Refused, State
from sixin.core.wire.frames import Request
from sixin.server.auth import Tokens
from sixin.server.gateway import framing
from tests.fuzz import door, inputs

MESSAGE_BYTES_MAX = 300
OP = sorted(OPERATIONS)


def conversation(payloads: list[bytes]) -> None:
    """No frame raises, every refusal says why, and nothing is asked before the welcome."""
    connection = Connection()
    welcomed = False
    for payload in payloads:
        event = connection.receive(payload)
        if isinstance(event, Refused):
            refusal = json.loads(event.frame)
            assert refusal["error"]["message"]
            assert refusal["error"]["code"] == event.code
        elif isinstance(event, HelloReceived):
            assert not welcomed
            assert connection.state is State.GREETING
            welcomed = connection.welcome()
        else:
            assert isinstance(event, Request)
            assert welcomed
            assert event.op != "hello"


def stream(data: bytes, cuts: list[int]) -> None:
    """However TCP cuts the bytes of a client, the same messages are read, none too long, and nothing after the end."""
    whole = framing.FrameReader(MESSAGE_BYTES_MAX).feed(data)
    reader, pieces, at = framing.FrameReader(MESSAGE_BYTES_MAX), list[framing.Event](), 0
    for cut in [*sorted(cuts), len(data)]:
        pieces += reader.feed(data[at:cut])
        at = max(at, cut)
    assert pieces == whole
    for event in whole:
        if isinstance(event, bytes):
            assert len(event) <= MESSAGE_BYTES_MAX
            event.decode()
    last = [nth for nth, event in enumerate(whole) if isinstance(event, framing.Broken | framing.PeerClose)]
    assert last in ([], [len(whole) - 1])


def body(op: str, data: bytes) -> None:
    """A body is its type, or refused; and what was read is read the same once more."""
    try:
        found = decode_body(op, data)
    except errors.BadRequest:
        return
    assert isinstance(found, OPERATIONS[op].body)
    if not hasattr(found, "content"):  # kept as it was spelled
        assert decode_body(op, encode(found)) == found


def content(data: bytes) -> None:
    """A content has one canonical form, which is its own, means the same and is small enough."""
    try:
        once = canonical(data)
    except (errors.BadRequest, errors.TooLarge):
        return
    assert canonical(once.encoded) == once
    assert len(once.encoded) <= CONTENT_BYTES_MAX
    assert msgspec.json.decode(once.encoded) == msgspec.json.decode(data)


def token(text: str) -> None:
    """A token is somebody's, and then ours and good now; or it is refused."""
    try:
        identity = inputs.TOKENS.check(text, now_s=inputs.NOW_S)
    except errors.Unauthenticated:
        return
    assert jwt.decode(text, inputs.SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False})
    assert identity.uid > 0
    assert identity.expires_at_s > inputs.NOW_S
    try:
        Tokens("another secret of thirty-two characters").check(text, now_s=inputs.NOW_S)
    except errors.Unauthenticated:
        return
    raise AssertionError("another deployment believes it too")


def claims(value: dict[str, Any]) -> None:
    """Whatever stands in a token that we signed, it is an identity, or refused."""
    token(jwt.encode(value, inputs.SECRET, algorithm="HS256"))


_HELLO = encode({"id": 1, "op": "hello", "body": {"token": "t"}})


@st.composite
def _frames(draw: st.DrawFn) -> bytes:
    wire = b""
    for _ in range(draw(st.integers(0, 4))):
        first = draw(st.sampled_from([0x81, 0x81, 0x01, 0x80, 0x00, 0x88, 0x89, 0x8A]) | st.integers(0, 255))
        payload = draw(st.binary(max_size=140) | st.text(max_size=40).map(str.encode))
        key = draw(st.binary(min_size=4, max_size=4))
        size = len(payload)
        head = bytes((first, 0x80 | size)) if size < 126 else bytes((first, 0xFE)) + size.to_bytes(2, "big")
        wire += head + key + framing.mask(key, payload)
    return wire


_times = (
    st.integers() | st.floats() | st.text(max_size=5) | st.none() | st.sampled_from([inputs.NOW_S + 1, 2**63, 1e300])
)
_claims = st.fixed_dictionaries(
    {"sub": st.text(max_size=20) | st.integers(1, 2**64).map(str), "exp": _times, "jti": st.text(max_size=4)},
    optional={
        "iat": _times,
        "nbf": _times,
        "device_id": inputs.anything,
        "role": st.sampled_from(["admin", "user", "x"]),
    },
)
# jwt itself refuses to sign some claims, such as an issuer that is no text; ours never do.

_tokens = (
    st.text(max_size=60)
    | inputs.spoilt(inputs.good_tokens.map(str.encode)).map(lambda data: data.decode("latin-1"))
    | st.builds(
        lambda head, rest: ".".join((base64.urlsafe_b64encode(head).decode().rstrip("="), rest, "x")),
        inputs.written(inputs.anything),
        st.text(max_size=30),
    )
)

Law = Callable[..., None]


class Target(NamedTuple):
    """What is thrown at something, and the law that it keeps. `standing`: what has to stand for the law to be held."""

    standing: Callable[[], AbstractContextManager[Law]]
    strategies: tuple[st.SearchStrategy[Any], ...]


def _pure(law: Law, *strategies: st.SearchStrategy[Any]) -> Target:
    return Target(lambda: nullcontext(law), strategies)


TARGETS: dict[str, Target] = {
    "conversation": _pure(conversation, st.lists(inputs.written(inputs.requests) | st.just(_HELLO), max_size=6)),
    "stream": _pure(
        stream, inputs.spoilt(_frames()) | st.binary(max_size=60), st.lists(st.integers(0, 600), max_size=5)
    ),
    "body": _pure(body, st.sampled_from(OP), inputs.written(inputs.bodies | inputs.anything)),
    "content": _pure(content, inputs.written(inputs.contents | inputs.anything)),
    "token": _pure(token, _tokens),
    "claims": _pure(claims, _claims),
    "door": Target(door.standing, (door.conversations, st.lists(st.integers(0, 2_000), max_size=3))),
}
