"""People who are away, asleep, underground or too slow: when they are back, they hold what everybody holds."""

import asyncio
import time
from pathlib import Path
from random import Random

import pytest

from sixin.client import Disconnected
from sixin.client.pending import Pending
from sixin.client.transport import WebSocketTransport
from sixin.core.ids import Uid
from sixin.core.message import Message
from sixin.server.auth import Tokens
from tests.crash.server import SECRET, ServerProcess
from tests.scenarios.people import UIDS, WAIT_S, People, people_in
from tests.witness import Witness, WitnessedClient


@pytest.mark.parametrize("seed", [7, 8])
async def test_a_phone_that_slept_ends_up_with_what_the_browser_saw(people: People, seed: int) -> None:
    browser, phone = await people.devices("ann", 2)
    ben, eve = await people.device("ben"), await people.device("eve", in_a_file=True)
    await people.busy_afternoon(seed, browser, ben, phone, acts=60)
    await phone.sleep()
    await people.busy_afternoon(seed + 100, browser, ben, eve)
    await phone.wake()

    assert await phone.holds() == await browser.holds() == await people.truth_for("ann")
    assert await ben.holds() == await people.truth_for("ben")
    assert await eve.holds() == await people.truth_for("eve")


async def test_a_new_device_shows_what_the_old_ones_show(people: People) -> None:
    browser, ben = await people.device("ann"), await people.device("ben")
    await people.busy_afternoon(3, browser, ben)
    new = await people.device("ann", in_a_file=True)
    assert await new.holds() == await browser.holds() == await people.truth_for("ann")


async def test_what_is_said_underground_is_shown_at_once_and_delivered_once_and_in_order(people: People) -> None:
    ann, tablet = await people.devices("ann", 2)
    ben = await people.device("ben")
    await ann.says("ben", "going down")
    await ann.sleep()
    said = [f"underground {nth}" for nth in range(10)]
    pending = [await ann.me.send(UIDS["ben"], text) for text in said]
    assert [entry.body.decode() for entry in ann.me.outbox(UIDS["ben"])] == [
        f'{{"text":"{text}","type":"text"}}' for text in said
    ]
    await ben.says("ann", "are you there?")
    assert not any(one.done for one in pending)

    await ann.wake()
    delivered = [await one.delivered() for one in pending]
    assert ann.me.outbox() == []
    assert [message.seq_id for message in delivered] == [one.seq_id for one in pending]
    await ben.catches_up()
    everything = ["going down", "are you there?", *said]
    assert await ann.texts("ben") == await tablet.texts("ben") == await ben.texts("ann") == everything
    assert ben.me.unread_total == 11


async def test_who_stops_reading_is_closed_and_repairs_himself(tmp_path: Path, witness: Witness) -> None:
    async with people_in(tmp_path, witness, buffer_bytes_max=2**20) as people:
        ann, ben = await people.device("ann"), await people.device("ben")
        ben.eyes.open.clear()
        said: list[Pending[Message]] = []
        while not people.house.node.websocket.byes:
            said += [await ann.me.send(UIDS["ben"], f"{len(said) + nth} " + "x" * 3_000) for nth in range(50)]
            await said[-1].delivered()
            assert len(said) < 20_000
        assert people.house.node.websocket.byes == {"slow": 1}

        ben.eyes.open.set()
        await ben.hears(Disconnected)
        ben.me.go_online()
        await ben.catches_up()
        assert ben.eyes.connections == 2
        assert await ben.holds() == await people.truth_for("ben")
        assert ben.me.unread_total == len(said)


@pytest.mark.parametrize("how", ["told to stop", "killed"])
async def test_a_server_that_restarts_in_the_middle_is_hardly_noticed(
    tmp_path: Path, witness: Witness, how: str
) -> None:
    server = ServerProcess(tmp_path, "sqlite")
    await server.start()

    def device(name: str, uid: int, file: Path | None = None) -> WitnessedClient:
        token = Tokens(SECRET).mint(Uid(uid), now_s=time.time(), ttl_s=600)
        way = WebSocketTransport(server.url)
        return WitnessedClient(witness, name, way, token, file=file, chance=Random(uid))

    try:
        async with (
            asyncio.timeout(2 * WAIT_S),
            device("ann", 1001, tmp_path / "ann.db") as ann,
            device("ben", 1002) as ben,
        ):
            before = [await ann.send(1002, f"before {nth}") for nth in range(40)]
            before += [await ben.send(1001, f"and before {nth}") for nth in range(40)]
            await before[5].delivered()
            await (server.stop() if how == "told to stop" else server.kill())
            meanwhile = [await one.send(to, "is it only me?") for one, to in ((ann, 1002), (ben, 1001))]
            await server.start()
            for one in (ann, ben):
                one.go_online()
            said = [await one.delivered() for one in before + meanwhile]
            for one in (ann, ben, ann):
                await one.synced()

            pages = [(await one.history("1001:1002", limit=500)).messages for one in (ann, ben)]
            assert pages[0] == pages[1] == sorted(said, key=lambda message: message.sort_key)
            assert [message.ordinal for message in pages[0]] == list(range(1, 83))
            assert (ann.unread_total, ben.unread_total) == (41, 41)
            ann.looked_at()
            ben.looked_at()
    finally:
        await server.kill()
    await witness.looks_into_file(tmp_path / "data")
