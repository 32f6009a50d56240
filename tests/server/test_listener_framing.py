"""The frame reader alone: the same messages however TCP cuts them, and an end for everything else."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixin.server.gateway import framing
from sixin.server.gateway.framing import Broken, Event, FrameReader, PeerClose, Ping, Pong
from tests.server.test_listener_support import MASK_KEY, frame, text

MAX = 65_536


def read(*chunks: bytes) -> list[Event]:
    reader = FrameReader(MAX)
    return list(itertools.chain.from_iterable(reader.feed(chunk) for chunk in chunks))


BROKEN = [
    ("an unmasked frame", frame(0x81, b"a", masked=False), 1002),
    ("the first reserved bit", frame(0xC1, b"a"), 1002),
    ("the second reserved bit", frame(0xA1, b"a"), 1002),
    ("the third reserved bit", frame(0x91, b"a"), 1002),
    ("a reserved bit on a ping", frame(0xC9, b"a"), 1002),
    *((f"opcode {opcode:#x}", frame(0x80 | opcode, b"a"), 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    ("a control frame over 125 bytes", frame(0x89, bytes(126)), 1002),
    ("a control frame with a 64-bit length", bytes((0x89, 0xFF)), 1002),
    ("a fragmented ping", frame(0x09, b"a"), 1002),
    ("a fragmented Close", frame(0x08, b"\x03\xe8"), 1002),
    ("invalid UTF-8", text(b"\xff"), 1007),
    ("a surrogate", text(b"\xed\xa0\x80"), 1007),
    ("an overlong slash", text(b"\xc0\xaf"), 1007),
    ("UTF-8 cut at the end of its message", text("私".encode()[:2]), 1007),
    ("invalid UTF-8 over two fragments", frame(0x01, "私".encode()[:2]) + frame(0x80, b"a"), 1007),
    ("one byte too many", frame(0x81, bytes(MAX + 1)), 1009),
    ("a 64-bit length with nothing behind it", b"\x81\xff" + (1 << 62).to_bytes(8, "big") + MASK_KEY, 1009),
    ("2^32 and a little, which is small in 32 bits", b"\x81\xff" + ((1 << 32) + 5).to_bytes(8, "big"), 1009),
    ("a length with its highest bit", b"\x81\xff" + (1 << 63).to_bytes(8, "big") + MASK_KEY, 1002),
    ("fragments over the limit", frame(0x01, bytes(MAX)) + frame(0x80, b"a"), 1009),
    ("16 bits for a length below 126", b"\x81\xfe\x00\x7d", 1002),
    ("64 bits for a length below 65536", b"\x81\xff" + (65_535).to_bytes(8, "big"), 1002),
    ("a continuation without a start", frame(0x80, b"a"), 1002),
    ("a new message inside a fragmented one", frame(0x01, b"a") + text(b"b"), 1002),
    ("a binary message", frame(0x82, b"a"), 1003),
    ("a Close of one byte", frame(0x88, b"\x03"), 1002),
    *(
        (f"a Close with code {code}", frame(0x88, code.to_bytes(2, "big")), 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
    ),
    ("a Close whose reason is not UTF-8", frame(0x88, b"\x03\xe8\xff"), 1007),
]


@pytest.mark.parametrize(("data", "code"), [pytest.param(data, code, id=what) for what, data, code in BROKEN])
def test_what_breaks_a_rule_ends_the_stream_with_its_code(data: bytes, code: int) -> None:
    for events in (
        read(text(b"before") + data + text(b"after")),
        read(*(bytes((byte,)) for byte in text(b"before") + data)),
    ):
        before, last = events
        assert before == b"before"
        assert isinstance(last, Broken)
        assert last.code == code
        assert len(last.reason.encode()) <= framing.CLOSE_REASON_MAX


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536])
def test_every_form_of_a_length_is_read(size: int) -> None:
    assert read(text(b"x" * size)) == [b"x" * size]


def test_a_stream_may_be_cut_at_every_byte() -> None:
    stream = (
        text(b"one")
        + frame(0x01, "私".encode()[:1])
        + frame(0x89, b"?")
        + frame(0x80, "私".encode()[1:])
        + text(b"y" * 126)
    )
    expected = [b"one", Ping(b"?"), "私".encode(), b"y" * 126]
    for at in range(len(stream) + 1):
        assert read(stream[:at], stream[at:]) == expected
    assert read(*(bytes((byte,)) for byte in stream)) == expected


def test_nothing_is_read_after_a_close() -> None:
    assert read(frame(0x88, b"\x03\xe8bye") + text(b"late"), text(b"later")) == [PeerClose(1000, "bye")]
    assert read(frame(0x88, b"")) == [PeerClose(1005, "")]


@st.composite
def conversations(draw: st.DrawFn) -> tuple[bytes, list[Event]]:
    """A valid stream and what it says; messages are fragmented anywhere, with pings between the fragments."""
    stream, expected = b"", list[Event]()
    for _ in range(draw(st.integers(0, 4))):
        payload = draw(st.one_of(st.text(max_size=20), st.sampled_from(["私信a" * 60, "私" * 300]))).encode()
        cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=4)))
        edges = [0, *cuts, len(payload)]
        for number, (start, stop) in enumerate(itertools.pairwise(edges)):
            first = (0x01 if number == 0 else 0x00) | (0x80 if number == len(cuts) else 0)
            stream += frame(first, payload[start:stop])
            if number < len(cuts) and draw(st.booleans()):
                control = draw(st.binary(max_size=10))
                asked = draw(st.booleans())
                stream += frame(0x89 if asked else 0x8A, control)
                expected.append(Ping(control) if asked else Pong(control))
        expected.append(payload)
    return stream, expected


@given(conversations(), st.data())
def test_random_cuts_change_nothing(conversation: tuple[bytes, list[Event]], data: st.DataObject) -> None:
    stream, expected = conversation
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    chunks = [stream[start:stop] for start, stop in itertools.pairwise([0, *cuts, len(stream)])]
    assert read(*chunks) == expected


@given(st.lists(st.binary(max_size=400), max_size=8))
def test_random_bytes_make_events_or_an_end_and_never_an_exception(chunks: list[bytes]) -> None:
    events = read(*chunks)
    assert events == read(b"".join(chunks))
    assert not any(isinstance(event, Broken | PeerClose) for event in events[:-1])


@given(st.binary(min_size=4, max_size=4), st.binary(max_size=300))
def test_masking_twice_changes_nothing_and_is_what_the_rfc_says(key: bytes, payload: bytes) -> None:
    masked = framing.mask(key, payload)
    assert masked == bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))
    assert framing.mask(key, masked) == payload


def test_a_reason_is_cut_at_a_character() -> None:
    cut = framing.close_frame(1000, "私" * 100)
    assert cut[1] == 2 + 41 * 3
    assert cut[4:].decode() == "私" * 41
