"""Revoked tokens are remembered by every engine, and are no registration."""

import asyncio

from sixin.core import commands
from sixin.core.commands import Policy
from sixin.core.contact import Profile
from sixin.core.ids import Uid
from sixin.server.store.writer import Writer
from tests.conformance.scene import Place


async def test_revoking_registers_nobody_and_registering_brings_no_token_back(place: Place) -> None:
    async with asyncio.TaskGroup() as tasks:
        writer = Writer(place.store, now_ms=lambda: 0, policy=Policy(), committed=lambda _: None)
        tasks.create_task(writer.run())
        revoked = await writer.change(commands.RevokeTokens(Uid(1001), 500))
        assert revoked.answer == Profile(Uid(1001), registered=False, tokens_from_s=500)
        again = await writer.change(commands.RevokeTokens(Uid(1001), 400))
        assert again.answer == revoked.answer
        registered = await writer.change(commands.PutProfile(Profile(Uid(1001), name="Ann")))
        assert registered.answer == Profile(Uid(1001), name="Ann", tokens_from_s=500)
        writer.stop()
    assert await place.store.revocations() == [(1001, 500)]


async def test_a_restart_forgets_no_revocation(durable_place: Place) -> None:
    async with asyncio.TaskGroup() as tasks:
        writer = Writer(durable_place.store, now_ms=lambda: 0, policy=Policy(), committed=lambda _: None)
        tasks.create_task(writer.run())
        await writer.change(commands.RevokeTokens(Uid(1001), 500))
        await writer.change(commands.PutProfile(Profile(Uid(1002))))
        writer.stop()
    await durable_place.reopen()
    assert await durable_place.store.revocations() == [(1001, 500)]
