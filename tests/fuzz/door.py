"""The HTTP door behind a real port: raw bytes go in, and whatever comes out has to be an answer that we document."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from sixin.core.ids import Uid
from sixin.core.wire.bodies import OPERATIONS
from sixin.server.gateway.http import STATUS
from tests.fuzz import inputs
from tests.server.house import TOKENS, House, open_house

SILENCE_S: Final = 0.05
"""After this long without a byte, a door that waits for more of a request says nothing more. A busy machine that takes
longer to answer costs an answer that is not looked at, and no false alarm."""

ANN: Final = 1001
GOOD: Final = b"GET /healthz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"

STATUSES: Final = {
    **{code: {status} for code, status in STATUS.items()},
    # Those of HTTP itself, which have no word of their own: 405, 408, 417, 426.
    "bad_request": {400, 405, 408, 417, 426},
    "too_large": {413, 431},
}
"""Which statuses each code may stand beside."""


class Reply(NamedTuple):
    """One answer of the door."""

    status: int
    headers: dict[str, str]
    body: bytes


def replies_of(wire: bytes) -> list[Reply]:
    """The answers in what came back, the last of which may be cut. Raises `AssertionError` where it is no HTTP."""
    found: list[Reply] = []
    while wire:
        head, end, wire = wire.partition(b"\r\n\r\n")
        if not end:
            break
        line, *lines = head.decode("latin-1").split("\r\n")
        version, status, _ = line.split(" ", 2)
        assert version.startswith("HTTP/"), line  # aiohttp says the client's own version back to him
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
        if status == "100":
            continue
        if status == "101":
            return [*found, Reply(101, headers, b"")]
        # An answer to HEAD says how long its body would be and has none: the next answer stands there.
        size = 0 if wire.startswith(b"HTTP/1.") else int(headers.get("content-length", 0))
        found.append(Reply(int(status), headers, wire[:size]))
        wire = wire[size:]
    return found


class _Complaints(logging.Handler):
    """What the server would have written into its log as a defect of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR or record.exc_info:
            self.said.append(self.format(record))


@contextlib.contextmanager
def standing() -> Iterator[Callable[[list[bytes], list[int]], None]]:
    """A server for the time of a run; and the law of its door."""
    complaints = _Complaints()
    with asyncio.Runner() as runner, contextlib.ExitStack() as stack:
        opened = open_house()
        house = runner.run(opened.__aenter__())
        stack.callback(lambda: runner.run(opened.__aexit__(None, None, None)))
        logging.getLogger().addHandler(complaints)
        stack.callback(logging.getLogger().removeHandler, complaints)

        def law(requests: list[bytes], cuts: list[int]) -> None:
            complaints.said.clear()
            runner.run(_answers_well(house, b"".join(requests), cuts))
            assert not complaints.said, "\n".join(complaints.said)

        yield law


async def _answers_well(house: House, sent: bytes, cuts: list[int]) -> None:
    """Every answer is documented; where every request was refused, nothing was stored; and others are still served."""
    before = house.state()
    replies = replies_of(await _said_to(house, sent + GOOD, cuts))
    for reply in replies:
        _is_documented(reply)
    if replies and all(reply.status >= 400 or _is_ours(reply) for reply in replies):
        assert house.state() == before, "a request was refused, and done"
    assert (await house.post("/v1/unread", b"", token=house.token(ANN))).ok is not None


def _is_ours(reply: Reply) -> bool:
    """The answer to the good request behind the others."""
    return reply.body == b'{"status":"ok"}'


