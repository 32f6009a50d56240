"""Notices: everybody who must know is told, after the commit, with the change inside where it is small."""

import asyncio
import json
from typing import Any

import pytest

from sixin.core.limits import NOTICE_BYTES_MAX
from sixin.server.gateway.socket import Socket
from tests.server.house import Device, House, Json, open_house
from tests.server.stores import HeldStore

ANN, BOB = 1001, 1002


async def test_every_connection_of_both_users_is_told_the_acting_one_and_the_senders_others_too(house: House) -> None:
    devices = [await house.device(uid) for uid in (ANN, ANN, BOB, BOB)]
    stranger = await house.device(1003)
    said = await devices[0].say(BOB, "to all of us", 1)
    for device in devices:
        message, contact = await device.notice("message"), await device.notice("contact")
        assert message == {"notice": "message", "session_id": "1001:1002", "version_id": 1, "message": said}
        assert contact["contact"]["last_message"] == said
        assert contact["contact"]["owner"] == device.welcome["uid"]
        assert contact["version_id"] == contact["contact"]["version_id"] == 1
    assert await stranger.nothing_more() == []


async def test_what_comes_through_http_is_told_to_the_sockets(house: House) -> None:
    ann, bob = await house.device(ANN), await house.device(BOB)
    await house.done("http", ANN, "send", to="1002", seq_id=1, content={"type": "text", "text": "a"})
    for device in (ann, bob):
        assert (await device.notice("message"))["message"]["sender"] == "1001"


async def test_nothing_leaves_before_the_commit() -> None:
    store = HeldStore()
    async with open_house(store=store) as house:
        ann, bob = await house.device(ANN), await house.device(BOB)
        store.hold()
        await ann.send_frame(
            b'{"id":9,"op":"send","body":{"to":"1002","seq_id":1,"content":{"type":"text","text":"a"}}}'
        )
        await store.holding.wait()
        # Both connections answer what needs no commit, and say nothing of the message.
        assert await ann.nothing_more() == []
        assert await bob.nothing_more() == []
        assert (await bob.ask("pull_new", to="1001", after_version=0))["messages"] == []
        store.release()
        assert (await ann.answer(9)).ok is not None
        assert (await bob.notice("message"))["version_id"] == 1


async def test_a_refused_or_repeated_command_tells_nobody(house: House) -> None:
    ann, bob = await house.device(ANN), await house.device(BOB)
    said = await ann.say(BOB, "once", 1)
    await ann.nothing_more()
    await bob.nothing_more()
    assert await ann.say(BOB, "once", 1) == said
    assert (await ann.ask_raw("pin", b'{"to":"1003","pinned":true}')).code == "not_found"
    for device in (ann, bob):
        assert await device.nothing_more() == []


