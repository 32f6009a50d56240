"""A busy afternoon: users act at random through their devices, and links do what links do. One seed, one run."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sixin.client import Client, Page, StoreFailed
from sixin.client.model import Applied, State, Writes
from sixin.client.pending import Pending
from sixin.client.store.base import Store
from sixin.client.store.memory import MemoryStore
from sixin.client.sync import Sizes
from sixin.core import errors
from sixin.core.ids import MsgId, SessionId, Uid, pair_session_id
from sixin.core.message import Message
from tests.client.loopback import Faults, House, TurningClock, Wire, assert_equal

SMALL = Sizes(far_behind=6, newest=3, changes=4, contacts=2)
"""So small that every page has a next one and every pause leaves a hole."""

USERS = (1001, 1002, 1003)


@dataclass
class Device:
    """One device of one user: what survives its crashes, and what does not."""

    uid: int
    wire: Wire
    store: Store
    client: Client
    clock: TurningClock
    said: dict[str | None, int] = field(default_factory=dict)
    """What was queued, each text once, and as the how-manieth."""
    awake: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)


class Afternoon:
    """Drives the devices."""

    def __init__(self, house: House, seed: int, faults: Callable[[Random], Faults], *, sizes: Sizes = SMALL) -> None:
        self.house = house
        self.chance = Random(seed)
        self._faults = faults
        self._sizes = sizes
        self.devices: list[Device] = []
        self.texts = 0
        self.perhaps = 0
        """Sends of which the program crashed before it was told that they are queued."""

    def new_device(self, uid: int, store: Store | None = None) -> Device:
        wire = self.house.wire(self._faults(Random(self.chance.random())))
        clock = TurningClock(self.chance.choice((0, 0, 5_000_000, -5_000_000)))
        store = store or MemoryStore()
        device = Device(uid, wire, store, self._client(uid, wire, clock, store), clock)
        self.devices.append(device)
        return device

    def _client(self, uid: int, wire: Wire, clock: TurningClock, store: Store) -> Client:
        return Client(
            wire,
            self.house.token(uid),
            store=store,
            device_id=None,
            clock=clock,
            chance=Random(self.chance.random()),
            sizes=self._sizes,
        )

    async def open(self, device: Device) -> None:
        await device.awake.enter_async_context(device.client)

    async def act(self, device: Device) -> None:
        """One thing somebody does. What is refused, or needs a link that is away, is part of life."""
        acts: list[tuple[int, Callable[[Device], Awaitable[object]]]] = [
            (30, self._send),
            (8, self._recall),
            (6, self._delete),
            (3, self._clear),
            (2, self._delete_contact),
            (8, self._read),
            (4, self._arrange),
            (8, self._scroll),
            (4, self._look),
            (6, self._link),
            (20, self._wait),
            (3, self._sleep),
            (3, self._restart),
        ]
        weights = [weight for weight, _ in acts]
        (_, act) = self.chance.choices(acts, weights)[0]
        try:
            await act(device)
        except errors.SixinError:
            pass
        except StoreFailed:
            await self._restart(device)

    def _peer(self, device: Device) -> int:
        return self.chance.choice(USERS)

    async def _send(self, device: Device) -> None:
        text = f"{device.uid} says {self.texts + self.perhaps}"
        try:
            await device.client.send(self._peer(device), text)
        except StoreFailed:
            self.perhaps += 1
            raise
        self.texts += 1
        device.said[text] = len(device.said)

    async def _any_message(self, device: Device, *, own: bool = False) -> tuple[int, int] | None:
        peer = self._peer(device)
        page = await self._page(device, peer, None)
        messages = [one for one in page.messages if not own or one.sender == device.uid]
        return (peer, self.chance.choice(messages).msg_id) if messages else None

    async def _page(self, device: Device, peer: int, before: int | None) -> Page:
        async with asyncio.timeout(100):
            return await device.client.history(peer, before=before, limit=self.chance.randint(1, 7))

    async def _recall(self, device: Device) -> None:
        found = await self._any_message(device, own=True)
        if found is not None:
            await device.client.recall(*found)

    async def _delete(self, device: Device) -> None:
        scope: Any = self.chance.choice(("me", "me", "all"))
        found = await self._any_message(device, own=scope == "all")
        if found is not None:
            await device.client.delete(found[0], [found[1]], scope=scope)

    async def _clear(self, device: Device) -> None:
        found = await self._any_message(device)
        if found is not None:
            await device.client.clear(found[0], self.chance.choice((None, found[1])))

    async def _delete_contact(self, device: Device) -> None:
        await device.client.delete_contact(self._peer(device))

    async def _read(self, device: Device) -> None:
        await device.client.read(self._peer(device))

    async def _arrange(self, device: Device) -> None:
        peer, on = self._peer(device), self.chance.random() < 0.5
        acts: list[Callable[[], Awaitable[Pending[Any]]]] = [
            lambda: device.client.pin(peer, on),
            lambda: device.client.mute(peer, on),
            lambda: device.client.label(peer, ["work"] if on else []),
        ]
        await self.chance.choice(acts)()

    async def _scroll(self, device: Device) -> None:
        peer, before = self._peer(device), None
        for _ in range(self.chance.randint(1, 4)):
            page = await self._page(device, peer, before)
            before = page.before
            if before is None:
                return

    async def _look(self, device: Device) -> None:
        async with device.client.open_chat(self._peer(device)):
            await asyncio.sleep(self.chance.choice((0, 1, 45)))

    async def _link(self, device: Device) -> None:
        match self.chance.randrange(4):
            case 0:
                device.wire.cut()
            case 1:
                await device.client.go_offline()
            case 2:
                device.client.go_online()
            case _:
                device.wire.reachable = not device.wire.reachable

    async def _sleep(self, device: Device) -> None:
        """The others go on without this device, for longer than a page is long."""
        await device.client.go_offline()
        for _ in range(self.chance.randint(5, 40)):
            other = self.chance.choice(self.devices)
            if other is not device:
                with contextlib.suppress(errors.SixinError, StoreFailed):
                    await self.chance.choice((self._send, self._send, self._send, self._recall, self._delete))(other)
        device.client.go_online()

    async def _restart(self, device: Device) -> None:
        """The program ends in the middle of whatever it does, and is started again over what its store holds."""
        with contextlib.suppress(StoreFailed):
            await device.awake.aclose()
        device.client = self._client(device.uid, device.wire, device.clock, device.store)
        await self.open(device)

    async def _wait(self, device: Device) -> None:
        await asyncio.sleep(self.chance.choice((0, 0.01, 0.5, 5)))

    async def evening(self) -> None:
        """Every link is well again, everybody comes in, and all that was queued leaves."""
        for device in self.devices:
            device.wire.heal()
            if isinstance(device.store, CrashingStore):
                device.store.heal()
                await self._restart(device)
            device.client.go_online()
        for _ in range(2):  # what the last one sends is news to the first
            for device in self.devices:
                async with asyncio.timeout(2_000):
                    await device.client.synced()

    async def judge(self) -> None:
        """Every copy equals the server's truth, and every send is there once, in its order."""
        for device in self.devices:
            assert_equal(device.client.local_copy(), await self.house.truth(device.uid))
        total = 0
        for session_id in [pair_session_id(Uid(one), Uid(other)) for one in USERS for other in USERS if one <= other]:
            rows = (await self.house.node.store.messages(session_id, before_sort_key=None, limit=100_000))[::-1]
            total += len(rows)
            assert [one.ordinal for one in rows] == list(range(1, len(rows) + 1))
            for device in self.devices:
                mine = [device.said[one.text] for one in rows if one.text in device.said]
                assert mine == sorted(mine), "what one device says in one session stands there in its order"
        # Each once, recalled or not; and nothing that nobody said.
        assert self.texts <= total <= self.texts + self.perhaps

    async def close(self) -> None:
        for device in self.devices:
            with contextlib.suppress(StoreFailed):
                await device.awake.aclose()


