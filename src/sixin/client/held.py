"""What a device holds of one session, and what each thing it learns lets it claim.

Pure; proven in docs/decisions/holes.md.

Two claims are kept:

1. Each range speaks the truth (see `ranges`).
2. *The open end*: every visible message born above the top range, whose newest version is at or below the top range's,
   is held too. While pages of `pull_new` are still coming, such messages are kept but not yet shown: one that was born
   among them and changed later comes with a later page.
"""

from msgspec import Struct
from msgspec.structs import replace

from sixin.client.ranges import Range, Ranges, covers, joined, overlay
from sixin.core.ids import SessionId


class Held(Struct, frozen=True, gc=False):
    """The claims about one session. A session without one holds no message and needs no pull."""

    session_id: SessionId
    ranges: Ranges
    """Never empty."""
    hidden_version: int = 0
    """Up to which contact version this device knows what its owner deleted for himself here."""

    @property
    def top(self) -> Range:
        """The newest range: its version is how far the device has come with new messages."""
        return self.ranges[-1]

    @property
    def complete(self) -> bool:
        """Whether nothing can be missing between the top range and its version."""
        return self.top.high >= self.top.version

    def keeps(self, sort_key: int) -> bool:
        """Whether a message of this sort_key is to be kept: one in a hole is not, for nobody would tell its changes."""
        return sort_key > self.top.high or covers(self.ranges, sort_key)

    def lagging(self, version_id: int) -> Ranges:
        """The ranges that have not come to a version."""
        return tuple(one for one in self.ranges if one.version < version_id)

    def after_notice(self, version_id: int) -> "Held":
        """The one change with this version, `top.version + 1`, was taken in (or cannot be seen by the owner)."""
        before = self.top.version
        ranges = [replace(one, version=version_id) if one.version == before else one for one in self.ranges]
        if self.complete:
            # The one message that could have been born at this version is the one that came.
            ranges[-1] = replace(ranges[-1], high=max(ranges[-1].high, version_id))
        return replace(self, ranges=joined(ranges))

    def after_pull_new(self, after: int, born_up_to: int | None, version_id: int, *, more: bool) -> "Held":
        """A page of changes with versions in `after … version_id` was taken in.

        A range that had not come to `after` when the page was read stays where it is: something between is missing.
        """
        top_followed = self.top.version >= after
        ranges = [
            replace(one, version=max(one.version, version_id))
            if one.version >= after and (born_up_to is None or one.high <= born_up_to)
            else one
            for one in self.ranges
        ]
        if born_up_to is None and not more and top_followed:
            # The last page was read at `version_id`: whatever was born by then has come, now or in a page before.
            ranges[-1] = replace(ranges[-1], high=max(ranges[-1].high, version_id))
        return replace(self, ranges=joined(ranges))

    def after_newest_page(self, low: int, version_id: int) -> "Held":
        """The newest page of history was taken in: everything from `low` up, read at `version_id`."""
        if version_id < self.top.version:
            return self  # an answer that was overtaken
        return replace(self, ranges=overlay(self.ranges, Range(low, version_id, version_id)))

    def after_older_page(self, low: int, before_sort_key: int, version_id: int) -> "Held":
        """A page below a sort_key was taken in: everything from `low` up to it, read at `version_id`.

        The claim never rises above the top range, in place or in version, so that the open end stays true.
        """
        # Nor above what was born when the page was read: a page of what is to come is empty, and proves nothing.
        high = min(before_sort_key - 1, version_id, self.top.high)
        claim = Range(low, high, min(version_id, self.top.version))
        if claim.high < claim.low:
            return self
        return replace(self, ranges=overlay(self.ranges, claim))

    def after_full_clear(self, message_version: int) -> "Held":
        """The owner cleared everything that was there at `message_version`: of that, nothing can be missing."""
        claim = Range(0, message_version, max(message_version, self.top.version))
        return replace(self, ranges=overlay(self.ranges, claim))


def held_from_notice(session_id: SessionId, version_id: int) -> Held:
    """A message was born in a session of which nothing was held: that one is, and all after it will be.

    What the owner hid there is asked for from the beginning, since the notice may be older than that.
    """
    # Before version 1 there was nothing, so with it the whole timeline is held.
    return Held(session_id, (Range(0 if version_id == 1 else version_id, version_id, version_id),))


def held_from_page(session_id: SessionId, low: int, version_id: int, hidden_version: int) -> Held:
    """The newest page of a session of which nothing was held. `hidden_version`: the one known when it was asked for."""
    return Held(session_id, (Range(low, version_id, version_id),), hidden_version)
