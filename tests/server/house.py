"""A real node behind a real port for the tests, and people who talk to it through either door."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any, NamedTuple

import aiohttp

from sixin.core.ids import Uid
from sixin.server.app import Node, open_door
from sixin.server.auth import Role, Tokens
from sixin.server.bus.base import Bus
from sixin.server.bus.local import LocalBus
from sixin.server.config import Settings
from sixin.server.gateway.listener import Listener
from sixin.server.store.base import Store
from sixin.server.store.memory import MemoryStore
from sixin.trial.tap import Tap
from tests.witness import Witness

DEADLINE_S = 30.0
"""After this long, what a test waits for does not come, however busy the machine."""

SECRET = "a secret of the tests, long enough for HS256"
TOKENS = Tokens(SECRET)

Json = dict[str, Any]


class Clock:
    """The machine's time and a hand to move it; or, stopped at a time, that hand alone."""

    def __init__(self, stopped_at_ms: int | None = None) -> None:
        self.ahead_ms = 0
        self._stopped_at_ms = stopped_at_ms

    def __call__(self) -> int:
        now_ms = time.time_ns() // 1_000_000 if self._stopped_at_ms is None else self._stopped_at_ms
        return now_ms + self.ahead_ms


class Answer(NamedTuple):
    """What came back through either door: one of the two."""

    ok: Json | None
    error: Json | None
    status: int = 0
    """The HTTP status; 0 on the socket."""

    @property
    def code(self) -> str | None:
        return None if self.error is None else str(self.error["code"])


class Device:
    """One WebSocket connection of a user. Reads only when it is asked to, as a slow reader does."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, tap: Tap | None = None) -> None:
        self.socket = socket
        self._tap = tap
        self.notices: list[Json] = []
        """Those read and not yet asked for, in the order they came."""
        self.welcome: Json = {}
        self._ids = itertools.count(1)

    async def frame(self) -> Json | None:
        """The next frame; None when the connection has ended."""
        async with asyncio.timeout(DEADLINE_S):
            message = await self.socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            self.hung_up()
            return None
        if self._tap is not None:
            self._tap.arrived(message.data.encode())
        found: Json = json.loads(message.data)
        return found

    def hung_up(self) -> None:
        """The connection is over: what was not answered will not be."""
        if self._tap is not None:
            self._tap.closed()

    async def send_frame(self, frame: bytes) -> None:
        if self._tap is not None:
            self._tap.sent(frame)
        await self.socket.send_frame(frame, aiohttp.WSMsgType.TEXT)

    async def ask_raw(self, op: str, body: bytes) -> Answer:
        """Ask with a body of any kind and wait for the answer; notices that come before it are kept."""
        request_id = next(self._ids)
        await self.send_frame(b'{"id":%d,"op":%b,"body":%b}' % (request_id, json.dumps(op).encode(), body))
        return await self.answer(request_id)

    async def answer(self, request_id: int | None) -> Answer:
        while (frame := await self.frame()) is not None:
            if "notice" in frame:
                self.notices.append(frame)
                continue
            assert frame["id"] in (request_id, None)  # null where the request's could not be read
            return Answer(frame.get("ok"), frame.get("error"))
        raise AssertionError("the connection ended before the answer")

    async def ask(self, op: str, /, **body: Any) -> Json:
        """Ask for something that is not refused."""
        answer = await self.ask_raw(op, json.dumps(body).encode())
        assert answer.ok is not None, answer.error
        return answer.ok

    async def say(self, to: int, text: str, seq_id: int) -> Json:
        """Send a text; its message."""
        message: Json = (await self.ask("send", to=str(to), seq_id=seq_id, content={"type": "text", "text": text}))[
            "message"
        ]
        return message

    async def notice(self, kind: str) -> Json:
        """The next notice of a kind; others that come before it are kept."""
        for kept in self.notices:
            if kept["notice"] == kind:
                self.notices.remove(kept)
                return kept
        while (frame := await self.frame()) is not None:
            assert "notice" in frame, frame
            if frame["notice"] == kind:
                return frame
            self.notices.append(frame)
        raise AssertionError(f"the connection ended before a notice of kind {kind!r}")

    async def nothing_more(self) -> list[Json]:
        """Every notice that was on its way: a request's answer comes behind them."""
        await self.ask("unread")
        kept, self.notices = self.notices, []
        return kept

    async def rest(self) -> list[Json]:
        """Every frame until the end of the connection."""
        frames = list(self.notices)
        while (frame := await self.frame()) is not None:
            frames.append(frame)
        return frames


