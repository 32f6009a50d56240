"""Rate limits: a token bucket for each user, over all his connections and both doors."""

from collections.abc import Callable

from sixin.core import errors
from sixin.core.ids import Uid

BUCKETS_MAX = 100_000
"""Users remembered. A forgotten one starts with a full bucket, so forgetting the longest idle harms nobody."""


class Throttle:
    """Refuses a user who asks too fast. A refused request costs nothing from the bucket."""

    def __init__(self, *, per_s: int, burst: int, now_s: Callable[[], float]) -> None:
        """`per_s` requests a second in the long run, `burst` at once; `per_s` 0 refuses nobody."""
        self._per_s = per_s
        self._burst = burst
        self._now_s = now_s
        self._buckets: dict[Uid, tuple[float, float]] = {}
        """What is left in each bucket, and when that was."""

    def take(self, uid: Uid) -> None:
        """Count one request. Raises `RateLimited` with the time after which the next one passes."""
        if not self._per_s:
            return
        now_s = self._now_s()
        left, at_s = self._buckets.pop(uid, (float(self._burst), now_s))
        # A clock that steps back gives nothing, and takes nothing away either.
        left = min(self._burst, left + max(0.0, now_s - at_s) * self._per_s)
        self._buckets[uid] = (max(left - 1, 0.0) if left >= 1 else left, now_s)
        if len(self._buckets) > BUCKETS_MAX:
            del self._buckets[next(iter(self._buckets))]
        if left < 1:
            raise errors.RateLimited(max(1, round((1 - left) / self._per_s * 1_000)))
