"""People with real devices: the SDK over real sockets and a real server; and what that answers to a stranger."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from sixin.client import Client, Event
from sixin.client.transport import Channel, WebSocketTransport
from sixin.core import errors
from sixin.core.message import Message
from sixin.core.wire.views import contact_view, message_view
from tests.crash.judge_copies import Pulled
from tests.crash.pulls import Stranger
from tests.server.house import House, open_house
from tests.witness import Witness, WitnessedClient

UIDS: Final = {"ann": 1001, "ben": 1002, "eve": 1003}
WAIT_S: Final = 30.0
"""Longer than anything here takes, however busy the machine."""


class Eyes:
    """The way to the server of somebody who may stop to read: his socket stays open, and fills."""

    def __init__(self, url: str) -> None:
        self._inner = WebSocketTransport(url)
        self.open = asyncio.Event()
        self.open.set()
        self.connections = 0

    async def connect(self) -> Channel:
        channel = await self._inner.connect()
        self.connections += 1
        return _Seen(channel, self.open)

    async def close(self) -> None:
        await self._inner.close()


class _Seen:
    def __init__(self, inner: Channel, open_eyes: asyncio.Event) -> None:
        self._inner = inner
        self._open = open_eyes

    async def send(self, payload: bytes) -> None:
        await self._inner.send(payload)

    async def receive(self) -> bytes:
        await self._open.wait()
        return await self._inner.receive()

    async def close(self) -> None:
        await self._inner.close()


class Device:
    """One person on one device."""

    def __init__(self, me: WitnessedClient, eyes: Eyes) -> None:
        self.me = me
        self.eyes = eyes
        self.heard = me.events()

    async def says(self, to: str, text: str) -> Message:
        """Say something and wait until the server has it."""
        async with asyncio.timeout(WAIT_S):
            return await (await self.me.send(UIDS[to], text)).delivered()

    async def hears(self, kind: type[Event]) -> Event:
        """The next event of a kind."""
        async with asyncio.timeout(WAIT_S):
            async for event in self.heard:
                if isinstance(event, kind):
                    return event
        raise AssertionError(f"no {kind.__name__} came")

    async def sleep(self) -> None:
        await self.me.go_offline()

    async def wake(self) -> None:
        self.me.go_online()
        await self.catches_up()

    async def catches_up(self) -> None:
        """In step with the server, as it was at some moment from now on."""
        async with asyncio.timeout(WAIT_S):
            await self.me.synced()

    async def texts(self, peer: str, *, page: int = 500) -> list[str | None]:
        """The whole history with somebody, oldest first; None for what was taken back."""
        return [message.text for message in await self.history(UIDS[peer], page=page)]

    async def history(self, to: int | str, *, page: int = 500) -> list[Message]:
        """The whole history, scrolled back page by page."""
        found: list[Message] = []
        async with asyncio.timeout(WAIT_S):
            newest = await self.me.history(to, limit=page)
            found, more, before = newest.messages, newest.more, newest.before
            while more:
                older = await self.me.history(to, before=before, limit=page)
                assert not older.hole
                found, more, before = older.messages + found, older.more, older.before
        return found

    async def holds(self) -> Pulled:
        """All that this device shows when somebody looks at everything."""
        await self.catches_up()
        messages = {one: await self.history(one) for one in self.me.local_copy().contacts}
        copy = self.me.local_copy()
        assert {one: copy.messages[one] for one in messages if messages[one]} == {
            one: found for one, found in messages.items() if found
        }
        return Pulled(
            self.me.uid,
            copy.contact_version,
            copy.unread_total,
            {session_id: contact_view(contact) for session_id, contact in copy.contacts.items()},
            {one: [message_view(message) for message in found] for one, found in messages.items()},
            {},
        )


class People:
    """A house, or several on one ground, and those who live with them: each new device in the next house."""

    def __init__(self, houses: Sequence[House], folder: Path, witness: Witness) -> None:
        self.house = houses[0]
        self._witness = witness
        self._awake: list[Device] = []
        self._houses = houses
        self._folder = folder
        self._opened = AsyncExitStack()
        self._devices = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self._everybody_settles()
        finally:
            await self._opened.aclose()

    async def _everybody_settles(self) -> None:
        """Whoever is away comes back and catches up; and again: what one still had to say is news for the others."""
        for _ in range(2):
            for device in self._awake:
                await device.wake()
        for device in self._awake:
            device.me.looked_at()

    async def device(self, name: str, *, in_a_file: bool = False) -> Device:
        """A new device of somebody, connected and in step."""
        self._devices += 1
        eyes = Eyes(self._houses[self._devices % len(self._houses)].url)
        store = self._folder / f"device-{self._devices}.db" if in_a_file else None
        client = WitnessedClient(
            self._witness,
            f"{name}-{self._devices}",
            eyes,
            self.house.token(UIDS[name]),
            file=store,
            chance=Random(self._devices),
        )
        device = Device(await self._opened.enter_async_context(client), eyes)
        self._awake.append(device)
        await device.catches_up()
        return device

    async def devices(self, name: str, count: int) -> list[Device]:
        """Several of them; every second one keeps its copy in a file."""
        return [await self.device(name, in_a_file=nth % 2 == 1) for nth in range(count)]

    async def truth_for(self, name: str) -> Pulled:
        """What the server answers to somebody who knows nothing yet; what is hidden aside, which no device shows."""
        async with aiohttp.ClientSession() as http:
            uid = UIDS[name]
            pulled = await Stranger(http, self.house.url, uid, self.house.token(uid)).pull_all()
        pulled.hidden = {}
        return pulled

    async def busy_afternoon(self, seed: int, *devices: Device, acts: int = 250) -> None:
        """They say, recall, delete, read, clear and arrange, as chance will have it."""
        chance = Random(seed)
        for nth in range(acts):
            device = chance.choice(devices)
            to = chance.choice([uid for uid in UIDS.values() if uid != device.me.uid])
            try:
                await _act(chance, device.me, to, f"number {nth} of {seed}")
            except errors.SixinError as refused:
                # Nothing said there yet, or already gone: part of life. Anything else is not.
                assert refused.code in ("not_found", "forbidden", "bad_request"), refused  # noqa: PT017
        for device in devices:
            await device.catches_up()


async def _act(chance: Random, me: Client, to: int, text: str) -> None:
    contact = me.contact(to)
    newest = contact.last_message if contact is not None else None
    (act,) = chance.choices(("send", "read", "recall", "all", "me", "clear", "gone", "pin", "mute"), _WEIGHTS)
    if act == "send" or newest is None or contact is None:
        await (await me.send(to, text)).delivered()
    elif act == "read":
        await (await me.read(to)).delivered()
    elif act == "recall":
        await me.recall(to, newest.msg_id)
    elif act in ("all", "me"):
        await (await me.delete(to, [newest.msg_id], scope="all" if act == "all" else "me")).delivered()
    elif act == "clear":
        await (await me.clear(to)).delivered()
    elif act == "gone":
        await me.delete_contact(to)
    elif act == "pin":
        await (await me.pin(to, not contact.pinned)).delivered()
    else:
        await (await me.mute(to, not contact.muted)).delivered()


_WEIGHTS: Final = (60, 10, 8, 4, 5, 1, 1, 3, 3)


@asynccontextmanager
async def people_in(folder: Path, witness: Witness, **settings: Any) -> AsyncIterator[People]:
    """A house for them, without limits on how often they ask."""
    async with open_house(witness=witness, **settings) as house, People([house], folder, witness) as people:
        yield people