class House:
    """A node, its port, and a client."""

    def __init__(
        self,
        node: Node,
        listener: Listener,
        clock: Clock,
        client: aiohttp.ClientSession,
        witness: Witness | None = None,
    ) -> None:
        self.node = node
        self._witness = witness
        self.listener = listener
        self.clock = clock
        self.client = client
        self.url = f"http://127.0.0.1:{listener.port}"
        self._devices: dict[int, Device] = {}
        self._opened: list[Device] = []

    def token(self, uid: int, *, ttl_s: float = 3_600, device_id: str | None = None, role: Role = "user") -> str:
        return TOKENS.mint(Uid(uid), now_s=self.clock() / 1_000, ttl_s=ttl_s, device_id=device_id, role=role)

    async def connect(
        self, *, token: str | None = None, origin: str | None = None, offered: bool = True, query: str = ""
    ) -> Device:
        """A connection that has said nothing yet; with the token in its header, if one is given."""
        socket = await self.client.ws_connect(
            f"{self.url}/v1/ws?{query}",
            protocols=("sixin.v1.json",) if offered else (),
            headers={} if token is None else {"Authorization": f"Bearer {token}"},
            origin=origin,
            max_msg_size=0,
            timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
        )
        device = Device(socket, None if self._witness is None else self._witness.tap())
        self._opened.append(device)
        return device

    async def leave(self) -> None:
        """Hang up everywhere."""
        await asyncio.gather(*(device.socket.close() for device in self._opened))
        for device in self._opened:
            device.hung_up()

    async def device(self, uid: int, *, ttl_s: float = 3_600, device_id: str | None = None) -> Device:
        """A connection of a user who was welcomed."""
        device = await self.connect()
        device.welcome = await device.ask("hello", token=self.token(uid, ttl_s=ttl_s, device_id=device_id))
        return device

    async def post(
        self, path: str, body: bytes | BytesIO, *, token: str | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """A POST of any body; what came back must be JSON."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        asked = None
        if self._witness is not None and token is not None and isinstance(body, bytes):
            asked = self._witness.posts(token, path.removeprefix("/v1/"), body)
        async with asyncio.timeout(DEADLINE_S), self.client.post(self.url + path, data=body, headers=sent) as response:
            assert response.content_type == "application/json"
            said = await response.read()
            if self._witness is not None and asked is not None:
                self._witness.posted(asked, response.status, said)
            found = json.loads(said)
            error = found.get("error") if response.status >= 400 else None
            return Answer(None if error else found, error, response.status)

    async def get(self, path: str, *, token: str | None = None) -> tuple[int, bytes]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with asyncio.timeout(DEADLINE_S), self.client.get(self.url + path, headers=headers) as response:
            return response.status, await response.read()

    async def ask(self, door: str, uid: int, op: str, body: bytes) -> Answer:
        """Ask through `http` or `socket`; a user's connection is kept from one call to the next."""
        if door == "http":
            return await self.post(f"/v1/{op}", body, token=self.token(uid))
        device = self._devices.get(uid)
        if device is None or device.socket.closed:
            device = self._devices[uid] = await self.device(uid)
        return await device.ask_raw(op, body)

    def connection_of(self, uid: int) -> Device | None:
        """The one that `ask` keeps."""
        return self._devices.get(uid)

    async def done(self, door: str, uid: int, op: str, /, **body: Any) -> Json:
        """The same for what is not refused."""
        answer = await self.ask(door, uid, op, json.dumps(body).encode())
        assert answer.ok is not None, answer.error
        return answer.ok

    def state(self) -> dict[str, dict[Any, Any]]:
        """Every row of the store."""
        store = self.node.store
        assert isinstance(store, MemoryStore)
        rows = store._rows
        kinds = ("slots", "sessions", "users", "contacts", "messages", "hidden", "profiles")
        return {kind: dict(getattr(rows, kind)) for kind in kinds}


@asynccontextmanager
async def open_house(
    *,
    store: Store | None = None,
    bus: Bus | None = None,
    clock: Clock | None = None,
    demo: bytes | None = None,
    witness: Witness | None = None,
    **settings: Any,
) -> AsyncIterator[House]:
    """A house over a store in memory; without rate limits, unless `settings` say otherwise. `witness`: writes down
    what is said through its doors, and looks into its store when everybody has hung up."""
    clock = clock or Clock()
    chosen = Settings(**{"store": "memory", "port": 0, "requests_per_s": 0, "demo": demo is not None, **settings})
    node = Node(chosen, store=store or MemoryStore(), bus=bus or LocalBus(), tokens=Tokens(SECRET), clock_ms=clock)
    await node.start()
    try:
        listener = await open_door(node, demo=demo)
        try:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
                house = House(node, listener, clock, client, witness)
                try:
                    yield house
                finally:
                    await house.leave()
            if witness is not None:
                await witness.looks_into(node.store)
        finally:
            await listener.close()
    finally:
        await node.stop()


async def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition on what another task does."""
    async with asyncio.timeout(DEADLINE_S):
        while not holds():  # noqa: ASYNC110  # the condition belongs to code that tells nobody
            await asyncio.sleep(0.005)
