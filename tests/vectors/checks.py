"""What a vector demands, on any store: `tests/conformance` runs the same on every engine."""

from sixin.core.ids import Uid, pair_session_id, parse_session_id, parse_uid
from sixin.server.store.base import Store
from tests.vectors import vector
from tests.vectors.script import Script, script_on, session_of


async def check_recall(store: Store) -> None:
    """`recall.json`: a recalled message keeps its place, takes the newest version and is never served again."""
    case = vector("recall")
    session_id = session_of(case)
    async with script_on(store) as script:
        await script.play(session_id, case["script"])
        stored = (await store.messages(session_id, before_sort_key=None, limit=100))[::-1]
        for message, expected in zip(stored, case["timeline"], strict=True):
            assert message.msg_id == script.ids[expected["label"]]
            assert message.sender == parse_uid(expected["sender"])
            for number in ("version_id", "sort_key", "ordinal", "status"):
                assert getattr(message, number) == expected[number], (expected["label"], number)

        gone = case["never_served_again"].encode()
        for step in case["pulls"]:
            page = await script.check_pull(session_id, step)
            assert all(gone not in message.content for message in page.messages)
        for user in case["users"]:
            contacts = (await store.pull_contacts(parse_uid(user), after_version=0, limit=100)).contacts
            assert all(gone not in line.last_message.content for line in contacts if line.last_message)


async def check_clear_and_page(store: Store) -> None:
    """`clear_and_page.json`: a cleared history stays cleared in both directions, also when it changes later."""
    case = vector("clear_and_page")
    session_id = session_of(case)
    async with script_on(store) as script:
        await script.play(session_id, case["script"])
        for expected in case["contacts"]:
            contact = await store.contact(parse_uid(expected["owner"]), session_id)
            assert contact is not None
            assert contact.last_msg_id == script.ids[expected["last_msg"]]
            cleared = expected["last_del_msg"]
            assert contact.last_del_msg_id == (script.ids[cleared] if cleared else 0)
        for step in case["pulls"]:
            await script.check_pull(session_id, step)
        await script.play(session_id, case["then"])


async def check_fanout(store: Store) -> None:
    """`fanout.json`: one shared timeline for each pair, one list of contacts for each user."""
    case = vector("fanout")
    uids = {name: parse_uid(uid) for name, uid in case["users"].items()}
    async with script_on(store) as script:
        await _send_all(script, uids, case["sends"])
    for text, numbers in case["message_timelines"].items():
        stored = await store.messages(parse_session_id(text), before_sort_key=None, limit=100)
        assert [message.content for message in stored[::-1]] == [
            b'{"text":"%d","type":"text"}' % number for number in numbers
        ]
    for name, expected in case["contacts"].items():
        page = await store.pull_contacts(uids[name], after_version=0, limit=100)
        by_sort_key = sorted(page.contacts, key=lambda contact: contact.sort_key)
        assert [contact.session_id for contact in by_sort_key] == expected["sessions"]
        assert page.version_id == expected["version_id"]
        assert {contact.session_id: contact.unread for contact in page.contacts} == expected["unread"]
        assert page.unread_total == sum(expected["unread"].values())


async def _send_all(script: Script, uids: dict[str, Uid], sends: list[tuple[str, str, int]]) -> None:
    for sender, to, number in sends:
        await script.send(uids[sender], pair_session_id(uids[sender], uids[to]), str(number))


CHECKS = (check_recall, check_clear_and_page, check_fanout)
