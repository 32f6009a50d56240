"""What a device claims to hold is true: every step of `Held`, against a session that really changes.

The model keeps the whole timeline. After every step, each claim of `Held` is compared with it.
"""

from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from sixin.client.held import Held, held_from_notice, held_from_page
from sixin.core.ids import SessionId

HERE = SessionId("1001:1002")
Row = tuple[int, int]
"""sort_key and version: a message, as far as claims are concerned."""
Page = tuple[list[Row], int, bool]
"""Rows, the version, and whether there are more."""


@dataclass
class Timeline:
    """A session as the server has it: the version of each message by its sort_key."""

    version: int = 0
    rows: dict[int, int] = field(default_factory=dict)

    def change(self, chance: Random) -> Row:
        self.version += 1
        born = not self.rows or chance.random() < 0.6
        place = self.version if born else chance.choice(list(self.rows))
        self.rows[place] = self.version
        return place, self.version

    def pull_new(self, after: int, born_up_to: int | None, limit: int) -> Page:
        found = sorted(
            ((place, version) for place, version in self.rows.items() if version > after),
            key=lambda row: row[1],
        )
        found = [row for row in found if born_up_to is None or row[0] <= born_up_to]
        if len(found) <= limit:
            return found, self.version, False
        return found[:limit], found[limit - 1][1], True

    def pull_old(self, before: int | None, limit: int) -> Page:
        found = sorted(row for row in self.rows.items() if before is None or row[0] < before)
        return found[-limit:], self.version, len(found) > limit


class Device:
    """A device that takes in answers whenever they come, and keeps what `Held` says it may keep."""

    def __init__(self) -> None:
        self.held: Held | None = None
        self.rows: dict[int, int] = {}

    def take(self, held: Held, rows: list[Row]) -> None:
        self.held = held
        for place, version in rows:
            if held.keeps(place):
                self.rows[place] = max(version, self.rows.get(place, 0))
        self.rows = {place: version for place, version in self.rows.items() if held.keeps(place)}


def check(device: Device, timeline: Timeline) -> None:
    held = device.held
    if held is None:
        return
    for one in held.ranges:
        for place, version in timeline.rows.items():
            if one.low <= place <= one.high:
                assert place in device.rows, f"{place} is missing in {one}"
                # Every change up to the range's version was taken in: what is newer may have been.
                assert version > one.version or device.rows[place] == version
    for place, version in timeline.rows.items():
        if place > held.top.high and version <= held.top.version:
            assert device.rows.get(place) == version, "the open end"
    assert held.top.high <= held.top.version


@dataclass(frozen=True)
class Notice:
    """The change with this version, on its way."""

    row: Row


@dataclass(frozen=True)
class New:
    """An answer to `pull_new`, on its way."""

    after: int
    born_up_to: int | None
    page: Page


@dataclass(frozen=True)
class Old:
    """An answer to `pull_old`, on its way."""

    before: int | None
    page: Page


Waiting = list[Notice | New | Old]


def step(device: Device, timeline: Timeline, chance: Random, waiting: Waiting) -> None:
    """One thing happens: a change, a question, or an answer or notice that was on its way for any time."""
    held = device.held
    what = chance.random()
    if what < 0.4:
        row = timeline.change(chance)
        if chance.random() < 0.7:
            waiting.append(Notice(row))
    elif what < 0.7 and waiting:
        arrived = waiting.pop(chance.randrange(len(waiting)))
        if chance.random() < 0.2:
            waiting.append(arrived)  # it comes once more
        arrive(device, arrived)
    elif held is None:
        waiting.append(Old(None, timeline.pull_old(None, chance.randint(1, 4))))
    else:
        waiting.append(asked(held, timeline, chance))


def asked(held: Held, timeline: Timeline, chance: Random) -> New | Old:
    limit = chance.randint(1, 4)
    lagging = held.lagging(held.top.version)
    match chance.randrange(4):
        case 0:
            after = held.top.version
            return New(after, None, timeline.pull_new(after, None, limit))
        case 1 if lagging:
            after, up_to = min(one.version for one in lagging), lagging[-1].high
            return New(after, up_to, timeline.pull_new(after, up_to, limit))
        case 2:
            return Old(None, timeline.pull_old(None, limit))
        case _:
            before = chance.randint(1, timeline.version + 2)
            return Old(before, timeline.pull_old(before, limit))


def arrive(device: Device, arrived: Notice | New | Old) -> None:
    held = device.held
    match arrived:
        case Notice((place, version)):
            if held is None and place == version:
                device.take(held_from_notice(HERE, version), [(place, version)])
            elif held is not None and version == held.top.version + 1:
                device.take(held.after_notice(version), [(place, version)])
        case New(after, up_to, (rows, version, more)) if held is not None:
            device.take(held.after_pull_new(after, up_to, version, more=more), rows)
        case Old(before, (rows, version, more)):
            low = rows[0][0] if more else 0
            if held is not None and before is not None:
                device.take(held.after_older_page(low, before, version), rows)
            elif held is not None:
                device.take(held.after_newest_page(low, version), rows)
            elif before is None:
                device.take(held_from_page(HERE, low, version, 0), rows)


@settings(max_examples=500, deadline=None)
@given(seed=st.integers(0, 2**40), steps=st.integers(1, 120))
def test_no_order_of_notices_and_answers_makes_a_claim_untrue(seed: int, steps: int) -> None:
    chance, timeline, device = Random(seed), Timeline(), Device()
    waiting: Waiting = []
    for _ in range(steps):
        step(device, timeline, chance, waiting)
        check(device, timeline)


def test_with_version_one_the_whole_timeline_is_held() -> None:
    assert held_from_notice(HERE, 1).ranges[0].low == 0


def test_a_full_clear_leaves_no_hole() -> None:
    held = held_from_page(HERE, 40, 60, 0).after_older_page(5, 10, 60)
    assert len(held.ranges) == 2
    (whole,) = held.after_full_clear(70).ranges
    assert (whole.low, whole.high, whole.version) == (0, 70, 70)
    assert held.after_full_clear(30).ranges[0].high == 30
