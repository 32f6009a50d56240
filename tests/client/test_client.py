"""What a program sees of the SDK: two people, their devices, and a real server node."""

import asyncio
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

import sixin
import sixin.client
from sixin.client import (
    Client,
    ContactChanged,
    Delivered,
    Event,
    MessageArrived,
    MessageChanged,
    MessagesGone,
    Queued,
    Reader,
    Refused,
    Resync,
    StoreRefused,
    Typing,
)
from sixin.client.events import Reader as EventReader
from sixin.client.store.memory import MemoryStore
from sixin.client.store.sqlite import SqliteStore
from sixin.core import errors
from tests.client.loopback import Faults, House, TurningClock, assert_equal
from tests.client.virtual import run


async def next_of(reader: Reader, kind: type[Event]) -> Event:
    async with asyncio.timeout(60):
        async for event in reader:
            if isinstance(event, kind):
                return event
    raise AssertionError(f"no {kind.__name__} came")


def test_what_ann_says_arrives_at_ben_and_on_her_other_device() -> None:
    async def story() -> None:
        async with House() as house, house.device(1001) as ann, house.device(1002) as ben, house.device(1001) as tab:
            ben_hears, ann_hears, tab_hears = ben.events(), ann.events(), tab.events()
            pending = await ann.send(1002, "你好")
            assert (await next_of(ann_hears, Queued)) == Queued(pending.entry)
            said = await pending.delivered()
            assert (said.sender, said.seq_id, said.text, said.ordinal) == (1001, pending.seq_id, "你好", 1)
            assert await next_of(ann_hears, Delivered) == Delivered(pending.entry, said)
            assert await next_of(ben_hears, MessageArrived) == MessageArrived(said)
            assert await next_of(tab_hears, MessageArrived) == MessageArrived(said)
            for device, uid in ((ann, 1001), (ben, 1002), (tab, 1001)):
                await device.synced()
                assert_equal(device.local_copy(), await house.truth(uid))
            assert (ben.unread_total, ann.unread_total) == (1, 0)

            await (await ben.read(1001)).delivered()
            assert ben.unread_total == 0
            seen = ann.contact(1002)
            await ann.synced()
            seen = ann.contact(1002)
            assert seen is not None
            assert seen.peer_read_msg_id == said.msg_id

    run(story())


def test_a_recall_empties_the_message_and_the_preview_everywhere() -> None:
    async def story() -> None:
        async with House() as house, house.device(1001) as ann, house.device(1002) as ben:
            heard = ben.events()
            said = await (await ann.send(1002, "oops")).delivered()
            await ben.synced()
            gone = await ann.recall(1002, said.msg_id)
            assert (gone.status, gone.text) == ("recalled", None)
            changed = await next_of(heard, MessageChanged)
            assert isinstance(changed, MessageChanged)
            assert changed.message.content == b""
            await ben.synced()
            (contact,) = ben.contacts()
            assert contact.last_message is not None
            assert contact.last_message.content == b""
            assert contact.unread == 0

    run(story())


def test_the_preview_is_emptied_with_the_message_even_if_the_contacts_notice_is_lost() -> None:
    async def story() -> None:
        wire = None
        async with House() as house, house.device(1001) as ann:
            wire = house.wire()
            async with house.device(1002, wire) as ben:
                said = await (await ann.send(1002, "oops")).delivered()
                await ben.synced()
                real = Faults.times

                def no_contacts(self: Faults, payload: bytes, *, towards_client: bool) -> list[float]:
                    if payload.startswith(b'{"notice":"contact"'):
                        return []
                    return real(self, payload, towards_client=towards_client)

                wire.faults.times = no_contacts.__get__(wire.faults)  # type: ignore[method-assign]
                heard = ben.events()
                await ann.recall(1002, said.msg_id)
                await next_of(heard, MessageChanged)
                (contact,) = ben.contacts()
                assert contact.last_message is not None
                assert contact.last_message.content == b""

    run(story())


def test_what_is_said_offline_is_shown_at_once_and_leaves_in_order() -> None:
    async def story() -> None:
        async with House() as house, house.device(1001) as ann, house.device(1002) as ben:
            await ann.go_offline()
            assert not ann.online
            pending = [await ann.send(1002, f"{number}") for number in range(5)]
            await ann.mute(1002)
            assert [entry.kind for entry in ann.outbox(1002)] == ["send"] * 5 + ["mute"]
            assert not any(one.done for one in pending)
            ann.go_online()
            await ann.synced()
            assert ann.outbox() == []
            await ben.synced()
            page = await ben.history(1001)
            assert [one.text for one in page.messages] == ["0", "1", "2", "3", "4"]
            muted = ann.contact(1002)
            assert muted is not None
            assert muted.muted

    run(story())


