"""Rate limits: one bucket for each user, over both doors and all his connections."""

import pytest

from sixin.core import errors
from sixin.core.ids import Uid
from sixin.server.gateway import throttle
from sixin.server.gateway.throttle import Throttle
from tests.server.house import open_house

ANN, BOB = Uid(1001), Uid(1002)


class Hand:
    """A clock moved by hand."""

    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def taken(bucket: Throttle, uid: Uid = ANN, tries: int = 1_000) -> int:
    """How many requests pass at once."""
    for count in range(tries):
        try:
            bucket.take(uid)
        except errors.RateLimited:
            return count
    return tries


def test_a_burst_passes_and_then_a_steady_rate() -> None:
    clock = Hand()
    bucket = Throttle(per_s=10, burst=25, now_s=clock)
    assert taken(bucket) == 25
    clock.now_s += 1
    assert taken(bucket) == 10
    clock.now_s += 3_600
    assert taken(bucket) == 25


def test_the_time_it_names_is_enough_and_a_moment_less_is_not() -> None:
    clock = Hand()
    bucket = Throttle(per_s=3, burst=1, now_s=clock)
    bucket.take(ANN)
    with pytest.raises(errors.RateLimited) as refused:
        bucket.take(ANN)
    clock.now_s += refused.value.retry_after_ms / 1_000 - 0.002
    with pytest.raises(errors.RateLimited):
        bucket.take(ANN)
    clock.now_s += 0.002 + 1e-3
    bucket.take(ANN)


def test_a_refusal_costs_nothing() -> None:
    clock = Hand()
    bucket = Throttle(per_s=1, burst=1, now_s=clock)
    bucket.take(ANN)
    for _ in range(100):
        assert taken(bucket) == 0
    clock.now_s += 1.001
    assert taken(bucket) == 1


def test_a_clock_that_steps_back_locks_nobody_out() -> None:
    clock = Hand()
    bucket = Throttle(per_s=10, burst=10, now_s=clock)
    assert taken(bucket) == 10
    clock.now_s -= 3_600
    assert taken(bucket) == 0
    clock.now_s += 1
    assert taken(bucket) == 10


def test_nobody_pays_for_another_and_zero_means_no_limit() -> None:
    bucket = Throttle(per_s=1, burst=2, now_s=Hand())
    assert taken(bucket, ANN) == taken(bucket, BOB) == 2
    assert taken(Throttle(per_s=0, burst=1, now_s=Hand())) == 1_000


def test_only_so_many_users_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "BUCKETS_MAX", 10)
    bucket = Throttle(per_s=1, burst=1, now_s=Hand())
    for uid in range(1, 100):
        bucket.take(Uid(uid))
    assert len(bucket._buckets) == 10


async def test_one_limit_holds_over_both_doors_and_says_when_to_come_again() -> None:
    async with open_house(requests_per_s=1, requests_burst=4) as house:
        phone, tablet = await house.device(ANN), await house.device(ANN)
        await phone.ask("unread")
        await tablet.ask("unread")
        await house.done("http", ANN, "unread")
        await phone.ask("unread")
        refused = await tablet.ask_raw("unread", b"{}")
        assert refused.code == "rate_limited"
        assert refused.error is not None
        assert 0 < refused.error["retry_after_ms"] <= 1_000
        headers = {"Authorization": f"Bearer {house.token(ANN)}"}
        async with house.client.post(f"{house.url}/v1/unread", headers=headers) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "1")
            assert (await response.json())["error"]["retry_after_ms"] > 0
        await house.done("http", BOB, "unread")
        house.clock.ahead_ms += 1_000
        assert await tablet.ask("unread") == {"unread_total": 0}


async def test_a_request_over_the_limit_changes_nothing() -> None:
    async with open_house(requests_per_s=1, requests_burst=1) as house:
        await house.done("http", ANN, "unread")
        body = b'{"to":"1002","seq_id":1,"content":{"type":"text","text":"a"}}'
        assert (await house.ask("http", ANN, "send", body)).code == "rate_limited"
        assert not any(house.state().values())
