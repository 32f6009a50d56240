"""Pages: full, cut where they say, in one order, and without what their reader must not see."""

from sixin.core.content import canonical
from sixin.core.ids import Uid, pair_session_id
from sixin.core.limits import PAGE_BYTES_MAX
from sixin.core.message import Message
from sixin.server.store.base import Changes
from tests.conformance.scene import ANN, ANN_BEN, BEN, CID, Scene, ids_of, msg_ids


async def some_messages(scene: Scene, count: int) -> list[Message]:
    """Ann and Ben in turn."""
    messages = []
    for nth in range(count):
        by, to = (ANN, BEN) if nth % 2 == 0 else (BEN, ANN)
        messages.append(await scene.send(by, to, f"number {nth + 1}"))
    return messages


async def test_pull_new_goes_by_version_and_pages_partition_the_timeline(scene: Scene) -> None:
    messages = await some_messages(scene, 7)
    await scene.recall(messages[2])
    await scene.recall(messages[0])

    pages, cursor = [], 0
    for _ in range(10):
        page = await scene.pull_new(ANN, cursor, limit=3)
        pages.append(page)
        cursor = page.version_id
        if not page.more:
            break

    assert [len(page.messages) for page in pages] == [3, 3, 1]
    pulled = [message for page in pages for message in page.messages]
    assert [message.version_id for message in pulled] == [2, 4, 5, 6, 7, 8, 9]
    assert [message.status for message in pulled] == ["normal"] * 5 + ["recalled"] * 2
    assert [page.more for page in pages] == [True, True, False]
    assert [page.version_id for page in pages] == [5, 8, 9]


async def test_pull_new_after_the_newest_version_is_empty_and_keeps_the_cursor(scene: Scene) -> None:
    await some_messages(scene, 2)

    page = await scene.pull_new(ANN, 2)
    assert (page.messages, page.version_id, page.more) == ([], 2, False)
    page = await scene.pull_new(ANN, 99)
    assert (page.messages, page.version_id, page.more) == ([], 2, False)


async def test_a_page_that_takes_exactly_what_is_left_says_that_nothing_more_comes(scene: Scene) -> None:
    messages = await some_messages(scene, 4)

    new = await scene.pull_new(BEN, 0, limit=4)
    assert (msg_ids(new), new.more) == (ids_of(messages), False)
    old = await scene.pull_old(BEN, limit=4)
    assert (msg_ids(old), old.more) == (ids_of(messages), False)
    assert (await scene.pull_new(BEN, 0, limit=3)).more
    assert (await scene.pull_old(BEN, limit=3)).more


async def test_pull_old_goes_back_by_sort_key_whatever_changed_since(scene: Scene) -> None:
    messages = await some_messages(scene, 7)
    await scene.recall(messages[1])
    await scene.recall(messages[5])

    newest = await scene.pull_old(ANN, limit=3)
    middle = await scene.pull_old(ANN, newest.messages[0].sort_key, limit=3)
    oldest = await scene.pull_old(ANN, middle.messages[0].sort_key, limit=3)

    assert msg_ids(oldest) + msg_ids(middle) + msg_ids(newest) == ids_of(messages)
    assert [newest.more, middle.more, oldest.more] == [True, True, False]
    assert {newest.version_id, middle.version_id, oldest.version_id} == {9}
    assert (await scene.pull_old(ANN, 1)).messages == []


async def test_a_recalled_message_keeps_its_place_and_serves_nothing(scene: Scene) -> None:
    first, second = await some_messages(scene, 2)
    recalled = await scene.recall(first)

    assert (await scene.pull_old(BEN)).messages == [recalled, second]
    assert (await scene.pull_new(BEN, 0)).messages == [second, recalled]
    assert await scene.store.messages(ANN_BEN, before_sort_key=None, limit=10) == [second, recalled]
    assert recalled.content == b""


