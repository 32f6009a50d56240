"""Percentiles are right within the width of a bucket, and processes add up."""

import math
import random

import pytest

from sixin.bench.latency import GROWTH, Histogram


def histogram(latencies_s: list[float]) -> Histogram:
    counted = Histogram()
    counted.add_all(latencies_s)
    return counted


@pytest.mark.parametrize("percentile", [1, 50, 90, 99, 99.9, 100])
def test_a_percentile_is_the_exact_one_within_a_bucket(percentile: float) -> None:
    drawn = random.Random(7)
    latencies = [drawn.lognormvariate(-6, 2) for _ in range(5_000)]
    exact = sorted(latencies)[math.ceil(len(latencies) * percentile / 100) - 1]
    assert histogram(latencies).percentile_s(percentile) == pytest.approx(exact, rel=GROWTH - 1)


def test_two_processes_together_are_one_that_saw_everything() -> None:
    one, other = [0.001, 0.002, 0.5], [0.003, 4.0]
    together = histogram(one)
    together.merge(histogram(other))
    assert together == histogram(one + other)


def test_what_is_faster_than_the_first_bucket_still_counts() -> None:
    summary = histogram([0.0, 1e-9]).summary()
    assert (summary.count, summary.p50_ms, summary.longest_ms) == (2, 0.0, 0.0)


def test_nothing_measured_is_nothing() -> None:
    assert histogram([]).summary().p999_ms == 0.0
