"""What strangers send: things that are right, things that are nearly right, and noise."""

import json

from hypothesis import strategies as st

from sixin.core.ids import Uid
from sixin.core.wire.bodies import OPERATIONS
from sixin.server.auth import Tokens

SECRET = "a secret of at least thirty-two characters"
NOW_S = 1_800_000_000
TOKENS = Tokens(SECRET)

_edges = st.sampled_from(
    [0, 1, -1, 2**31, 2**53 - 1, 2**53, 2**63 - 1, 2**63, 10**400, 1e308, -0.0, "", "0", "1", "01", "1:2", "2:1", "g1"]
)
_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | _edges
anything = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
"""Any JSON value."""

NAMES = [
    "id", "op", "body", "token", "device_id", "session_id", "to", "seq_id", "content", "msg_id", "msg_ids", "scope",
    "up_to_msg_id", "pinned", "muted", "labels", "after_version", "before_sort_key", "born_up_to", "limit",
]  # fmt: skip

_values = anything | st.sampled_from([{"type": "text", "text": "你好"}, ["1"], "me", "all", "1001:1002", "1002"])
bodies = st.dictionaries(st.sampled_from(NAMES), _values, max_size=6)
"""Objects with the fields of the protocol, and anything in them."""

contents = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["text", "image", "audio", "video", "file", "location", "card", "custom", "tips", "poem"]
        )
    },
    optional=dict.fromkeys(
        ("text", "url", "name", "data", "kind", "uid", "latitude", "longitude", "width", "x", "size_bytes"), anything
    ),
)

operations = st.sampled_from([*OPERATIONS, "hello", "fly", ""])
requests = st.fixed_dictionaries({}, optional={"id": _values, "op": operations | anything, "body": bodies | anything})


@st.composite
def spoilt(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Something whole, with a piece of it cut out, doubled, or written over."""
    data = bytearray(draw(whole))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 8))
        piece = bytes(data[at : at + length])
        data[at : at + length] = draw(
            st.sampled_from([b"", piece * 2, b"\x00", b"\xff", b"\\u", b'"', b"[" * 40, b"1e9"]) | st.binary(max_size=6)
        )
    return bytes(data)


def _spelled(value: object, escaped: bool) -> bytes:
    return json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")


def written(values: st.SearchStrategy[object]) -> st.SearchStrategy[bytes]:
    """JSON in any spelling, spoilt or not; and noise."""
    return spoilt(st.builds(_spelled, values, st.booleans())) | st.binary(max_size=200)


good_tokens = st.builds(
    lambda uid, ttl_s, device: TOKENS.mint(Uid(uid), now_s=NOW_S, ttl_s=ttl_s, device_id=device),
    st.integers(1, 2**63 - 1),
    st.integers(1, 10**6),
    st.none() | st.text(min_size=1, max_size=10),
)
