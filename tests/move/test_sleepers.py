"""Devices that slept across a move wake up equal, and have noticed nothing."""

import asyncio
from pathlib import Path

import pytest

import sixin
from sixin.client import Client
from sixin.core.ids import pair_session_id
from sixin.server.move.copy import copy
from sixin.server.move.places import source_of, target_of
from tests.cluster.nodes import SixinNode, token

pytestmark = pytest.mark.timeout(120)

ANN, BEN = 1001, 1002


async def test_a_phone_that_slept_across_a_move_wakes_up_equal_to_a_new_one(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    def phone(node: SixinNode, uid: int, name: str) -> Client:
        return sixin.connect(node.url, token(uid), store=str(tmp_path / f"{name}.db"))

    sqlite = SixinNode("sqlite", "local")
    try:
        await asyncio.to_thread(sqlite.start)
        async with phone(sqlite, ANN, "ann") as ann:
            async with phone(sqlite, BEN, "ben") as ben:
                said = [await (await ann.send(BEN, f"number {nth}")).delivered() for nth in range(20)]
                await ben.synced()
                await (await ben.read(ANN)).delivered()
            # Ben's phone sleeps. What happens now, it learns from the other server.
            await ann.recall(BEN, said[3].msg_id)
            for nth in range(20, 30):
                await (await ann.send(BEN, f"number {nth}")).delivered()
        await asyncio.to_thread(sqlite.stop)

        await copy(source_of(str(sqlite.folder), hold=True), target_of(empty_postgres_url), lambda _: None)
        postgres = SixinNode(empty_postgres_url, "local")
        try:
            await asyncio.to_thread(postgres.start)
            async with phone(postgres, BEN, "ben") as woken, phone(postgres, BEN, "new") as new:
                await asyncio.gather(woken.synced(), new.synced())
                texts = [message.text for message in (await woken.history(ANN, limit=50)).messages]
                assert texts == [None if nth == 3 else f"number {nth}" for nth in range(30)]
                await new.history(ANN, limit=50)
                assert woken.contacts() == new.contacts()
                assert woken.unread_total == new.unread_total == 10
                session_id = pair_session_id(ANN, BEN)  # type: ignore[arg-type]
                assert woken.local_copy().messages[session_id] == new.local_copy().messages[session_id]
                assert (await (await woken.send(ANN, "good morning")).delivered()).ordinal == 31
        finally:
            await asyncio.to_thread(postgres.__exit__, None, None, None)
    finally:
        await asyncio.to_thread(sqlite.__exit__, None, None, None)
