"""seq_ids: the sender's own numbers, unique across his devices and reinstalls without asking anyone.

Forty bits of milliseconds since 2026-01-01 and thirteen of chance, below 2^53. See docs/decisions/seq-ids.md.
"""

from random import Random
from typing import Final

from sixin.core.ids import EPOCH_S
from sixin.core.limits import SEQ_ID_MAX

CHANCE_BITS: Final = 13
"""53 bits less the 40 that hold the milliseconds until 2060, past the end of the message ids."""


def next_seq_id(last: int, now_ms: int, chance: Random) -> int:
    """The number after `last`: strictly larger, at the clock's millisecond if that is later.

    `now_ms`: Unix time by the device's clock. A clock that steps back, or more than one message in a millisecond, ends
    in `last + 1`. Raises `OverflowError` past 2060.
    """
    since_epoch_ms = max(0, now_ms - EPOCH_S * 1_000)
    seq_id = max(last + 1, (since_epoch_ms << CHANCE_BITS) | chance.getrandbits(CHANCE_BITS), 1)
    if seq_id > SEQ_ID_MAX:
        raise OverflowError("The clock is past 2060, where the 53 bits of a seq_id end.")
    return seq_id
