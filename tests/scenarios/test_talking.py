"""People talk: the real SDK on every device, a real server, real sockets."""

from typing import Any

import pytest

from sixin.client import MessageArrived, MessageChanged
from tests.matrix import MEMORY
from tests.scenarios.people import UIDS, Device, People


async def two_people(people: People) -> tuple[Device, Device]:
    return await people.device("ann"), await people.device("ben")


def unread(device: Device, peer: str) -> int:
    contact = device.me.contact(UIDS[peer])
    return contact.unread if contact is not None else 0


async def test_two_people_talk(people: People) -> None:
    ann, ben = await two_people(people)
    said = await ann.says("ben", "你好")
    assert await ben.hears(MessageArrived) == MessageArrived(said)
    replied = await ben.says("ann", "hello")
    assert await ann.hears(MessageArrived) == MessageArrived(replied)

    assert await ann.texts("ben") == await ben.texts("ann") == ["你好", "hello"]
    assert (said.ordinal, replied.ordinal) == (1, 2)
    for device, name in ((ann, "ann"), (ben, "ben")):
        assert await device.holds() == await people.truth_for(name)
        assert device.me.unread_total == 1


async def test_the_senders_other_device_sees_what_he_sent(people: People) -> None:
    phone, tablet = await people.devices("ann", 2)
    said = await phone.says("ben", "from my phone")
    assert await tablet.hears(MessageArrived) == MessageArrived(said)
    assert await tablet.texts("ben") == ["from my phone"]
    await tablet.says("ben", "and from my tablet")
    assert await phone.hears(MessageArrived)
    assert await phone.holds() == await tablet.holds() == await people.truth_for("ann")
    assert phone.me.unread_total == tablet.me.unread_total == 0


async def test_notes_to_oneself_reach_ones_other_device_and_are_never_unread(people: People) -> None:
    phone, tablet = await people.devices("ann", 2)
    await phone.says("ann", "milk, eggs")
    await tablet.hears(MessageArrived)
    assert await tablet.texts("ann") == ["milk, eggs"]
    assert (phone.me.unread_total, tablet.me.unread_total) == (0, 0)


async def test_a_recall_is_seen_by_both_in_the_history_in_the_previews_and_in_the_counts(people: People) -> None:
    ann, ben = await two_people(people)
    await ann.says("ben", "see you at eight")
    said = await ann.says("ben", "you fool")
    await ben.hears(MessageArrived)
    await ben.catches_up()
    assert unread(ben, "ann") == 2

    await ann.me.recall(UIDS["ben"], said.msg_id)
    changed = await ben.hears(MessageChanged)
    assert isinstance(changed, MessageChanged)
    assert (changed.message.msg_id, changed.message.status) == (said.msg_id, "recalled")
    await ben.catches_up()
    assert unread(ben, "ann") == ben.me.unread_total == 1
    for device, peer in ((ann, "ben"), (ben, "ann")):
        assert await device.texts(peer) == ["see you at eight", None]
        contact = device.me.contact(UIDS[peer])
        assert contact is not None
        assert contact.last_message is not None
        assert (contact.last_message.status, contact.last_message.content) == ("recalled", b"")
    late = await people.device("ben")
    assert await late.texts("ann") == ["see you at eight", None]


async def test_reading_on_one_device_clears_the_others_and_tells_the_peer(people: People) -> None:
    ann = await people.device("ann")
    phone, tablet = await people.devices("ben", 2)
    said = [await ann.says("ben", f"number {nth}") for nth in range(5)]
    for device in (phone, tablet):
        await device.catches_up()
        assert (device.me.unread_total, unread(device, "ann")) == (5, 5)

    await (await phone.me.read(UIDS["ann"], said[2].msg_id)).delivered()
    await tablet.catches_up()
    assert phone.me.unread_total == tablet.me.unread_total == 2
    await ann.catches_up()
    seen = ann.me.contact(UIDS["ben"])
    assert seen is not None
    assert seen.peer_read_msg_id == said[2].msg_id

    # A device that has read less takes nothing back.
    await (await tablet.me.read(UIDS["ann"], said[0].msg_id)).delivered()
    await phone.catches_up()
    assert phone.me.unread_total == tablet.me.unread_total == 2
    assert await phone.holds() == await tablet.holds() == await people.truth_for("ben")


