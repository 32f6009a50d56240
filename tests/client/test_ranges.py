"""The laws of what a device can prove: claims about places, checked place by place."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sixin.client.ranges import Range, Ranges, covers, floor_below, overlay

PLACES = range(25)


@st.composite
def claims(draw: st.DrawFn) -> Range:
    low = draw(st.integers(0, 22))
    return Range(low, draw(st.integers(low, 24)), draw(st.integers(1, 6)))


def claimed(ranges: Ranges) -> dict[int, int]:
    """Of each place, the version it is claimed at."""
    return {place: one.version for one in ranges for place in range(one.low, one.high + 1)}


def laid(all_claims: list[Range]) -> Ranges:
    ranges: Ranges = ()
    for claim in all_claims:
        ranges = overlay(ranges, claim)
    return ranges


@given(st.lists(claims(), max_size=8))
def test_each_place_is_claimed_at_the_highest_version_of_any_claim(all_claims: list[Range]) -> None:
    expected: dict[int, int] = {}
    for claim in all_claims:
        for place in range(claim.low, claim.high + 1):
            expected[place] = max(claim.version, expected.get(place, 0))
    assert claimed(laid(all_claims)) == expected


@given(st.lists(claims(), max_size=8))
def test_ranges_ascend_keep_apart_and_are_as_few_as_possible(all_claims: list[Range]) -> None:
    ranges = laid(all_claims)
    for one, following in pairwise(ranges):
        assert one.low <= one.high < following.low
        assert one.high + 1 < following.low or one.version != following.version


@given(st.lists(claims(), max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_claims_does_not_matter(all_claims: list[Range], chance: object) -> None:
    shuffled = list(all_claims)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert laid(shuffled) == laid(all_claims) == laid(all_claims + all_claims)


@given(st.lists(claims(), max_size=8), st.sampled_from(PLACES))
def test_the_floor_is_where_the_first_hole_below_ends(all_claims: list[Range], place: int) -> None:
    ranges = laid(all_claims)
    places = claimed(ranges)
    assert covers(ranges, place) == (place in places)
    floor = floor_below(ranges, place)
    if place not in places:
        assert floor is None
    else:
        assert floor is not None
        assert all(below in places for below in range(floor, place + 1))
        assert floor - 1 not in places
