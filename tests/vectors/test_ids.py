"""`ids.json`: session ids, the pairs that are refused, the layout of a `msg_id`."""

import pytest

from sixin.core import errors, ids
from sixin.core.ids import MsgId, Slot, Tick
from tests.vectors import vector


def test_a_pair_has_the_session_id_of_the_vectors() -> None:
    for case in vector("ids")["session_ids"]:
        one, other = map(ids.parse_uid, case["pair"])
        assert ids.pair_session_id(one, other) == case["session_id"]
        assert ids.parse_session_id(case["session_id"]) == case["session_id"]


def test_a_refused_pair_is_refused_whichever_stands_first() -> None:
    for pair in vector("ids")["refused_pairs"]:
        with pytest.raises(errors.BadRequest):
            [ids.parse_uid(text) for text in pair]
        for session_id in (":".join(pair), ":".join(reversed(pair))):
            with pytest.raises(errors.BadRequest):
                ids.parse_session_id(session_id)


def test_a_msg_id_has_the_layout_of_the_vectors() -> None:
    for case in vector("ids")["msg_ids"]:
        seconds, counter, slot = case["relative_seconds"], case["counter"], Slot(case["slot"])
        msg_id = ids.parse_msg_id(case["msg_id"])
        assert ids.msg_id_parts(msg_id) == (seconds, counter, slot)
        assert ids.msg_id_of(Tick(seconds * ids.TICKS_PER_S + counter), slot) == msg_id


def test_the_largest_of_the_vectors_is_the_last_id_there_is() -> None:
    last = max(int(case["msg_id"]) for case in vector("ids")["msg_ids"])
    assert ids.msg_id_of(ids.TICK_MAX, Slot(9_999)) == MsgId(last)
