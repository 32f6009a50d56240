"""A transaction: what it loads, what it writes, and that it does so as a whole."""

import pytest
from msgspec.structs import replace

from sixin.core import errors
from sixin.core.contact import Contact, Hidden, Profile, UserHead
from sixin.core.ids import TICK_MAX, SessionId, Tick, Uid, msg_id_of, pair_session_id, slot_of
from sixin.core.limits import BATCH_COMMANDS_MAX, CONTENT_BYTES_MAX, INT64_MAX, SAFE_INTEGER_MAX
from sixin.core.message import Message
from sixin.core.rows import Keys, Loaded
from sixin.core.session import Session, SlotHead
from sixin.server.store.base import Changes, Store
from tests.conformance.scene import ANN, ANN_BEN, BEN, CID, START_MS, Place, content_of

SLOT = slot_of(ANN_BEN)
FIRST = msg_id_of(Tick(1), SLOT)


def message_of(tick: int, *, session_id: SessionId = ANN_BEN, sender: Uid = ANN, nth: int = 1) -> Message:
    return Message(
        msg_id=msg_id_of(Tick(tick), slot_of(session_id)),
        session_id=session_id,
        sender=sender,
        seq_id=nth,
        ordinal=nth,
        version_id=nth,
        sort_key=nth,
        status="normal",
        content=content_of(f"number {nth}"),
        digest=bytes(range(16)),
        sent_at_ms=START_MS,
        changed_at_ms=START_MS,
    )


async def commit(store: Store, changes: Changes) -> None:
    async with store.transaction() as transaction:
        await transaction.commit(changes)


async def load(store: Store, keys: Keys) -> Loaded:
    async with store.transaction() as transaction:
        return await transaction.load(keys)


EVERYTHING = Keys(
    slots={SLOT},
    sessions={ANN_BEN},
    users={ANN, BEN},
    contacts={(ANN, ANN_BEN), (BEN, ANN_BEN)},
    messages={FIRST},
    seqs={(ANN_BEN, ANN, 1)},
    hidden={(ANN, FIRST)},
    profiles={ANN},
)


async def test_what_does_not_exist_is_not_loaded(place: Place) -> None:
    loaded = await load(place.store, EVERYTHING)

    assert not any((loaded.sessions, loaded.users, loaded.contacts, loaded.messages, loaded.hidden, loaded.profiles))
    assert all(head.last_tick == 0 for head in loaded.slots)


async def test_an_empty_store_answers_every_question(place: Place) -> None:
    store = place.store

    assert await store.contact(ANN, ANN_BEN) is None
    assert await store.user(ANN) == UserHead(ANN)
    assert await store.session(ANN_BEN) == Session(ANN_BEN)
    page = await store.pull_new(ANN, ANN_BEN, after_version=0, born_up_to=None, limit=10)
    assert (page.messages, page.version_id, page.more) == ([], 0, False)
    page = await store.pull_old(ANN, ANN_BEN, before_sort_key=None, limit=10)
    assert (page.messages, page.version_id, page.more) == ([], 0, False)
    contacts = await store.pull_contacts(ANN, after_version=0, limit=10)
    assert (contacts.contacts, contacts.version_id, contacts.more, contacts.unread_total) == ([], 0, False, 0)
    hidden = await store.pull_hidden(ANN, ANN_BEN, after_version=0, limit=100)
    assert (hidden.msg_ids, hidden.version_id, hidden.more) == ([], 0, False)
    assert await store.messages(ANN_BEN, before_sort_key=None, limit=10) == []


async def test_what_was_committed_is_loaded(place: Place) -> None:
    message = message_of(1)
    contact = Contact(
        owner=ANN,
        session_id=ANN_BEN,
        peer=BEN,
        version_id=3,
        sort_key=2**52 + 2,
        last_msg_id=FIRST,
        last_message=message,
        last_del_msg_id=5,
        last_read_msg_id=6,
        peer_read_msg_id=7,
        unread=8,
        pinned=True,
        muted=True,
        labels=("work", 'a "quoted" one', "标签"),
        status="deleted",
        peer_ack=True,
        message_version=9,
        hidden_version=2,
        last_seq_id=11,
    )
    changes = Changes(
        slots=(SlotHead(SLOT, Tick(1)),),
        sessions=(Session(ANN_BEN, 1, 1, FIRST),),
        users=(UserHead(ANN, 3, 8),),
        contacts=(
            contact,
            Contact(BEN, ANN_BEN, ANN),
        ),
        born=(message,),
        hidden=(Hidden(ANN, ANN_BEN, FIRST, 2),),
        profiles=(Profile(ANN, "bot", "Ann 安", "https://example.org/a.png"),),
    )
    await commit(place.store, changes)

    loaded = await load(place.store, EVERYTHING)
    assert tuple(loaded.slots) == changes.slots
    assert tuple(loaded.sessions) == changes.sessions
    assert tuple(loaded.users) == changes.users
    assert tuple(sorted(loaded.contacts, key=lambda row: row.owner)) == changes.contacts
    assert loaded.messages == [message]
    assert tuple(loaded.hidden) == changes.hidden
    assert tuple(loaded.profiles) == changes.profiles
    assert await place.store.contact(ANN, ANN_BEN) == contact
    assert await place.store.user(ANN) == UserHead(ANN, 3, 8)
    assert await place.store.session(ANN_BEN) == Session(ANN_BEN, 1, 1, FIRST)
    assert await place.store.messages(ANN_BEN, before_sort_key=None, limit=10) == [message]


