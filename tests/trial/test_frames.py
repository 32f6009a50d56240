"""Frames as a proxy sees them: as they were written, whoever wrote them, and however TCP cut them."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixin.bench.link import client_frame
from sixin.server.gateway import framing
from sixin.trial.frames import Frame, NoFrame, read_frame


async def frames_of(wire: bytes, cut: int = 0) -> list[Frame]:
    reader = asyncio.StreamReader()
    reader.feed_data(wire[:cut])
    reader.feed_data(wire[cut:])
    reader.feed_eof()
    found: list[Frame] = []
    while not reader.at_eof():
        found.append(await read_frame(reader))
    return found


@given(st.lists(st.binary(max_size=70_000), max_size=4), st.integers(0, 300))
def test_a_servers_frames_are_read_as_they_were_written(payloads: list[bytes], cut: int) -> None:
    wire = framing.text_frames(payloads)
    found = asyncio.run(frames_of(wire, cut))
    assert [frame.payload for frame in found] == payloads
    assert b"".join(frame.wire for frame in found) == wire


@given(st.binary(max_size=70_000), st.binary(min_size=4, max_size=4))
def test_a_clients_frame_is_unmasked_and_passes_masked(payload: bytes, key: bytes) -> None:
    plain = client_frame(payload)
    header = plain[: len(plain) - len(payload) - 4]
    wire = header + key + framing.mask(key, payload)
    (frame,) = asyncio.run(frames_of(wire))
    assert frame == (wire, payload)


def test_control_frames_pass_unread() -> None:
    wire = framing.control_frame(framing.PING, b"x") + framing.close_frame(1000, "bye")
    assert [frame.payload for frame in asyncio.run(frames_of(wire))] == [None, None]


def test_a_frame_that_nobody_would_send_is_refused_by_its_header() -> None:
    with pytest.raises(NoFrame):
        asyncio.run(frames_of(bytes((0x82, 127)) + (1 << 40).to_bytes(8, "big")))