@pytest.mark.parametrize(("size", "inside"), [(NOTICE_BYTES_MAX // 2, True), (NOTICE_BYTES_MAX + 1, False)])
async def test_the_change_is_inside_when_it_is_small(house: House, size: int, inside: bool) -> None:
    ann, bob = await house.device(ANN), await house.device(BOB)
    await ann.say(BOB, "x" * size, 1)
    message, contact = await bob.notice("message"), await bob.notice("contact")
    assert ("message" in message) is inside
    assert ("contact" in contact) is inside
    assert (message["version_id"], contact["version_id"]) == (1, 1)
    assert message["session_id"] == "1001:1002"


async def test_who_cleared_or_hid_a_message_is_told_its_version_and_never_the_message(house: House) -> None:
    ann, bob = await house.device(ANN), await house.device(BOB)
    hidden = await ann.say(BOB, "hidden by Bob", 1)
    cleared = await ann.say(BOB, "cleared by Bob", 2)
    await bob.ask("delete", to="1001", msg_ids=[hidden["msg_id"]], scope="me")
    await ann.ask("recall", to="1002", msg_id=hidden["msg_id"])
    await bob.ask("clear", to="1001")
    await ann.ask("recall", to="1002", msg_id=cleared["msg_id"])
    versions = [notice for notice in await bob.nothing_more() if notice["notice"] == "message"][2:]
    assert versions == [
        {"notice": "message", "session_id": "1001:1002", "version_id": 3},
        {"notice": "message", "session_id": "1001:1002", "version_id": 4},
    ]
    recalls = [notice for notice in await ann.nothing_more() if notice["notice"] == "message"][2:]
    assert [notice["message"]["status"] for notice in recalls] == ["recalled", "recalled"]


@pytest.mark.parametrize("op", ["pin", "mute", "label", "delete", "clear", "delete_contact"])
async def test_what_a_user_does_with_his_own_list_is_told_to_him_alone(house: House, op: str) -> None:
    ann, tablet, bob = await house.device(ANN), await house.device(ANN), await house.device(BOB)
    said = await bob.say(ANN, "hello", 1)
    for device in (ann, tablet, bob):
        await device.nothing_more()
    bodies: dict[str, dict[str, Any]] = {
        "pin": {"pinned": True},
        "mute": {"muted": True},
        "label": {"labels": ["x"]},
        "delete": {"msg_ids": [said["msg_id"]], "scope": "me"},
    }
    changed = (await ann.ask(op, to="1002", **bodies.get(op, {})))["contact"]
    for device in (ann, tablet):
        assert await device.nothing_more() == [
            {"notice": "contact", "version_id": changed["version_id"], "contact": changed}
        ]
    assert await bob.nothing_more() == []


async def test_reading_clears_the_other_devices_and_tells_the_peer_how_far(house: House) -> None:
    ann, tablet, bob = await house.device(ANN), await house.device(ANN), await house.device(BOB)
    said = await bob.say(ANN, "hello", 1)
    for device in (ann, tablet, bob):
        await device.nothing_more()
    await ann.ask("read", to="1002", msg_id=said["msg_id"])
    assert [notice["contact"]["unread"] for notice in await tablet.nothing_more()] == [0]
    assert [notice["contact"]["peer_read_msg_id"] for notice in await bob.nothing_more()] == [said["msg_id"]]


async def test_typing_is_told_to_the_others_and_stored_nowhere(house: House) -> None:
    ann, tablet, bob = await house.device(ANN), await house.device(ANN), await house.device(BOB)
    assert await ann.ask("typing", to="1002") == {}
    assert await bob.nothing_more() == [{"notice": "typing", "session_id": "1001:1002", "uid": "1001"}]
    assert await ann.nothing_more() == await tablet.nothing_more() == []
    assert not any(house.state().values())
    assert await ann.ask("typing", to="1001") == {}  # to oneself: nobody else is there
    assert await tablet.nothing_more() == []


async def test_the_frames_of_one_batch_leave_in_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    store = HeldStore()
    async with open_house(store=store) as house:
        ann, bob = await house.device(ANN), await house.device(BOB)
        writes: list[int] = []
        write = Socket.write_framed

        def counted(socket: Socket, payloads: Any) -> None:
            writes.append(len(payloads))
            write(socket, payloads)

        store.hold()
        await _send_many(ann, 1, 1)
        await store.holding.wait()
        await _send_many(ann, 2, 51)  # 50 that wait for the first one's commit: the next batch
        await ann.nothing_more()
        monkeypatch.setattr(Socket, "write_framed", counted)
        store.release()
        assert len(await _messages(bob, 51)) == 51
    # For each message Bob gets two notices, and Ann the same and an answer; the store waited for nothing between its
    # two batches, so both are in one write.
    assert sorted(writes) == [51 * 2, 51 * 3]


async def test_notices_of_one_timeline_come_in_version_order(house: House) -> None:
    ann, bob = await house.device(ANN), await house.device(BOB)
    await asyncio.gather(_send_many(ann, 1, 100), _send_many(bob, 1, 100, to=ANN))
    for device in (ann, bob):
        assert [notice["version_id"] for notice in await _messages(device, 200)] == list(range(1, 201))


async def _send_many(device: Device, first: int, last: int, to: int = BOB) -> None:
    for seq_id in range(first, last + 1):
        body = {"to": str(to), "seq_id": seq_id, "content": {"type": "text", "text": f"number {seq_id}"}}
        await device.send_frame(json.dumps({"id": 10_000 + seq_id, "op": "send", "body": body}).encode())


async def _messages(device: Device, count: int) -> list[Json]:
    """Message notices, answers aside."""
    found: list[Json] = []
    while len(found) < count:
        frame = await device.frame()
        assert frame is not None
        if frame.get("notice") == "message":
            found.append(frame)
    return found