async def _said_to(house: House, sent: bytes, cuts: list[int]) -> bytes:
    """Write it in pieces; everything that comes back until the door falls silent or closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.listener.port)
    came, at = b"", 0
    with contextlib.suppress(OSError):
        for cut in [*sorted(cuts), len(sent)]:
            writer.write(sent[at:cut])
            at = max(at, cut)
            await writer.drain()
            await asyncio.sleep(0)
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(SILENCE_S):
                    piece = await reader.read(65_536)
                if not piece:
                    break
                came += piece
    writer.transport.abort()
    return came


def _is_documented(reply: Reply) -> None:
    assert reply.status < 500 or reply.status == 503, reply
    if reply.status < 400:
        return
    assert reply.headers.get("content-type", "").split(";")[0] == "application/json", reply
    if not reply.body:
        return  # of HEAD, or cut
    error: dict[str, Any] = json.loads(reply.body)["error"]
    assert reply.status in STATUSES[error["code"]], reply
    assert isinstance(error["message"], str), reply
    assert error["message"], reply


# What strangers write: requests of which no part, one or two are not as they should be.

_token = TOKENS.mint(Uid(ANN), now_s=1_700_000_000, ttl_s=10**9).encode()
_good_bodies = st.builds(
    lambda seq_id, text: json.dumps(
        {"to": "1002", "seq_id": seq_id, "content": {"type": "text", "text": text}}
    ).encode(),
    st.integers(1, 2**53 - 1),
    st.text(alphabet=st.characters(codec="utf-8"), max_size=20),
)
_odd_bodies = inputs.spoilt(_good_bodies) | inputs.written(inputs.bodies) | st.just(b"")
_odd_methods = st.sampled_from([b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"FLY", b"post", b"P\x00ST", b""])
_odd_paths = st.sampled_from(
    [
        *(b"/v1/" + op.encode() for op in OPERATIONS), b"/v1/send?token=" + _token, b"/v1/fly", b"/v1/ws", b"/v1/ws?x",
        b"/healthz", b"/readyz", b"/metrics", b"/", b"/app/main.js", b"//", b"*", b"", b"/../../etc/passwd",
        b"/%2e%2e/x", b"/%00", b"/%ff%fe", b"/\xff", b"/v1/%73end", b"http://elsewhere/v1/send", b"/v1/admin/users",
        b"/v1/admin/revoke", b"/v1/admin/inspect/user/1001", b"/v1/admin/inspect/session/x", b"/" + b"a" * 9_000,
        b"/v1/" + b"a" * 300, b"/#x", b"/v1/send#x", b"http://[", b"//[/v1/send",
    ]
)  # fmt: skip
_odd_versions = st.sampled_from([b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b"HTTP/1.1 ", b""])
_odd_bearers = st.sampled_from(
    [
        b"Authorization: bearer " + _token, b"Authorization: Bearer", b"Authorization: Bearer x.y.z",
        b"Authorization: Basic YTpi", b"Authorization: Bearer " + _token + b"\r\nAuthorization: Bearer x",
        b"Authorization: Bearer \xff\xfe", b"Cookie: token=" + _token, b"X-Token: " + _token, b"X: y",
    ]
)  # fmt: skip
_odd_headers = st.lists(
    st.sampled_from(
        [
            b"Content-Type: application/json", b"Content-Type: text/html; charset=\xff", b"Content-Encoding: gzip",
            b"Content-Encoding: identity", b"Expect: 100-continue", b"Expect: 200-ok", b"Connection: close",
            b"Connection: keep-alive", b"Connection: Upgrade", b"Upgrade: websocket", b"Upgrade: h2c", b"Upgrade:",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 8",
            b"Origin: https://elsewhere.example", b"Origin: null", b"Origin: http://[", b"Origin:", b"Origin: \xff",
            b"Host: there", b"Host: [", b"Host:", b"Cookie: \x01=\x02", b": no name", b"no colon", b" folded: x",
            b"X: \x00", b"X\x00: y", b"Range: bytes=0-", b"Range: bytes=9-1", b"If-None-Match: *",
            b'If-None-Match: W/"x"', b"If-Modified-Since: yesterday", b"Accept-Encoding: gzip", b"X: " + b"a" * 9_000,
        ]
    ),
    min_size=1,
    max_size=3,
)  # fmt: skip
_odd_lengths = st.sampled_from(
    [
        b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length: -1", b"Content-Length: +5", b"Content-Length: 0x5",
        b"Content-Length: 99999999999999999999", b"Content-Length: 200000", b"Content-Length: 3", b"Content-Length:",
        b"X: no length", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked, gzip",
        b"Transfer-Encoding: \x0bchunked", b"Transfer-Encoding: chunked\r\nContent-Length: 5",
    ]
)  # fmt: skip
_odd_sizes = st.sampled_from([b"-1", b"g", b"f" * 17, b"", b"5;x=y", b"0"])
_odd_ends = st.sampled_from([b"0\r\nX: y\r\n\r\n", b"0\r\n", b"", b"0\r\n\xff\r\n\r\n"])


def good_request(body: bytes) -> bytes:
    """A send, with nothing wrong but perhaps its body."""
    bearer = b"Authorization: Bearer " + _token
    return b"POST /v1/send HTTP/1.1\r\nHost: here\r\n%b\r\nContent-Length: %d\r\n\r\n%b" % (bearer, len(body), body)


PARTS: Final = ("method", "path", "version", "bearer", "length", "headers", "body", "chunk", "end")


@st.composite
def _request(draw: st.DrawFn) -> bytes:
    odd = draw(st.sets(st.sampled_from(PARTS), max_size=2))

    def part(name: str, good: bytes, otherwise: st.SearchStrategy[bytes]) -> bytes:
        return draw(otherwise) if name in odd else good

    body = draw(_odd_bodies if "body" in odd else _good_bodies)
    length = b"Content-Length: %d" % len(body)
    if draw(st.booleans()):
        cut = draw(st.integers(0, len(body)))
        pieces = [piece for piece in (body[:cut], body[cut:]) if piece]
        sized = [part("chunk", b"%x" % len(piece), _odd_sizes) + b"\r\n" + piece + b"\r\n" for piece in pieces]
        length, body = b"Transfer-Encoding: chunked", b"".join(sized) + part("end", b"0\r\n\r\n", _odd_ends)
    line = b" ".join(
        (
            part("method", b"POST", _odd_methods),
            part("path", b"/v1/send", _odd_paths),
            part("version", b"HTTP/1.1", _odd_versions),
        )
    )
    bearer = part("bearer", b"Authorization: Bearer " + _token, _odd_bearers)
    headers = draw(_odd_headers) if "headers" in odd else []
    head = b"\r\n".join((line, b"Host: here", bearer, part("length", length, _odd_lengths), *headers))
    return head + b"\r\n\r\n" + body


conversations = st.lists(_request() | inputs.spoilt(_request()) | st.binary(max_size=60), min_size=1, max_size=3)
"""What stands on one connection: requests one behind the other, without waiting for the answers."""