async def test_the_largest_values_and_any_bytes_come_back_as_they_were(place: Place) -> None:
    uid = Uid(INT64_MAX)
    session_id = pair_session_id(Uid(INT64_MAX - 1), uid)
    message = replace(
        message_of(TICK_MAX, session_id=session_id, sender=uid, nth=SAFE_INTEGER_MAX),
        content=bytes(range(256)) * (CONTENT_BYTES_MAX // 256),
        digest=b"\x00" * 16,
        sent_at_ms=SAFE_INTEGER_MAX,
        changed_at_ms=SAFE_INTEGER_MAX,
    )
    contact = Contact(
        owner=uid,
        session_id=session_id,
        peer=Uid(INT64_MAX - 1),
        version_id=SAFE_INTEGER_MAX,
        sort_key=SAFE_INTEGER_MAX,
        last_msg_id=message.msg_id,
        last_message=message,
        last_del_msg_id=INT64_MAX,
        last_read_msg_id=INT64_MAX,
        peer_read_msg_id=INT64_MAX,
        unread=SAFE_INTEGER_MAX,
    )
    await commit(place.store, Changes(born=(message,), contacts=(contact,)))

    found = await load(place.store, Keys(contacts={(uid, session_id)}, seqs={(session_id, uid, SAFE_INTEGER_MAX)}))
    assert found.contacts == [contact]
    assert found.messages == [message]


async def test_a_row_written_again_takes_the_place_of_the_one_before(place: Place) -> None:
    before = Contact(ANN, ANN_BEN, BEN, version_id=1, unread=1, labels=("old",))
    after = replace(before, version_id=2, unread=0, labels=(), muted=True)
    await commit(place.store, Changes(users=(UserHead(ANN, 1, 1),), contacts=(before,), profiles=(Profile(ANN),)))
    await commit(
        place.store,
        Changes(users=(UserHead(ANN, 2, 0),), contacts=(after,), profiles=(Profile(ANN, "system", "Root"),)),
    )

    loaded = await load(place.store, EVERYTHING)
    assert loaded.contacts == [after]
    assert loaded.users == [UserHead(ANN, 2, 0)]
    assert loaded.profiles == [Profile(ANN, "system", "Root")]


async def test_a_message_is_found_by_its_sequence_number_and_by_no_other(place: Place) -> None:
    message = message_of(1)
    await commit(place.store, Changes(born=(message,)))

    assert (await load(place.store, Keys(seqs={(ANN_BEN, ANN, 1)}))).messages == [message]
    others = {(ANN_BEN, BEN, 1), (ANN_BEN, ANN, 2), (pair_session_id(ANN, CID), ANN, 1)}
    assert (await load(place.store, Keys(seqs=others))).messages == []


async def test_a_message_named_twice_is_loaded_once(place: Place) -> None:
    message = message_of(1)
    await commit(place.store, Changes(born=(message,)))

    keys = Keys(messages={message.msg_id}, seqs={(ANN_BEN, ANN, 1)})
    assert (await load(place.store, keys)).messages == [message]


async def test_a_preview_is_never_an_old_copy(place: Place) -> None:
    message = message_of(1)
    contact = Contact(ANN, ANN_BEN, BEN, version_id=1, last_msg_id=FIRST, last_message=message)
    await commit(place.store, Changes(born=(message,), contacts=(contact,)))
    emptied = message.emptied("recalled", version_id=2, now_ms=START_MS + 1)
    # What a writer hands in may still hold the message as it was.
    await commit(place.store, Changes(emptied=(emptied,), contacts=(replace(contact, version_id=2),)))

    expected = replace(contact, version_id=2, last_message=emptied)
    assert await place.store.contact(ANN, ANN_BEN) == expected
    assert (await load(place.store, Keys(contacts={(ANN, ANN_BEN)}))).contacts == [expected]
    assert (await place.store.pull_contacts(ANN, after_version=0, limit=10)).contacts == [expected]


async def test_a_message_born_and_emptied_in_one_batch_is_stored_empty(place: Place) -> None:
    emptied = replace(message_of(1), content=b"", status="recalled", version_id=2)
    await commit(place.store, Changes(sessions=(Session(ANN_BEN, 2, 1, FIRST),), born=(emptied,)))

    assert await place.store.messages(ANN_BEN, before_sort_key=None, limit=10) == [emptied]


async def test_a_transaction_left_without_a_commit_leaves_no_trace(place: Place) -> None:
    async with place.store.transaction() as transaction:
        await transaction.load(EVERYTHING)

    async def loses_its_way() -> None:
        async with place.store.transaction() as transaction:
            await transaction.load(EVERYTHING)
            raise LookupError

    with pytest.raises(LookupError):
        await loses_its_way()

    loaded = await load(place.store, EVERYTHING)
    assert not any((loaded.sessions, loaded.users, loaded.contacts, loaded.messages, loaded.hidden, loaded.profiles))
    # Nor does it stand in the way of the next one.
    await commit(place.store, Changes(users=(UserHead(ANN, 1, 1),)))
    assert await place.store.user(ANN) == UserHead(ANN, 1, 1)


async def test_a_commit_that_fails_writes_nothing_of_it(durable_place: Place) -> None:
    store = durable_place.store
    await commit(store, Changes(users=(UserHead(ANN, 1, 1),), born=(message_of(1),)))

    twice_the_same_id = message_of(1, sender=BEN, nth=2)
    with pytest.raises(errors.SixinError):
        await commit(
            store,
            Changes(
                sessions=(Session(ANN_BEN, 2, 2, FIRST),),
                users=(UserHead(ANN, 2, 2),),
                contacts=(Contact(ANN, ANN_BEN, BEN, version_id=2),),
                born=(twice_the_same_id,),
                profiles=(Profile(ANN),),
            ),
        )

    loaded = await load(store, EVERYTHING)
    assert loaded.users == [UserHead(ANN, 1, 1)]
    assert loaded.messages == [message_of(1)]
    assert not any((loaded.sessions, loaded.contacts, loaded.profiles))
    await commit(store, Changes(users=(UserHead(ANN, 2, 2),)))
    assert await store.user(ANN) == UserHead(ANN, 2, 2)


async def test_a_full_batch_of_strangers_is_written_and_loaded_as_one(place: Place) -> None:
    pairs = [(Uid(10_000 + nth), Uid(900_000 - nth)) for nth in range(BATCH_COMMANDS_MAX)]
    session_ids = [pair_session_id(one, other) for one, other in pairs]
    messages = [
        message_of(nth + 1, session_id=session_id, sender=one)
        for nth, ((one, _), session_id) in enumerate(zip(pairs, session_ids, strict=True))
    ]
    changes = Changes(
        sessions=tuple(Session(message.session_id, 1, 1, message.msg_id) for message in messages),
        users=tuple(UserHead(uid, 1, 0) for pair in pairs for uid in pair),
        contacts=tuple(
            Contact(owner, message.session_id, peer, 1, 1, message.msg_id, message)
            for (one, other), message in zip(pairs, messages, strict=True)
            for owner, peer in ((one, other), (other, one))
        ),
        born=tuple(messages),
    )
    await commit(place.store, changes)

    loaded = await load(
        place.store,
        Keys(
            sessions=set(session_ids),
            users={uid for pair in pairs for uid in pair},
            contacts={(row.owner, row.session_id) for row in changes.contacts},
            seqs={(message.session_id, message.sender, 1) for message in messages},
        ),
    )
    assert sorted(loaded.sessions, key=lambda row: row.session_id) == sorted(
        changes.sessions, key=lambda row: row.session_id
    )
    assert sorted(loaded.users, key=lambda row: row.uid) == sorted(changes.users, key=lambda row: row.uid)
    assert sorted(loaded.contacts, key=lambda row: (row.owner, row.session_id)) == sorted(
        changes.contacts, key=lambda row: (row.owner, row.session_id)
    )
    assert sorted(loaded.messages, key=lambda row: row.msg_id) == sorted(messages, key=lambda row: row.msg_id)