def test_what_was_queued_survives_the_program_and_leaves_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with House() as house:
            wire = house.wire()
            wire.reachable = False
            async with house.client(1001, wire, SqliteStore(tmp_path / "ann.db")) as ann:
                first = await ann.send(1002, "written on the train")
            wire.reachable = True
            async with house.client(1001, wire, SqliteStore(tmp_path / "ann.db")) as ann:
                assert [entry.seq_id for entry in ann.outbox()] == [first.seq_id]
                await ann.synced()
                page = await ann.history(1002)
                assert [(one.text, one.seq_id) for one in page.messages] == [("written on the train", first.seq_id)]

    run(story())


def test_the_last_wish_stands_and_everybody_who_waits_is_told() -> None:
    async def story() -> None:
        async with House() as house, house.device(1001) as ann:
            await (await ann.send(1002, "hello")).delivered()
            await ann.go_offline()
            wishes = [await ann.pin(1002, on) for on in (True, False, True)]
            assert len(ann.outbox()) == 1
            ann.go_online()
            contacts = [await wish.delivered() for wish in wishes]
            assert all(contact.pinned for contact in contacts)

    run(story())


def test_what_the_server_refuses_stays_until_it_is_retried_or_discarded() -> None:
    async def story() -> None:
        async with House() as house, house.device(1001) as ann:
            heard = ann.events()
            wish = await ann.pin(1002)
            with pytest.raises(errors.NotFound):
                await wish.delivered()
            refused = await next_of(heard, Refused)
            assert isinstance(refused, Refused)
            (entry,) = ann.outbox()
            assert (entry.refused, refused.entry) == ("not_found", entry)
            await (await ann.send(1002, "now there is a contact")).delivered()
            assert (await ann.retry(entry).delivered()).pinned
            with pytest.raises(errors.NotFound):
                ann.retry(entry)

            with pytest.raises(errors.NotFound):
                await (await ann.delete(1002, [999])).delivered()
            (entry,) = ann.outbox()
            ann.discard(entry)
            assert ann.outbox() == []

    run(story())


def test_a_seq_id_that_another_device_has_taken_is_changed_and_the_message_sent_once() -> None:
    async def story() -> None:
        async with House() as house:

            def twin() -> Client:
                # The same chance and the same clock: the collision that chance forbids.
                return sixin.client.connect(
                    house.wire(), house.token(1001), store=MemoryStore(), clock=TurningClock(), chance=Random(4)
                )

            async with twin() as phone, twin() as tablet:
                await phone.connected()
                await tablet.connected()
                from_phone = await phone.send(1002, "from the phone")
                from_tablet = await tablet.send(1002, "from the tablet")
                assert from_phone.seq_id == from_tablet.seq_id
                one, other = await from_phone.delivered(), await from_tablet.delivered()
                assert one.seq_id != other.seq_id
                assert {one.text, other.text} == {"from the phone", "from the tablet"}
                for device in (phone, tablet):
                    await device.synced()
                    assert len((await device.history(1002)).messages) == 2

    run(story())


def test_deleting_for_oneself_reaches_ones_other_device_and_nobody_else() -> None:
    async def story() -> None:
        async with House() as house, house.device(1001) as phone, house.device(1001) as tab, house.device(1002) as ben:
            said = [await (await ben.send(1001, f"{number}")).delivered() for number in range(3)]
            for device in (phone, tab):
                await device.synced()
                await device.history(1002)
            heard = tab.events()
            await (await phone.delete(1002, [said[1].msg_id])).delivered()
            await next_of(heard, MessagesGone)
            for device in (phone, tab):
                await device.synced()
                assert [one.text for one in (await device.history(1002)).messages] == ["0", "2"]
            assert len((await ben.history(1001)).messages) == 3

    run(story())


def test_a_cleared_session_needs_no_pull_and_shows_only_what_is_newer() -> None:
    async def story() -> None:
        async with House() as house, house.device(1001) as ann, house.device(1002) as ben:
            for number in range(30):
                await (await ben.send(1001, f"{number}")).delivered()
            await ann.synced()
            await ann.delete_contact(1002)
            assert ann.contacts() == []
            await (await ben.send(1001, "again")).delivered()
            await ann.synced()
            await ann.go_offline()
            page = await ann.history(1002)
            assert ([one.text for one in page.messages], page.more, page.hole) == (["again"], False, False)

    run(story())


def test_a_new_device_shows_the_newest_page_and_says_where_it_ends() -> None:
    async def story() -> None:
        async with House() as house, house.device(1002) as ben:
            for number in range(60):
                await ben.send(1001, f"{number}")
            await ben.synced()
            async with house.device(1001) as ann:
                await ann.synced()
                assert ann.local_copy().ranges == {}, "a session that nobody looks at costs nothing"
                page = await ann.history(1002, limit=50)
                assert [one.text for one in page.messages] == [str(number) for number in range(10, 60)]
                assert page.more
                await ann.go_offline()
                older = await ann.history(1002, before=page.before)
                assert (older.messages, older.more, older.hole) == ([], True, True)
                half = await ann.history(1002, before=31, limit=50)
                assert len(half.messages) == 20
                assert half.hole
                ann.go_online()
                await ann.connected()
                older = await ann.history(1002, before=page.before)
                assert ([one.text for one in older.messages], older.more) == ([str(n) for n in range(10)], False)

    run(story())


