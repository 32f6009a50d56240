"""Latencies in buckets that grow with the value: an error of at most one in a hundred, at any length of a run."""

import math
from collections.abc import Iterable

from msgspec import Struct

GROWTH = 1.01
"""Each bucket's upper bound over its lower one. Half of it is the error of a percentile: ±0.5 %."""

FLOOR_S = 1e-6
"""What is faster than a microsecond counts as one."""

PERCENTILES = (50.0, 90.0, 99.0, 99.9)

_LOG_GROWTH = math.log(GROWTH)


class Histogram(Struct):
    """How often each latency occurred. Two of them add up exactly, so processes count apart."""

    counts: dict[int, int] = {}
    """By bucket: `GROWTH ** bucket` microseconds is its lower bound."""
    longest_s: float = 0.0
    total_s: float = 0.0

    @property
    def count(self) -> int:
        """Latencies seen."""
        return sum(self.counts.values())

    def add_all(self, latencies_s: Iterable[float]) -> None:
        """Count these, in seconds."""
        counts, log = self.counts, math.log
        for latency_s in latencies_s:
            bucket = int(log(max(latency_s, FLOOR_S) / FLOOR_S) / _LOG_GROWTH)
            counts[bucket] = counts.get(bucket, 0) + 1
            self.longest_s = max(self.longest_s, latency_s)
            self.total_s += latency_s

    def merge(self, other: "Histogram") -> None:
        """Take in what another process counted."""
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.longest_s = max(self.longest_s, other.longest_s)
        self.total_s += other.total_s

    def percentile_s(self, percentile: float) -> float:
        """The latency that `percentile` of 100 stayed at or below; 0 where nothing was counted."""
        wanted = math.ceil(self.count * percentile / 100)
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= wanted:
                return min(FLOOR_S * math.pow(GROWTH, bucket + 0.5), self.longest_s)
        return 0.0

    def summary(self) -> "Latency":
        """What a table shows of it."""
        p50, p90, p99, p999 = (round(self.percentile_s(percentile) * 1_000, 3) for percentile in PERCENTILES)
        count = self.count
        return Latency(
            count=count,
            mean_ms=round(self.total_s / count * 1_000, 3) if count else 0.0,
            p50_ms=p50,
            p90_ms=p90,
            p99_ms=p99,
            p999_ms=p999,
            longest_ms=round(self.longest_s * 1_000, 3),
        )


class Latency(Struct, frozen=True):
    """Percentiles in milliseconds, from the time a request should have been sent to its answer."""

    count: int
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    longest_ms: float