async def test_with_born_up_to_only_changes_of_what_was_held_come(scene: Scene) -> None:
    messages = await some_messages(scene, 6)
    await scene.recall(messages[1])
    await scene.recall(messages[4])

    page = await scene.pull_new(BEN, 3, born_up_to=3)
    assert msg_ids(page) == [messages[1].msg_id]
    assert (page.version_id, page.more) == (8, False)
    page = await scene.pull_new(BEN, 2, born_up_to=5, limit=2)
    assert msg_ids(page) == [messages[2].msg_id, messages[3].msg_id]
    assert (page.version_id, page.more) == (4, True)
    page = await scene.pull_new(BEN, 4, born_up_to=5, limit=2)
    assert msg_ids(page) == [messages[1].msg_id, messages[4].msg_id]
    assert (page.version_id, page.more) == (8, False)
    assert (await scene.pull_new(BEN, 3, born_up_to=0)).messages == []


async def test_what_was_cleared_comes_back_in_no_way(scene: Scene) -> None:
    messages = await some_messages(scene, 6)
    await scene.clear(ANN, ANN_BEN, messages[2].msg_id)
    await scene.recall(messages[1])

    assert msg_ids(await scene.pull_old(ANN)) == ids_of(messages[3:])
    assert msg_ids(await scene.pull_old(ANN, 5)) == ids_of(messages[3:4])
    assert not (await scene.pull_old(ANN, limit=3)).more
    assert msg_ids(await scene.pull_new(ANN, 0)) == ids_of(messages[3:])
    assert msg_ids(await scene.pull_new(ANN, 0, limit=2)) == ids_of(messages[3:5])
    past = await scene.pull_new(ANN, 6)
    assert (past.messages, past.version_id, past.more) == ([], 7, False)
    # Nothing of it is to be seen from the other side.
    assert msg_ids(await scene.pull_old(BEN)) == ids_of(messages)
    assert msg_ids(await scene.pull_new(BEN, 6)) == [messages[1].msg_id]


async def test_clearing_everything_leaves_an_empty_page_at_the_newest_version(scene: Scene) -> None:
    messages = await some_messages(scene, 3)
    await scene.clear(ANN, ANN_BEN)

    page = await scene.pull_old(ANN)
    assert (page.messages, page.version_id, page.more) == ([], 3, False)
    page = await scene.pull_new(ANN, 0)
    assert (page.messages, page.version_id, page.more) == ([], 3, False)
    later = await scene.send(BEN, ANN, "later")
    assert msg_ids(await scene.pull_old(ANN)) == [later.msg_id]
    assert (await scene.contact(ANN)).last_del_msg_id == messages[-1].msg_id


async def test_hidden_messages_take_no_place_on_a_page(scene: Scene) -> None:
    messages = await some_messages(scene, 8)
    await scene.hide(ANN, messages[1], messages[2], messages[6])
    await scene.recall(messages[1])
    seen = [messages[nth] for nth in (0, 3, 4, 5, 7)]

    assert msg_ids(await scene.pull_new(ANN, 0)) == ids_of(seen)
    page = await scene.pull_new(ANN, 0, limit=2)
    assert (msg_ids(page), page.version_id, page.more) == (ids_of(seen[:2]), 4, True)
    page = await scene.pull_old(ANN, limit=2)
    assert (msg_ids(page), page.more) == (ids_of(seen[3:]), True)
    assert msg_ids(await scene.pull_old(ANN, page.messages[0].sort_key, limit=3)) == ids_of(seen[:3])
    assert len((await scene.pull_old(BEN)).messages) == 8


async def test_what_one_hid_is_hidden_from_nobody_else_and_from_no_other_session(scene: Scene) -> None:
    messages = await some_messages(scene, 2)
    to_cid = await scene.send(ANN, CID, "hello")
    await scene.hide(ANN, *messages)

    assert (await scene.pull_old(ANN)).messages == []
    page = await scene.store.pull_old(ANN, pair_session_id(ANN, CID), before_sort_key=None, limit=10)
    assert msg_ids(page) == [to_cid.msg_id]
    assert await scene.store.messages(ANN_BEN, before_sort_key=None, limit=10) == messages[::-1]


