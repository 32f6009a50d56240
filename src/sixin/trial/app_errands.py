"""What a person does with an app that is made with the SDK."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any, Protocol

from sixin.client.client import Client
from sixin.client.history import Page
from sixin.core.content import canonical
from sixin.core.wire.codec import encode
from sixin.trial.errands import LABELS, TAKES_AWAY, WORDS, session_id_of
from sixin.trial.people import Person


class Phone(Protocol):
    """A device that runs the SDK."""

    person: Person
    name: str

    async def use(self, act: Callable[[Client], Coroutine[Any, Any, Any]]) -> None:
        """Do something with the app, as a person would: what it refuses, it refuses."""

    def queued(self, session_id: str, content: bytes) -> None:
        """The app said that it keeps a message until it is delivered."""

    def shows(self, session_id: str, page: Page) -> None:
        """The app shows a page of history."""


Use = Callable[[Random, Phone, Client, str], Awaitable[Any]]


async def use(chance: Random, phone: Phone, op: str) -> None:
    """Do what the action says, or what comes nearest to it in an app."""
    session_id = session_id_of(phone.person.uid, chance.choice(phone.person.peers))
    if op in TAKES_AWAY and session_id in phone.person.keeps:
        return
    act = _USES.get(op, _look)

    async def acting(client: Client) -> None:
        await act(chance, phone, client, session_id)

    await phone.use(acting)


async def _send(chance: Random, phone: Phone, client: Client, session_id: str) -> None:
    person = phone.person
    text = f"{chance.choice(WORDS)} {phone.name}/{person.next_seq_id()}"
    if chance.random() < 0.02:
        text *= 300
    content: dict[str, Any] = {"type": "text", "text": text}
    await client.send(session_id, content)
    phone.queued(session_id, canonical(encode(content)).encoded)


def _messages(client: Client, session_id: str) -> list[tuple[int, int]]:
    """What the device holds of a session: msg_id and sender."""
    held = client.local_copy().messages.get(session_id, [])  # type: ignore[call-overload]
    return [(message.msg_id, message.sender) for message in held]


def _some(chance: Random, client: Client, session_id: str, *, mine: bool | None = None) -> int | None:
    held = _messages(client, session_id)
    found = [msg_id for msg_id, sender in held if mine is None or (sender == client.uid) == mine]
    return chance.choice(found[-8:] if chance.random() < 0.8 else found) if found else None


async def _read(chance: Random, phone: Phone, client: Client, session_id: str) -> None:
    await client.read(session_id, _some(chance, client, session_id) if chance.random() < 0.3 else None)


async def _recall(chance: Random, phone: Phone, client: Client, session_id: str) -> None:
    msg_id = _some(chance, client, session_id, mine=True)
    if msg_id is not None:
        await client.recall(session_id, msg_id)


async def _delete_me(chance: Random, phone: Phone, client: Client, session_id: str) -> None:
    found = [_some(chance, client, session_id) for _ in range(chance.randint(1, 4))]
    msg_ids = [msg_id for msg_id in found if msg_id is not None]
    if msg_ids:
        await client.delete(session_id, msg_ids)


async def _delete_all(chance: Random, phone: Phone, client: Client, session_id: str) -> None:
    msg_id = _some(chance, client, session_id, mine=True)
    if msg_id is not None:
        await client.delete(session_id, [msg_id], scope="all")


async def _moderate(chance: Random, phone: Phone, client: Client, session_id: str) -> None:
    msg_id = _some(chance, client, session_id, mine=False)
    if msg_id is not None:
        await client.delete(session_id, [msg_id], scope="all")


async def _clear(chance: Random, phone: Phone, client: Client, session_id: str) -> None:
    await client.clear(session_id)


async def _clear_up_to(chance: Random, phone: Phone, client: Client, session_id: str) -> None:
    msg_id = _some(chance, client, session_id)
    if msg_id is not None:
        await client.clear(session_id, msg_id)


async def _delete_contact(chance: Random, phone: Phone, client: Client, session_id: str) -> None:
    await client.delete_contact(session_id)


async def _pin(chance: Random, phone: Phone, client: Client, session_id: str) -> None:
    await client.pin(session_id, chance.random() < 0.6)


async def _mute(chance: Random, phone: Phone, client: Client, session_id: str) -> None:
    await client.mute(session_id, chance.random() < 0.5)


async def _label(chance: Random, phone: Phone, client: Client, session_id: str) -> None:
    await client.label(session_id, chance.choices(LABELS, k=chance.randint(0, 3)))


async def _look(chance: Random, phone: Phone, client: Client, session_id: str) -> None:
    """Look at the newest page."""
    phone.shows(session_id, await client.history(session_id, limit=chance.choice([1, 3, 20])))


async def _scroll(chance: Random, phone: Phone, client: Client, session_id: str) -> None:
    """Scroll back, from the newest or from anywhere."""
    before: int | None = None
    if chance.random() < 0.3:
        contact = client.contact(session_id)
        before = chance.randint(0, contact.message_version + 1) if contact is not None else None
    for _ in range(chance.randint(1, 5)):
        page = await client.history(session_id, before=before, limit=chance.choice([1, 3, 20]))
        phone.shows(session_id, page)
        if not page.more or page.before is None:
            return
        before = page.before


async def _chat(chance: Random, phone: Phone, client: Client, session_id: str) -> None:
    """Keep a chat open for a while."""
    async with client.open_chat(session_id):
        await asyncio.sleep(chance.random() * chance.choice([0.1, 1, 35]))


async def _again(chance: Random, phone: Phone, client: Client, session_id: str) -> None:
    """Try again what was refused, or give it up."""
    refused = [entry for entry in client.outbox() if entry.refused]
    if refused:
        entry = chance.choice(refused)
        if entry.kind == "send" or chance.random() < 0.5:
            client.retry(entry)
        else:
            client.discard(entry)


async def _typing(chance: Random, phone: Phone, client: Client, session_id: str) -> None:
    await client.typing(session_id)


_USES: dict[str, Use] = {
    "send": _send,
    "resend": _send,
    "conflict": _again,
    "read": _read,
    "recall": _recall,
    "delete_all": _delete_all,
    "moderate": _moderate,
    "delete_me": _delete_me,
    "clear": _clear,
    "clear_up_to": _clear_up_to,
    "delete_contact": _delete_contact,
    "pin": _pin,
    "mute": _mute,
    "label": _label,
    "pull_new": _chat,
    "pull_old": _scroll,
    "typing": _typing,
}
