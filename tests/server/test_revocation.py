"""A revoked token opens no door, and the connections that stand on it end."""

import asyncio
import json

import pytest

from sixin.core import errors
from sixin.core.ids import Uid
from sixin.server.auth import Tokens
from tests.server.house import House

BOUND_S = 1.0
"""On the node that is asked; another node learns it by the bus, or within `REVOCATIONS_POLL_S`."""


async def revoke(house: House, uid: int) -> None:
    answer = await house.post("/v1/admin/revoke", f'{{"uid":"{uid}"}}'.encode(), token=house.token(1, role="admin"))
    assert answer.ok is not None, answer


async def test_a_revoked_connection_is_told_and_ends_within_the_bound(house: House) -> None:
    phone, other = await house.device(1001), await house.device(1002)
    await revoke(house, 1001)
    async with asyncio.timeout(BOUND_S):
        assert (await phone.notice("bye"))["code"] == "revoked"
    await other.say(1001, "are you there?", 1)
    assert await phone.rest() == []


async def test_a_revoked_token_is_refused_at_both_doors_and_a_later_one_is_not(house: House) -> None:
    old = house.token(1001)
    await revoke(house, 1001)
    refused = await house.post("/v1/unread", b"{}", token=old)
    assert refused.code == "unauthenticated"
    device = await house.connect()
    greeted = await device.ask_raw("hello", json.dumps({"token": old}).encode())
    assert greeted.code == "unauthenticated"
    later = house.node.tokens.mint(Uid(1001), now_s=house.node.clock_ms() / 1_000 + 1, ttl_s=60)
    assert (await house.post("/v1/unread", b"{}", token=later)).ok is not None


async def test_only_an_admin_may_revoke(house: House) -> None:
    refused = await house.post("/v1/admin/revoke", b'{"uid":"1002"}', token=house.token(1001))
    assert refused.code == "forbidden"


def test_a_token_checked_before_it_was_revoked_is_refused_when_it_is_used() -> None:
    tokens = Tokens("x" * 32)
    identity = tokens.check(tokens.mint(Uid(7), now_s=100, ttl_s=60), now_s=101)
    tokens.refuse_revoked(identity)
    tokens.revoke(Uid(7), 101)
    with pytest.raises(errors.Unauthenticated):
        tokens.refuse_revoked(identity)
