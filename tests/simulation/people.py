"""Raw devices: they speak the protocol without the SDK, ask anything in any order, and keep no copy."""

import asyncio
from random import Random

import msgspec

from sixin.core.errors import SixinError, Unauthenticated, Unavailable
from sixin.core.wire.codec import encode
from sixin.server.operations.actor import Actor
from sixin.trial.people import Known, Person
from sixin.trial.recorder import Recorder
from sixin.trial.tap import Tap, request
from tests.simulation.loop import inside
from tests.simulation.network import Link, LinkFaults
from tests.simulation.servers import Server, Servers

PATIENCE_S = 20.0
HELLO_ID = 1


class RawConnection:
    """One connection of a raw device."""

    def __init__(self, device: "RawDevice", server: Server) -> None:
        self._device = device
        self._last_id = HELLO_ID
        self._waiting: dict[int, asyncio.Future[bytes | None]] = {}
        self._tap = Tap(device.recorder, device.servers.logins)
        self.link = Link(device.chance, device.faults, server.process, self)

    def ask(self, op: str, encoded: bytes) -> "asyncio.Future[bytes | None]":
        """Ask; the future holds the answer, or None for a refusal or silence."""
        future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        number = HELLO_ID if op == "hello" else self._next_id()
        self._waiting[number] = future
        frame = request(number, op, encoded)
        self._tap.sent(frame)
        self.link.send(frame)
        return future

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def received(self, frame: bytes) -> None:
        """A frame arrives."""
        answered = self._tap.arrived(frame)
        if frame.startswith(b'{"notice"'):
            self._device.take_notice(self, frame)
        elif answered is not None:
            number, asked, answer = answered
            if answer is not None:
                self._device.known.take_answer(asked.op, answer, asked.body)
            future = self._waiting.pop(number, None)
            if future is not None and not future.done():
                future.set_result(answer)

    def doubled(self, frame: bytes) -> None:
        """A frame of ours leaves once more."""
        self._tap.sent(frame)

    def closed(self) -> None:
        """The link is gone, and with it every answer."""
        self._tap.closed()
        self._device.lost(self)
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_result(None)


class RawDevice:
    """One device of a person that speaks frames."""

    def __init__(
        self, chance: Random, person: Person, name: str, servers: Servers, recorder: Recorder, faults: LinkFaults
    ) -> None:
        self.person = person
        self.known = Known(person)
        self.name = name
        self.chance = chance
        self.recorder = recorder
        self.faults = faults
        self.servers = servers
        self.thief = chance.random() < 0.3
        """It was stolen: whoever has it goes on with the token that is in it."""
        self.token: str | None = None
        self._connection: RawConnection | None = None

    @property
    def connected(self) -> bool:
        """Whether it has a connection that greeted it."""
        return self._connection is not None

    async def connect(self) -> bool:
        """Find a node and say hello. False where that did not work."""
        server = self.servers.any_ready()
        if server is None or server.node is None or self.connected:
            return False
        connection = RawConnection(self, server)
        if not connection.link.connect(server.node.websocket):
            return False
        greeted = connection.ask("hello", encode({"token": self._token()}))
        answer = await self._patiently(connection, greeted)
        if answer is not None and connection.link.open and not self.connected:
            self._connection = connection
        else:
            connection.link.break_now()
        return answer is not None

    def _token(self) -> str:
        """A token; a thief's is never a new one."""
        if self.token is None or not self.thief:
            self.token = self.servers.logins.token(self.person.uid, self.name)
        return self.token

    async def _patiently(self, connection: RawConnection, answer: "asyncio.Future[bytes | None]") -> bytes | None:
        await asyncio.wait({answer}, timeout=PATIENCE_S)
        if not answer.done():
            connection.link.break_now()
            return None
        return answer.result()

    def drop(self) -> None:
        """Lose the link."""
        if self._connection is not None:
            self._connection.link.break_now()

    def lost(self, connection: RawConnection) -> None:
        """A connection is gone."""
        if self._connection is connection:
            self._connection = None

    def take_notice(self, connection: RawConnection, frame: bytes) -> None:
        """Something is told."""
        if frame.startswith(b'{"notice":"bye"'):
            connection.link.break_now()
        else:
            self.known.take_notice(frame)

    async def ask(self, op: str, body: dict[str, object]) -> bytes | None:
        """Ask over the socket, or over HTTP where there is none. None for a refusal or silence."""
        encoded = encode(body)
        connection = self._connection
        if connection is None or self.chance.random() < 0.1:
            return await self._ask_http(op, encoded)
        return await self._patiently(connection, connection.ask(op, encoded))

    async def browse(self, page: int) -> None:
        """Pull what is new in the list, and then what is new in each session of it, in its order."""
        listed: list[str] = []
        more = True
        while more:
            body: dict[str, object] = {"after_version": self.known.contact_cursor, "limit": page}
            answer = await self.ask("pull_contacts", body)
            if answer is None:
                return
            found = msgspec.json.decode(answer)
            listed += (contact["session_id"] for contact in found["contacts"])
            more = found["more"]
        for session_id in listed:
            after = self.known.cursors.get(session_id, 0)
            await self.ask("pull_new", {"session_id": session_id, "after_version": after, "limit": page})

    async def _ask_http(self, op: str, encoded: bytes) -> bytes | None:
        """Ask over the other door: one request, on a connection of its own."""
        token = self._token()
        login = self.servers.logins.of(token)
        assert login is not None
        asked = self.recorder.asked(login.uid, self.name, op, encoded, login.name, moderator=login.moderator)
        await asyncio.sleep(self.chance.random() * self.faults.slow_s)
        answer = await self._over_http(op, encoded, token)
        await asyncio.sleep(self.chance.random() * self.faults.slow_s)
        if answer is None:
            self.recorder.silent(asked)
            return None
        if isinstance(answer, SixinError):
            self.recorder.refused(asked, answer)
            return None
        self.recorder.answered(asked, answer)
        self.known.take_answer(op, answer, encoded)
        return answer

    async def _over_http(self, op: str, encoded: bytes, token: str) -> bytes | SixinError | None:
        server = self.servers.any_ready()
        if server is None or server.node is None or self.chance.random() < self.faults.breaks:
            return None
        answered: asyncio.Future[bytes | SixinError] = asyncio.get_running_loop().create_future()
        lost = self.chance.random() < self.faults.breaks

        def reply(answer: bytes | SixinError) -> None:
            if answered.done() or lost:
                return
            try:
                if isinstance(answer, bytes):
                    node.tokens.withhold_from_ended(identity, now_s=node.clock_ms() / 1_000)
            except Unavailable as error:
                answer = error
            answered.set_result(answer)

        node = server.node
        try:
            identity = node.tokens.check(token, now_s=node.clock_ms() / 1_000)
        except Unauthenticated as error:
            return error
        actor = Actor(identity.uid, identity.device_id or "", moderator=identity.role == "admin")
        inside(server.process, node.dispatch.begin, actor, op, encoded, reply)
        await asyncio.wait({answered}, timeout=PATIENCE_S)
        return answered.result() if answered.done() else None