async def test_a_page_ends_before_it_holds_too_many_bytes(scene: Scene) -> None:
    text = "x" * 15_000
    messages = [await scene.send(ANN, BEN, text) for _ in range(40)]
    encoded = len(canonical(b'{"type":"text","text":"%s"}' % text.encode()).encoded)
    fit = PAGE_BYTES_MAX // encoded

    new = await scene.pull_new(BEN, 0)
    assert (msg_ids(new), new.more, new.version_id) == (ids_of(messages[:fit]), True, fit)
    old = await scene.pull_old(BEN)
    assert (msg_ids(old), old.more) == (ids_of(messages[-fit:]), True)
    rest = await scene.pull_new(BEN, new.version_id)
    assert (msg_ids(rest), rest.more) == (ids_of(messages[fit:]), False)


async def test_a_list_of_contacts_ends_before_it_holds_too_many_bytes(scene: Scene) -> None:
    peers = [Uid(2_000 + nth) for nth in range(40)]
    for peer in peers:
        await scene.send(ANN, peer, "x" * 15_000)

    first = await scene.store.pull_contacts(ANN, after_version=0, limit=100)
    rest = await scene.store.pull_contacts(ANN, after_version=first.version_id, limit=100)

    assert (first.more, rest.more) == (True, False)
    assert [contact.peer for contact in (*first.contacts, *rest.contacts)] == peers
    assert sum(len(contact.last_message.content) for contact in first.contacts if contact.last_message) < PAGE_BYTES_MAX


async def test_contacts_come_by_version_with_preview_and_total(scene: Scene) -> None:
    cid_ann = await scene.send(CID, ANN, "one")
    ben_ann = await scene.send(BEN, ANN, "two")
    await scene.send(CID, BEN, "not Ann's")
    newest = await scene.send(CID, ANN, "three")

    page = await scene.store.pull_contacts(ANN, after_version=0, limit=10)
    assert [contact.last_message for contact in page.contacts] == [ben_ann, newest]
    assert [contact.version_id for contact in page.contacts] == [2, 3]
    assert (page.version_id, page.more, page.unread_total) == (3, False, 3)
    page = await scene.store.pull_contacts(ANN, after_version=0, limit=1)
    assert [contact.last_message for contact in page.contacts] == [ben_ann]
    assert (page.version_id, page.more, page.unread_total) == (2, True, 3)
    page = await scene.store.pull_contacts(ANN, after_version=3, limit=10)
    assert (page.contacts, page.version_id, page.more) == ([], 3, False)
    assert cid_ann.msg_id < newest.msg_id


async def test_a_deleted_contact_is_still_told(scene: Scene) -> None:
    await scene.send(BEN, ANN, "one")
    deleted = await scene.delete_contact(ANN)

    page = await scene.store.pull_contacts(ANN, after_version=0, limit=10)
    assert page.contacts == [deleted]
    assert (deleted.status, deleted.last_message, page.unread_total) == ("deleted", None, 0)


async def test_the_preview_is_the_newest_message_its_owner_may_see(scene: Scene) -> None:
    messages = await some_messages(scene, 3)
    await scene.hide(ANN, messages[2])
    assert (await scene.contact(ANN)).last_message == messages[1]
    assert (await scene.contact(BEN)).last_message == messages[2]

    recalled = await scene.recall(messages[1])
    assert (await scene.contact(ANN)).last_message == recalled
    await scene.clear(ANN, ANN_BEN, messages[1].msg_id)
    assert (await scene.contact(ANN)).last_message is None
    assert (await scene.contact(ANN)).last_msg_id == messages[2].msg_id


