"""What went wrong in a sibling system, defect by defect: each test would fail if we had it."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sixin.server.store.sqlite import SqliteStore
from tests.matrix import KNOWN_FAILURES, Ground
from tests.scenarios.street import Street
from tests.server.house import Answer, Device, Json, open_house
from tests.witness import Witness

ANN, BOB = 1001, 1002
BOTH = "1001:1002"


@pytest.fixture(params=KNOWN_FAILURES, ids=str)
async def house(request: pytest.FixtureRequest, witness: Witness) -> AsyncIterator[Street]:
    """A server, or several, wherever it can run."""
    async with Ground(request.param, request).houses(witness) as houses:
        yield Street(houses)


async def history(device: Device, limit: int = 7) -> list[Json]:
    """The whole visible history by pages of `pull_old`, oldest first; every page but the last is full."""
    found: list[Json] = []
    before: dict[str, int] = {}
    while True:
        page = await device.ask("pull_old", session_id=BOTH, limit=limit, **before)
        found = page["messages"] + found
        if not page["more"]:
            return found
        assert len(page["messages"]) == limit
        before = {"before_sort_key": page["messages"][0]["sort_key"]}


async def changes(device: Device, after: int = 0, limit: int = 7) -> list[Json]:
    """Every visible change by pages of `pull_new`."""
    found: list[Json] = []
    while True:
        page = await device.ask("pull_new", session_id=BOTH, after_version=after, limit=limit)
        found += page["messages"]
        assert page["version_id"] >= after
        after = page["version_id"]
        if not page["more"]:
            return found
        assert len(page["messages"]) == limit


async def contact_of(device: Device) -> Json:
    found: Json = (await device.ask("contact", session_id=BOTH))["contact"]
    return found


async def test_a_clear_watermark_is_a_message_and_never_a_version(house: Street) -> None:
    ann, bob = await house.device(ANN), await house.device(BOB)
    for seq_id in range(1, 4):
        last = await bob.say(ANN, f"number {seq_id}", seq_id)
    await bob.ask("recall", session_id=BOTH, msg_id=last["msg_id"])  # version and number of messages differ from now on
    cleared = (await ann.ask("clear", session_id=BOTH))["contact"]
    assert cleared["last_del_msg_id"] == last["msg_id"]
    assert await history(ann) == await changes(ann) == []

    newer = await bob.say(ANN, "after the clear", 4)
    assert await history(ann) == await changes(ann) == [newer]
    assert len(await history(bob)) == 4


async def test_invisible_messages_do_not_break_a_page(house: Street) -> None:
    ann, bob = await house.device(ANN), await house.device(BOB)
    said = [(await bob.say(ANN, f"number {seq_id}", seq_id))["msg_id"] for seq_id in range(1, 61)]
    await ann.ask("clear", session_id=BOTH, up_to_msg_id=said[4])
    await ann.ask("delete", session_id=BOTH, msg_ids=said[9:40], scope="me")
    await ann.ask("delete", session_id=BOTH, msg_ids=said[41:60:2], scope="me")
    visible = [*said[5:9], *said[40:60:2]]
    for limit in (1, 2, 7, 500):
        assert [message["msg_id"] for message in await history(ann, limit)] == visible
        assert [message["msg_id"] for message in await changes(ann, 0, limit)] == visible


async def test_a_preview_is_the_newest_message_its_owner_sees_after_whatever_happened(house: Street) -> None:
    ann, bob = await house.device(ANN), await house.device(BOB)
    said = [await bob.say(ANN, f"number {seq_id}", seq_id) for seq_id in range(1, 9)]

    async def previews_are_right() -> None:
        for device in (ann, bob):
            seen = await history(device)
            assert (await contact_of(device))["last_message"] == (seen[-1] if seen else None)

    await previews_are_right()
    for device, op, body in (
        (ann, "delete", {"msg_ids": [said[7]["msg_id"]], "scope": "me"}),
        (ann, "delete", {"msg_ids": [said[5]["msg_id"], said[6]["msg_id"]], "scope": "me"}),
        (bob, "recall", {"msg_id": said[4]["msg_id"]}),
        (bob, "recall", {"msg_id": said[7]["msg_id"]}),
        (bob, "delete", {"msg_ids": [said[6]["msg_id"]], "scope": "all"}),
        (ann, "delete", {"msg_ids": [said[4]["msg_id"]], "scope": "me"}),
        (ann, "clear", {"up_to_msg_id": said[2]["msg_id"]}),
        (ann, "delete", {"msg_ids": [said[3]["msg_id"]], "scope": "me"}),
        (bob, "delete_contact", {}),
    ):
        await device.ask(op, session_id=BOTH, **body)
        await previews_are_right()
    await bob.say(ANN, "and again", 9)
    await previews_are_right()


async def test_contact_versions_become_visible_in_order_for_one_owner(house: Street) -> None:
    ann = await house.device(ANN)
    senders = [await house.device(uid) for uid in range(2001, 2013)]
    held: dict[str, Json] = {}
    cursor = 0

    async def pull() -> None:
        nonlocal cursor
        page = await ann.ask("pull_contacts", after_version=cursor, limit=5)
        for contact in page["contacts"]:
            assert contact["version_id"] > cursor
            held[contact["session_id"]] = contact
        cursor = page["version_id"]

    async def talk(device: Device) -> None:
        for seq_id in range(1, 9):
            await device.say(ANN, "hello", seq_id)

    talking = asyncio.gather(*(talk(device) for device in senders))
    while not talking.done() or cursor < 12 * 8:
        await pull()
    await talking
    everything = (await ann.ask("pull_contacts", after_version=0))["contacts"]
    assert sorted(held.values(), key=lambda contact: contact["version_id"]) == everything
    every = list(range(1, 12 * 8 + 1))
    told: list[int] = []
    while not set(told) >= set(every):
        told.append((await ann.notice("contact"))["version_id"])
    told += [notice["version_id"] for notice in await ann.nothing_more() if notice["notice"] == "contact"]
    # From the house she is in they come in order; from several, each by its own way.
    assert (told if len(house.houses) == 1 else sorted(set(told))) == every


@pytest.mark.parametrize("seed", [1, 2])
async def test_unread_is_never_negative_nor_doubled_by_retries(house: Street, seed: int) -> None:
    pick = random.Random(seed)
    ann, bob = await house.device(ANN), await house.device(BOB)
    said: list[str] = []
    for seq_id in range(1, 60):
        text = {"to": str(ANN), "seq_id": seq_id, "content": {"type": "text", "text": "a"}}
        answers = await asyncio.gather(*(house.done("http", BOB, "send", **text) for _ in range(pick.randint(1, 3))))
        said.append(answers[0]["message"]["msg_id"])
        op, by = pick.choice((("read", ann), ("recall", bob), ("delete", ann), ("all", bob), ("clear", ann)))
        msg_id = pick.choice(said)
        bodies: dict[str, dict[str, Any]] = {
            "read": {"msg_id": msg_id},
            "recall": {"msg_id": msg_id},
            "delete": {"msg_ids": [msg_id], "scope": "me"},
            "all": {"msg_ids": [msg_id], "scope": "all"},
            "clear": {"up_to_msg_id": msg_id},
        }
        if pick.random() < 0.5:
            body = json.dumps({"session_id": BOTH, **bodies[op]}).encode()
            for _ in range(2):  # whatever it is, once more changes nothing
                await by.ask_raw("delete" if op == "all" else op, body)
        contact = await contact_of(ann)
        mark = max(int(contact["last_read_msg_id"]), int(contact["last_del_msg_id"]))
        recount = sum(
            message["sender"] == str(BOB) and message["status"] == "normal" and int(message["msg_id"]) > mark
            for message in await history(ann, 500)
        )
        assert contact["unread"] == recount
        assert await ann.ask("unread") == {"unread_total": recount}


async def test_both_contacts_are_there_when_the_reply_arrives(house: Street) -> None:
    for peer in range(2001, 2041):
        said = await house.done("http", ANN, "send", to=str(peer), seq_id=1, content={"type": "text", "text": "a"})
        for owner in (ANN, peer):
            session_id = said["message"]["session_id"]
            contact = (await house.done("http", owner, "contact", session_id=session_id))["contact"]
            assert contact["last_message"] == said["message"]
            assert contact["unread"] == (owner == peer)


async def test_a_pin_survives_later_messages(house: Street) -> None:
    ann, bob, eve = await house.device(ANN), await house.device(BOB), await house.device(1003)
    await bob.say(ANN, "pin me", 1)
    await ann.ask("pin", session_id=BOTH, pinned=True)
    for seq_id in range(2, 8):
        await eve.say(ANN, "later", seq_id)
        await bob.say(ANN, "from the other side", seq_id)
        await ann.say(BOB, "from mine", seq_id)
        await eve.say(ANN, "latest", seq_id + 100)
        contacts = (await ann.ask("pull_contacts", after_version=0))["contacts"]
        by_place = sorted(contacts, key=lambda contact: -contact["sort_key"])
        assert [(contact["session_id"], contact["pinned"]) for contact in by_place] == [
            (BOTH, True),
            ("1001:1003", False),
        ]
    unpinned = (await ann.ask("pin", session_id=BOTH, pinned=False))["contact"]
    assert unpinned["sort_key"] < by_place[1]["sort_key"]
    assert not (await contact_of(bob))["pinned"]


async def test_a_read_finds_what_was_written_just_before(house: Street) -> None:
    for seq_id in range(1, 61):
        writing, reading = ("http", "socket") if seq_id % 2 else ("socket", "http")
        text = {"type": "text", "text": f"number {seq_id}"}
        said = (await house.done(writing, ANN, "send", to=str(BOB), seq_id=seq_id, content=text))["message"]
        for uid in (ANN, BOB):
            page = await house.done(reading, uid, "pull_old", session_id=BOTH, limit=1)
            assert page["messages"] == [said]
            contact = (await house.done(reading, uid, "contact", session_id=BOTH))["contact"]
            assert contact["message_version"] == page["version_id"] == said["version_id"]
        assert await house.done(reading, BOB, "unread") == {"unread_total": seq_id}


async def test_equal_ids_of_different_kinds_do_not_collide(house: Street) -> None:
    text = {"type": "text", "text": "a"}
    pairs = [(1, 23), (12, 3), (123, 123), (1, 123), (5, 5), (1231, 23)]
    first = {}
    for one, other in pairs:  # everybody uses the same seq_id everywhere
        for uid in {one, other}:
            to = str(other if uid == one else one)
            said = (await house.done("http", uid, "send", to=to, seq_id=5, content=text))["message"]
            first[said["session_id"], uid] = said
    # A user whose uid is a message's id, and one whose uid is its own session's newest version.
    twin = next(iter(first.values()))["msg_id"]
    first[twin, 1] = (await house.done("http", 1, "send", to=twin, seq_id=5, content=text))["message"]

    assert len({message["msg_id"] for message in first.values()}) == len(first)
    for one, other in pairs:
        page = await house.done("http", one, "pull_old", to=str(other))
        assert [m["sender"] for m in page["messages"]] == [
            str(uid) for (session_id, uid) in first if session_id == f"{min(one, other)}:{max(one, other)}"
        ]
    group = json.dumps({"session_id": "g5", "after_version": 0}).encode()
    assert (await house.ask("http", 5, "pull_new", group)).code == "not_found"


async def test_the_senders_other_devices_are_told(house: Street) -> None:
    phone, tablet = await house.device(ANN), await house.device(ANN)
    said = await phone.say(BOB, "from my phone", 1)
    assert (await tablet.notice("message"))["message"] == said
    assert (await tablet.notice("contact"))["contact"]["last_message"] == said


async def test_retries_make_one_message_over_every_door_and_device(house: Street) -> None:
    devices = [await house.device(ANN) for _ in range(4)]
    body = json.dumps({"to": str(BOB), "seq_id": 1, "content": {"type": "text", "text": "once"}}).encode()
    answers: list[Answer] = await asyncio.gather(
        *(device.ask_raw("send", body) for device in devices),
        *(house.post("/v1/send", body, token=house.token(ANN)) for _ in range(8)),
    )
    assert len({json.dumps(answer.ok) for answer in answers}) == 1
    assert answers[0].ok is not None
    assert len(await history(devices[0])) == 1
    assert (await house.done("http", BOB, "unread")) == {"unread_total": 1}


async def test_a_retry_after_a_restart_gets_the_first_answer(tmp_path: Path, witness: Witness) -> None:
    text = {"type": "text", "text": "once"}
    answers = []
    for start in range(3):
        async with open_house(store=SqliteStore(tmp_path), witness=witness) as house:
            house.clock.ahead_ms += start * 366 * 86_400_000
            answers.append(await house.done("http", ANN, "send", to=str(BOB), seq_id=1, content=text))
            other = json.dumps({"to": str(BOB), "seq_id": 1, "content": {"type": "text", "text": "twice"}}).encode()
            assert (await house.ask("socket", ANN, "send", other)).code == "conflict"
    assert answers[0] == answers[1] == answers[2]


async def test_the_sender_is_the_tokens_whatever_the_body_says(house: Street) -> None:
    text = {"type": "text", "text": "I am Bob"}
    for seq_id, field in enumerate(("sender", "actor", "uid", "from", "owner", "user_id"), 1):
        body = json.dumps({"to": str(ANN), "seq_id": seq_id, "content": text, field: str(BOB)}).encode()
        for door in ("http", "socket"):
            answer = await house.ask(door, 1003, "send", body)
            assert answer.ok is not None, field
            said = answer.ok["message"]
            assert (said["sender"], said["session_id"], said["ordinal"]) == ("1003", "1001:1003", seq_id), field
        assert (await house.done("http", BOB, "pull_contacts", after_version=0))["contacts"] == [], field


async def test_a_frame_whose_length_has_64_bits_is_read_whole(house: Street) -> None:
    ann = await house.device(ANN)
    text = "A" * 12_000
    escaped = "\\u0041" * 12_000  # 72,000 bytes: above what 16 bits can say
    content = f'{{"type":"text","text":"{escaped}"}}'
    answer = await ann.ask_raw("send", f'{{"to":"1002","seq_id":1,"content":{content}}}'.encode())
    assert answer.ok is not None
    assert answer.ok["message"]["content"]["text"] == text
    assert await ann.ask("unread") == {"unread_total": 0}  # and the frame behind it stands where it should
