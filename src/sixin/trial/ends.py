"""What the server holds at the end, as far as its users can see it: by pulling everything."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from sixin.core.limits import DELETE_MESSAGES_MAX, PAGE_CONTACTS_MAX, PAGE_MESSAGES_MAX
from sixin.core.wire.codec import encode
from sixin.trial.raw import RawDevice
from sixin.verify.history import History, StoredContacts, StoredMessages

TRIES = 5


class CouldNotRun(Exception):
    """There is no verdict; the message says why."""


async def ask(device: RawDevice, op: str, body: dict[str, object]) -> dict[str, Any]:
    """Ask until there is an answer. Raises `CouldNotRun`."""
    why = "the deployment cannot be reached"
    for _ in range(TRIES):
        if not device.connected:
            await device.connect()
        reply = await device.ask(op, body)
        if reply.answer is not None:
            return dict(msgspec.json.decode(reply.answer))
        why = f"{reply.error.code}: {reply.error.message}" if reply.error else why
    raise CouldNotRun(f"{op} of {device.person.uid} is not answered: {why}")


async def take_end(history: History, devices: Sequence[RawDevice]) -> None:
    """Write it down: each user's lines by a device of his, each session by the one who cleared nothing of it."""
    for device in devices:
        history.ends.append(await _contacts(device))
        for session_id in sorted(device.person.keeps):
            messages = await _messages(device, session_id)
            if messages is not None:
                history.ends.append(messages)


async def _messages(device: RawDevice, session_id: str) -> StoredMessages | None:
    body: dict[str, object] = {"session_id": session_id, "limit": PAGE_MESSAGES_MAX}
    page = await ask(device, "pull_old", body)
    version_id, messages = page["version_id"], page["messages"]
    while page["more"]:
        page = await ask(device, "pull_old", body | {"before_sort_key": messages[0]["sort_key"]})
        messages = page["messages"] + messages
    return (
        StoredMessages(session_id, version_id, [Raw(encode(message)) for message in messages]) if version_id else None
    )


async def _contacts(device: RawDevice) -> StoredContacts:
    contacts: list[dict[str, Any]] = []
    page: dict[str, Any] = {"more": True, "version_id": 0}
    while page["more"]:
        body: dict[str, object] = {"after_version": page["version_id"], "limit": PAGE_CONTACTS_MAX}
        page = await ask(device, "pull_contacts", body)
        contacts += page["contacts"]
    hidden: list[tuple[str, str, int]] = []
    for contact in contacts:
        if contact["hidden_version"]:
            hidden += await _hidden(device, contact["session_id"], contact["hidden_version"])
    lines = [Raw(encode(contact)) for contact in contacts]
    return StoredContacts(str(device.person.uid), page["version_id"], page["unread_total"], lines, hidden)


async def _hidden(device: RawDevice, session_id: str, newest: int) -> list[tuple[str, str, int]]:
    versions = await versions_of_hidden(lambda version_id: _hidden_above(device, session_id, version_id), newest)
    return [(session_id, msg_id, version_id) for msg_id, version_id in versions]


async def versions_of_hidden(above: Callable[[int], Awaitable[set[str]]], newest: int) -> list[tuple[str, int]]:
    """What a user hid in a session, with the version of each. A page does not tell those, so they are closed in on.

    `above`: everything he hid there after a version."""
    found: list[tuple[str, int]] = []
    spans = [(0, newest, await above(0), set[str]())]
    while spans:
        low, high, above_low, above_high = spans.pop()
        if above_low == above_high:
            continue
        if high - low == 1:
            found += [(msg_id, high) for msg_id in sorted(above_low - above_high)]
            continue
        middle = (low + high) // 2
        above_middle = await above(middle)
        spans += [(low, middle, above_low, above_middle), (middle, high, above_middle, above_high)]
    return found


async def _hidden_above(device: RawDevice, session_id: str, version_id: int) -> set[str]:
    above: set[str] = set()
    more = True
    while more:
        page = await ask(device, "pull_hidden", {"session_id": session_id, "after_version": version_id})
        above.update(page["msg_ids"])
        version_id, more = page["version_id"], page["more"]
    return above


async def clear_away(history: History, devices: Sequence[RawDevice]) -> int:
    """Empty what each user said, and take every contact out of his list. How many messages keep their words: those
    that their sender had cleared, so that they are not there for him. Raises `CouldNotRun`."""
    of = {str(device.person.uid): device for device in devices}
    kept = 0
    for end in history.ends:
        if isinstance(end, StoredMessages):
            said = [message for message in map(msgspec.json.decode, end.messages) if message["content"] is not None]
            for sender in {message["sender"] for message in said}:
                msg_ids = [message["msg_id"] for message in said if message["sender"] == sender]
                kept += await _empty(of[sender], end.session_id, msg_ids)
    for end in history.ends:
        if isinstance(end, StoredContacts):
            for contact in map(msgspec.json.decode, end.contacts):
                await ask(of[end.uid], "delete_contact", {"session_id": contact["session_id"]})
    return kept


async def _empty(device: RawDevice, session_id: str, msg_ids: list[str]) -> int:
    """Delete these for all. How many could not be."""
    kept = 0
    for first in range(0, len(msg_ids), DELETE_MESSAGES_MAX):
        batch = msg_ids[first : first + DELETE_MESSAGES_MAX]
        body: dict[str, object] = {"session_id": session_id, "scope": "all"}
        if (await device.ask("delete", body | {"msg_ids": batch})).answer is None:
            replies = [await device.ask("delete", body | {"msg_ids": [msg_id]}) for msg_id in batch]
            kept += sum(reply.answer is None for reply in replies)
    return kept
