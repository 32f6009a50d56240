"""What a device can prove it holds of a session: ranges of sort_keys, each with the version it is true at.

A range says: every message visible to the owner with `low <= sort_key <= high` is held, and every change of them with
a version at or below `version` has been taken in. It speaks of each sort_key alone, so ranges can be cut and joined
freely, and where two speak of the same sort_key the higher version is as true as the lower.
See docs/decisions/holes.md.
"""

from itertools import pairwise

from msgspec import Struct


class Range(Struct, frozen=True, gc=False, array_like=True):
    """One claim. `low` is 0 where it goes down to the beginning: no message has the sort_key 0."""

    low: int
    high: int
    version: int


Ranges = tuple[Range, ...]
"""Ascending, disjoint, and no two that touch have the same version."""


def overlay(ranges: Ranges, claim: Range) -> Ranges:
    """All that was claimed before, and this: at each sort_key the highest version."""
    claims = (*ranges, claim)
    cuts = sorted({edge for one in claims for edge in (one.low, one.high + 1)})
    pieces: list[Range] = []
    for low, after in pairwise(cuts):
        version = max((one.version for one in claims if one.low <= low <= one.high), default=None)
        if version is not None:
            pieces.append(Range(low, after - 1, version))
    return joined(pieces)


def joined(pieces: list[Range]) -> Ranges:
    """The same claims in as few ranges as possible. `pieces` are ascending and disjoint."""
    ranges: list[Range] = []
    for piece in pieces:
        last = ranges[-1] if ranges else None
        if last is not None and last.high + 1 == piece.low and last.version == piece.version:
            ranges[-1] = Range(last.low, piece.high, last.version)
        else:
            ranges.append(piece)
    return tuple(ranges)


def covers(ranges: Ranges, sort_key: int) -> bool:
    """Whether a message with this sort_key, if it is visible, is held."""
    return any(one.low <= sort_key <= one.high for one in ranges)


def floor_below(ranges: Ranges, sort_key: int) -> int | None:
    """How far down from here nothing is missing: the lowest sort_key of the ranges that join without a hole.

    None where already this sort_key is in a hole.
    """
    floor: int | None = None
    for one in reversed(ranges):
        if floor is None:
            floor = one.low if one.low <= sort_key <= one.high else None
        elif one.high + 1 == floor:
            floor = one.low
        else:
            break
    return floor