def test_inside_a_chat_a_timer_finds_what_a_lost_notice_did_not_tell() -> None:
    async def story() -> None:
        async with House() as house, house.device(1002) as ben:
            wire = house.wire(Faults(lose_notice=1.0))
            async with house.device(1001, wire) as ann:
                await ann.synced()
                heard = ann.events()
                async with ann.open_chat(1002):
                    await (await ben.send(1001, "are you there?")).delivered()
                    assert isinstance(await next_of(heard, MessageArrived), MessageArrived)
                await ann.synced()
                await (await ben.send(1001, "and now?")).delivered()
                await asyncio.sleep(600)
                assert ann.unread_total == 1, "outside a chat there is no timer"

    run(story())


def test_typing_is_told_and_stored_nowhere() -> None:
    async def story() -> None:
        async with House() as house, house.device(1001) as ann, house.device(1002) as ben:
            heard = ben.events()
            await ann.typing(1002)
            assert await next_of(heard, Typing) == Typing(ben.session_of(1001), ann.uid)
            assert ben.contacts() == []

    run(story())


def test_a_server_that_was_set_back_is_followed_and_the_outbox_kept() -> None:
    async def story() -> None:
        store = MemoryStore()
        async with House() as house, house.device(1001, store=store) as ann:
            for number in range(5):
                await (await ann.send(1002, f"lost {number}")).delivered()
            await ann.go_offline()
            await ann.send(1002, "kept")
        async with House() as restored, restored.device(1001, store=store) as ann:
            await ann.synced()
            assert_equal(ann.local_copy(), await restored.truth(1001))
            page = await ann.history(1002)
            assert [one.text for one in page.messages] == ["kept"]

    run(story())


def test_the_copy_of_one_user_is_not_opened_for_another(tmp_path: Path) -> None:
    async def story() -> None:
        async with House() as house:
            async with house.device(1001, store=SqliteStore(tmp_path / "copy.db")) as ann:
                await ann.send(1002, "mine")
            with pytest.raises(StoreRefused, match="belongs to user 1001"):
                async with house.client(1002, None, SqliteStore(tmp_path / "copy.db")):
                    pass

    run(story())


def test_a_reader_that_sleeps_is_told_to_look_again_and_misses_nothing() -> None:
    async def story() -> None:
        async with House() as house, house.device(1001) as ann, house.device(1002) as ben:
            lazy = EventReader(events_max=8)
            ben._it._readers[lazy] = None  # as `events` does, with a smaller queue
            for number in range(50):
                await ann.send(1002, f"{number}")
            await ann.synced()
            await ben.synced()
            assert isinstance(await anext(lazy), Resync)
            assert len((await ben.history(1001)).messages) == 50

    run(story())


def test_a_reader_that_was_closed_is_told_no_more() -> None:
    async def story() -> None:
        async with House() as house, house.device(1001) as ann:
            reader = ann.events()
            reader.close()
            await (await ann.send(1002, "unheard")).delivered()
            assert [event async for event in reader] == []

    run(story())


def test_readers_end_with_the_client() -> None:
    async def story() -> None:
        async with House() as house:
            async with house.device(1001) as ann:
                heard = ann.events()
            assert [event async for event in heard if isinstance(event, ContactChanged)] == []
            with pytest.raises(sixin.client.Closed):
                ann.contacts()

    run(story())


@pytest.mark.parametrize(
    ("says", "error"),
    [
        ("", errors.BadRequest),
        ({"type": "poem", "text": "x"}, errors.BadRequest),
        ({"text": "x"}, errors.BadRequest),
        ("x" * 20_000, errors.TooLarge),
    ],
)
def test_a_content_the_server_would_refuse_is_refused_before_it_is_queued(
    says: object, error: type[errors.SixinError]
) -> None:
    async def story() -> None:
        async with House() as house, house.device(1001) as ann:
            with pytest.raises(error):
                await ann.send(1002, says)  # type: ignore[arg-type]
            assert ann.outbox() == []

    run(story())


@pytest.mark.parametrize("to", [0, -1, 2**63, "1002", "1002:1001", "01:02", "g", ""])
def test_nobody_by_that_name(to: int | str) -> None:
    async def story() -> None:
        async with House() as house, house.device(1001) as ann:
            with pytest.raises(errors.BadRequest):
                await ann.send(to, "x")
            with pytest.raises(errors.NotFound):
                await ann.send("1002:1003", "x")

    run(story())


def test_the_package_names_what_is_needed_and_loads_it_when_it_is() -> None:
    assert sixin.connect is sixin.client.connect
    program = "import sys, sixin, sixin.server.app; sys.exit('sixin.client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    with pytest.raises(AttributeError):
        _ = sixin.disconnect
