"""What must be true of a database, whoever wrote it: judged from its rows alone."""

from collections.abc import Iterable

from sixin.core.ids import SessionId, Uid, slot_of, slot_of_message
from sixin.server.store.base import Store
from tests.postgres.nodes import all_contacts, all_messages


async def assert_true(store: Store, session_ids: Iterable[SessionId], uids: Iterable[Uid]) -> None:
    """Numbers are consecutive and given out once; unread is what can be counted; totals are sums."""
    for session_id in session_ids:
        await _assert_session(store, session_id)
    for uid in uids:
        await _assert_user(store, uid)


async def _assert_session(store: Store, session_id: SessionId) -> None:
    messages = await all_messages(store, session_id)
    session = await store.session(session_id)
    assert [message.ordinal for message in messages] == list(range(1, len(messages) + 1))
    assert [message.sort_key for message in messages] == sorted({message.sort_key for message in messages})
    assert [message.msg_id for message in messages] == sorted({message.msg_id for message in messages})
    assert all(slot_of_message(message.msg_id) == slot_of(session_id) for message in messages)
    assert len({(message.sender, message.seq_id) for message in messages}) == len(messages)
    versions = {message.version_id for message in messages}
    # A version was taken by a birth or by a change; a birth's may have been passed on to a later change.
    births = {message.sort_key for message in messages}
    assert versions | births == set(range(1, session.version_id + 1))
    assert len(versions) == len(messages)
    if messages:
        assert (session.last_ordinal, session.last_msg_id) == (messages[-1].ordinal, messages[-1].msg_id)


async def _assert_user(store: Store, uid: Uid) -> None:
    contacts = await all_contacts(store, uid)
    head = await store.user(uid)
    assert len({contact.version_id for contact in contacts}) == len(contacts)
    assert head.version_id == max((contact.version_id for contact in contacts), default=0)
    assert head.unread_total == sum(contact.counted for contact in contacts)
    for contact in contacts:
        messages = await all_messages(store, contact.session_id)
        hidden = await store.pull_hidden(uid, contact.session_id, after_version=0, limit=1_000)
        gone = set(hidden.msg_ids)
        assert contact.unread == sum(contact.counts(message) and message.msg_id not in gone for message in messages)
        seen = [row for row in messages if row.msg_id > contact.last_del_msg_id and row.msg_id not in gone]
        assert contact.last_message == (seen[-1] if seen else None)
        assert contact.message_version == (await store.session(contact.session_id)).version_id