async def test_what_one_deletes_for_himself_is_gone_from_his_devices_and_nobody_elses(people: People) -> None:
    ann = await people.device("ann")
    phone, tablet = await people.devices("ben", 2)
    said = [await ann.says("ben", f"number {nth}") for nth in range(3)]
    await phone.catches_up()
    before = await ann.holds()
    await (await phone.me.delete(UIDS["ann"], [said[2].msg_id])).delivered()
    assert await phone.texts("ann") == ["number 0", "number 1"]
    assert await phone.holds() == await tablet.holds() == await people.truth_for("ben")
    assert phone.me.unread_total == 2
    assert await ann.holds() == before


async def test_a_reply_names_what_it_answers_and_repeats_nothing_of_it(people: People) -> None:
    ann, ben = await two_people(people)
    asked = await ann.says("ben", "a secret: seven or eight?")
    answer = await (await ben.me.send(UIDS["ann"], "seven", reply_to=asked.msg_id)).delivered()
    assert await ann.hears(MessageArrived) == MessageArrived(answer)
    assert (answer.text, answer.reply_to, asked.reply_to) == ("seven", asked.msg_id, None)
    await ann.me.recall(UIDS["ben"], asked.msg_id)
    await ann.catches_up()
    await ben.catches_up()
    for device, peer in ((ann, "ben"), (ben, "ann")):
        original, reply = await device.history(UIDS[peer])
        assert (original.status, original.content, reply.reply_to) == ("recalled", b"", original.msg_id)
        assert b"secret" not in reply.content


CONTENTS: list[dict[str, Any]] = [
    {"type": "text", "text": 'words \u0000 \u2028 👨‍👩‍👧 "quoted" \\ 私信'},
    {"type": "image", "url": "https://example.org/a.png", "width": 640, "height": 480, "size_bytes": 2**53 - 1},
    {"type": "audio", "url": "https://example.org/a.ogg", "duration_ms": 1_500},
    {"type": "video", "url": "https://example.org/a.mp4", "thumbnail_url": "https://example.org/a.jpg"},
    {"type": "file", "url": "https://example.org/a.pdf", "name": "合同.pdf", "media_type": "application/pdf"},
    {"type": "location", "latitude": -12.5, "longitude": 179.999, "name": "somewhere"},
    {"type": "card", "uid": "9223372036854775807", "name": "Eve"},
    {"type": "custom", "kind": "poll", "data": {"question": "when?", "options": [1, 2.5, None, {"deep": [True]}]}},
    {"type": "tips", "text": "you are friends now"},
    {"type": "text", "text": "with a field from the future", "reactions": {"👍": 3}, "reply_to": "17"},
]


@pytest.mark.parametrize("people", [MEMORY], indirect=True, ids=str)  # the conformance suite keeps every type
@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: f"{content['type']}-{len(content)}")
async def test_every_type_of_message_arrives_as_it_was_sent(people: People, content: dict[str, Any]) -> None:
    ann, ben = await people.device("ann", in_a_file=True), await people.device("ben", in_a_file=True)
    said = await (await ann.me.send(UIDS["ben"], content)).delivered()
    assert said.value == content
    arrived = await ben.hears(MessageArrived)
    assert isinstance(arrived, MessageArrived)
    assert arrived.message.value == content
    late = await people.device("ben")
    (shown,) = await late.history(UIDS["ann"])
    assert shown.value == content
    contact = late.me.contact(UIDS["ann"])
    assert contact is not None
    assert contact.last_message == shown
    assert contact.unread == 1
