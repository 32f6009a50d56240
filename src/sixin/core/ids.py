"""Ids: users, sessions, slots, messages (docs/glossary.md).

A `msg_id` is `[relative seconds][6-digit counter][4-digit slot]` in decimal. Seconds and counter together are
its *tick*; two messages of one slot never share a tick, so no two messages share an id.
"""

import zlib
from functools import lru_cache
from typing import Final, NewType

from sixin.core import errors
from sixin.core.limits import INT64_MAX, SLOTS

Uid = NewType("Uid", int)
SessionId = NewType("SessionId", str)
MsgId = NewType("MsgId", int)
Slot = NewType("Slot", int)
Tick = NewType("Tick", int)

EPOCH_S: Final = 1_767_225_600
"""2026-01-01T00:00:00Z in Unix seconds: the base of a `msg_id`'s relative seconds."""

TICKS_PER_S: Final = 1_000_000
SECONDS_MAX: Final = INT64_MAX // (TICKS_PER_S * SLOTS) - 1
"""922,337,202: the last relative second whose every id fits 64 bits, 2055-03-25. After it, sends are refused."""

TICK_MAX: Final = Tick(SECONDS_MAX * TICKS_PER_S + TICKS_PER_S - 1)

ID_PATTERN: Final = "[1-9][0-9]{0,18}"
"""What `parse_positive` takes, but for 2^63 itself: for schemas. Anchor it with `whole`."""


def whole(pattern: str) -> str:
    """A regular expression for the whole of a text, in the dialects of Python and of JSON Schema alike."""
    # In Python, `$` alone also matches before a last newline, and "1\n" would be an id.
    return f"^(?:{pattern})(?!\\n)$"


def parse_positive(text: str, what: str) -> int:
    """A positive signed 64-bit integer in canonical decimal: no sign, no leading zero, no point, ASCII only.

    Raises `BadRequest` naming `what`.
    """
    # isdigit() alone is true for other scripts' digits; 19 digits bound the work of int().
    if text.isascii() and text.isdigit() and text[0] != "0" and len(text) <= 19:
        number = int(text)
        if number <= INT64_MAX:
            return number
    raise errors.BadRequest(f"{what} must be a whole number from 1 to {INT64_MAX}, written in canonical decimal.")


def parse_uid(text: str) -> Uid:
    """A user's id from the wire. Raises `BadRequest`."""
    return Uid(parse_positive(text, "A uid"))


def parse_msg_id(text: str) -> MsgId:
    """A message's id from the wire. Raises `BadRequest`."""
    return MsgId(parse_positive(text, "A msg_id"))


def pair_session_id(one: Uid, other: Uid) -> SessionId:
    """The session of two users, the same from both sides: the smaller uid first, by number."""
    return SessionId(f"{one}:{other}" if one <= other else f"{other}:{one}")


def parse_session_id(text: str) -> SessionId:
    """A session's id from the wire, in its one canonical spelling. Raises `BadRequest`."""
    smaller, colon, larger = text.partition(":")
    if colon:
        if pair_session_id(parse_uid(smaller), parse_uid(larger)) != text:
            raise errors.BadRequest("In the session_id of a pair the smaller uid stands first.")
    elif text.startswith("g"):
        parse_positive(text[1:], "A gid")
    else:
        raise errors.BadRequest('A session_id is "smaller:larger" for a pair or "g<gid>" for a group.')
    return SessionId(text)


@lru_cache(maxsize=65_536)
def pair_members(session_id: SessionId) -> tuple[Uid, ...]:
    """Both users of a pair, the smaller first; one for a session with oneself; nobody for a group's id."""
    smaller, colon, larger = session_id.partition(":")
    if not colon:
        return ()
    if smaller == larger:
        return (Uid(int(smaller)),)
    return (Uid(int(smaller)), Uid(int(larger)))


def peer_of(session_id: SessionId, owner: Uid) -> Uid:
    """Who is on the other side of a pair; oneself in a session with oneself."""
    members = pair_members(session_id)
    return members[-1] if members[0] == owner else members[0]


@lru_cache(maxsize=65_536)
def slot_of(session_id: SessionId) -> Slot:
    """Where a session lives: CRC-32 (the one of zip and PNG) of its id in ASCII, modulo 10,000.

    Chosen because every language and database has it, and because it spreads neighbouring uids.
    """
    return Slot(zlib.crc32(session_id.encode("ascii")) % SLOTS)


def slot_of_message(msg_id: MsgId) -> Slot:
    """The slot is the last four digits, so an id alone tells which shard holds its message."""
    return Slot(msg_id % SLOTS)


def tick_at(now_ms: int) -> Tick:
    """The first tick of the second that `now_ms` (Unix milliseconds) is in; 0 before the epoch."""
    return Tick(max(0, now_ms // 1_000 - EPOCH_S) * TICKS_PER_S)


def next_tick(last: Tick, now_ms: int) -> Tick:
    """A tick above `last`, and at the clock's second if that is later.

    A clock that steps back, a node whose clock is behind and a second with more than a million messages all
    end in `last + 1`: the counter runs over into seconds that have not come yet, and time catches up.

    Raises `Unavailable` past `TICK_MAX`, before anything is changed: a clock that jumped too far does no harm.
    """
    tick = Tick(max(last + 1, tick_at(now_ms)))
    if tick > TICK_MAX:
        raise errors.Unavailable("The clock is past 2055-03-25, where the 64-bit message ids end.")
    return tick


def msg_id_of(tick: Tick, slot: Slot) -> MsgId:
    """Put a message's id together."""
    return MsgId(tick * SLOTS + slot)


def msg_id_parts(msg_id: MsgId) -> tuple[int, int, Slot]:
    """Take a message's id apart: relative seconds, counter, slot."""
    tick, slot = divmod(msg_id, SLOTS)
    seconds, counter = divmod(tick, TICKS_PER_S)
    return seconds, counter, Slot(slot)


def tick_of_message(msg_id: MsgId) -> Tick:
    """The tick a message was given."""
    return Tick(msg_id // SLOTS)