async def test_hidden_pages_tell_a_users_other_devices_what_went(scene: Scene) -> None:
    messages = await some_messages(scene, 6)
    first = await scene.hide(ANN, messages[4], messages[0])
    second = await scene.hide(ANN, messages[3])
    third = await scene.hide(ANN, messages[5], messages[1])

    page = await scene.store.pull_hidden(ANN, ANN_BEN, after_version=0, limit=100)
    assert page.msg_ids == ids_of([messages[nth] for nth in (0, 4, 3, 1, 5)])
    assert (page.version_id, page.more) == (third.version_id, False)
    page = await scene.store.pull_hidden(ANN, ANN_BEN, after_version=first.version_id, limit=100)
    assert page.msg_ids == ids_of([messages[nth] for nth in (3, 1, 5)])
    # A page never ends inside one delete: a cursor could not say which of its messages were told.
    page = await scene.store.pull_hidden(ANN, ANN_BEN, after_version=0, limit=4)
    assert page.msg_ids == ids_of([messages[nth] for nth in (0, 4, 3)])
    assert (page.version_id, page.more) == (second.version_id, True)
    assert (await scene.store.pull_hidden(BEN, ANN_BEN, after_version=0, limit=100)).msg_ids == []
    elsewhere = await scene.store.pull_hidden(ANN, pair_session_id(ANN, CID), after_version=0, limit=100)
    assert elsewhere.msg_ids == []
    assert elsewhere.version_id == third.version_id


async def test_the_stored_messages_are_told_newest_first(scene: Scene) -> None:
    messages = await some_messages(scene, 5)
    recalled = await scene.recall(messages[3])
    await scene.clear(ANN, ANN_BEN)

    found = await scene.store.messages(ANN_BEN, before_sort_key=None, limit=3)
    assert found == [messages[4], recalled, messages[2]]
    assert await scene.store.messages(ANN_BEN, before_sort_key=3, limit=3) == [messages[1], messages[0]]


async def test_a_stranger_to_a_session_has_no_watermark_in_it(scene: Scene) -> None:
    # Who may ask is decided at the door; a store only knows rows.
    messages = await some_messages(scene, 2)

    assert msg_ids(await scene.pull_old(CID)) == ids_of(messages)
    assert await scene.store.contact(CID, ANN_BEN) is None


async def test_an_empty_commit_changes_nothing(scene: Scene) -> None:
    messages = await some_messages(scene, 1)
    async with scene.store.transaction() as transaction:
        await transaction.commit(Changes())

    assert (await scene.pull_old(ANN)).messages == messages


async def test_a_tail_holds_every_change_of_the_last_versions_whoever_may_see_it(scene: Scene) -> None:
    messages = await some_messages(scene, 5)
    await scene.recall(messages[1])
    await scene.hide(ANN, messages[4])
    await scene.clear(BEN, ANN_BEN)
    other = await scene.send(ANN, CID, "elsewhere")

    found = await scene.store.read_tails([ANN_BEN, other.session_id, pair_session_id(BEN, CID)], versions_max=3)
    if not scene.store.owned:
        assert found == []  # nothing is cached above a store that others write
        return
    tails = {tail.session_id: tail for tail in found}
    assert set(tails) == {ANN_BEN, other.session_id}
    long, short = tails[ANN_BEN], tails[other.session_id]
    assert (long.first, long.last, [message.version_id for message in long.messages]) == (4, 6, [4, 5, 6])
    assert ids_of(long.messages) == [messages[3].msg_id, messages[4].msg_id, messages[1].msg_id]
    assert [message.status for message in long.messages] == ["normal", "normal", "recalled"]
    assert (short.first, short.last, short.messages) == (1, 1, [other])


async def test_tails_that_are_too_large_for_one_answer_are_left_out_whole(scene: Scene) -> None:
    large = "x" * 16_000
    texts = [large] * (PAGE_BYTES_MAX // len(large) - 1)
    await scene.send_many(ANN, BEN, texts)
    await scene.send_many(ANN, CID, texts)
    sessions = [ANN_BEN, pair_session_id(ANN, CID)]

    for session_id in sessions:
        for tail in await scene.store.read_tails([session_id], versions_max=1_000):
            assert len(tail.messages) == len(texts)
    for tail in await scene.store.read_tails(sessions, versions_max=1_000):
        assert len(tail.messages) == len(texts)