class CrashingStore(Store):
    """A store whose program dies at some of its writes: just before one, or just after it is on disk."""

    def __init__(self, store: Store, chance: Random, often: float) -> None:
        self._store = store
        self._chance = chance
        self._often = often

    def heal(self) -> None:
        self._often = 0.0

    def apply(self, writes: Writes) -> Applied:
        if self._chance.random() < self._often:
            if self._chance.random() < 0.5:
                self._store.apply(writes)
            raise StoreFailed("the program died")
        return self._store.apply(writes)

    def open(self) -> State:
        return self._store.open()

    def adopt(self, uid: int, device_id: str) -> None:
        self._store.adopt(uid, device_id)

    def page(self, session_id: SessionId, *, low: int, high: int, limit: int) -> list[Message]:
        return self._store.page(session_id, low=low, high=high, limit=limit)

    def message(self, session_id: SessionId, msg_id: MsgId) -> Message | None:
        return self._store.message(session_id, msg_id)

    def close(self) -> None:
        self._store.close()


def stormy(chance: Random) -> Faults:
    """A bad link."""
    return Faults(
        chance=chance,
        lose_notice=chance.choice((0.0, 0.2, 0.9, 1.0)),
        double=chance.choice((0.0, 0.2)),
        late=chance.choice((0.0, 0.3, 0.9)),
        cut=chance.choice((0.0, 0.01, 0.05)),
        notices_first=chance.random() < 0.3,
    )


async def spend(
    seed: int,
    *,
    acts: int,
    uids: tuple[int, ...] = (1001, 1001, 1002, 1003),
    store: Callable[[Random], Store] | None = None,
) -> Afternoon:
    """A whole afternoon with one seed, up to the moment where everybody is in step."""
    async with House() as house:
        afternoon = Afternoon(house, seed, stormy)
        try:
            for uid in uids:
                await afternoon.open(afternoon.new_device(uid, store(afternoon.chance) if store else None))
            for _ in range(acts):
                await afternoon.act(afternoon.chance.choice(afternoon.devices))
            await afternoon.evening()
            await afternoon.judge()
        finally:
            await afternoon.close()
        return afternoon
