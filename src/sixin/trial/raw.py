"""Raw devices: they speak the protocol without the SDK, ask anything in any order, and keep no copy."""

import asyncio
from random import Random

import aiohttp
import msgspec
from msgspec import Raw, Struct

from sixin.client.transport import Channel, LinkLost, WebSocketTransport
from sixin.core.limits import CONNECT_TIMEOUT_S, REQUEST_TIMEOUT_S
from sixin.core.wire.bodies import ErrorView
from sixin.core.wire.codec import encode
from sixin.trial.people import Known, Person
from sixin.trial.recorder import Recorder
from sixin.trial.tap import request
from sixin.trial.users import Users

HELLO_ID = 1
OVER_HTTP = 0.15
"""How many of a device's requests go through the other door."""


class Reply(Struct, frozen=True):
    """What came of a request. Neither: silence."""

    answer: bytes | None = None
    error: ErrorView | None = None


SILENCE = Reply()


class _Frame(Struct):
    id: int | None = None
    ok: Raw = Raw(b"")
    error: ErrorView | None = None
    notice: str = ""


class _HttpError(Struct):
    error: ErrorView


class _Connection:
    """One connection: a task reads it, until it ends."""

    def __init__(self, channel: Channel, known: Known) -> None:
        self._channel = channel
        self._known = known
        self._last_id = HELLO_ID
        self._waiting: dict[int, tuple[str, bytes, asyncio.Future[Reply]]] = {}
        self.open = True
        self.reading = asyncio.get_running_loop().create_task(self._read())

    async def ask(self, op: str, body: bytes, number: int = 0) -> Reply:
        """Ask, and wait for what comes."""
        if not number:
            self._last_id += 1
            number = self._last_id
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[number] = (op, body, future)
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                await self._channel.send(request(number, op, body))
                return await future
        except (LinkLost, TimeoutError):
            await self.close()
            return SILENCE

    async def close(self) -> None:
        """Let go."""
        self.open = False
        await self._channel.close()
        self.reading.cancel()
        await asyncio.gather(self.reading, return_exceptions=True)

    async def _read(self) -> None:
        try:
            while True:
                self._take(await self._channel.receive())
        except LinkLost:
            return
        finally:
            self.open = False
            waiting, self._waiting = self._waiting, {}
            for _, _, future in waiting.values():
                if not future.done():
                    future.set_result(SILENCE)

    def _take(self, payload: bytes) -> None:
        frame = msgspec.json.decode(payload, type=_Frame)
        if frame.notice == "bye":
            raise LinkLost("bye")
        if frame.notice:
            self._known.take_notice(payload)
            return
        op, body, future = self._waiting.pop(frame.id or 0, ("", b"", None))
        if future is None or future.done():
            return  # it came twice, or nobody waits any more
        if frame.error is None and op != "hello":
            self._known.take_answer(op, bytes(frame.ok), body)
        future.set_result(Reply(None if frame.error else bytes(frame.ok), frame.error))


class RawDevice:
    """One device of a person that speaks frames, and sometimes HTTP."""

    def __init__(
        self,
        chance: Random,
        person: Person,
        name: str,
        url: str,
        users: Users,
        recorder: Recorder,
        http: aiohttp.ClientSession,
    ) -> None:
        self.person = person
        self.known = Known(person)
        self.name = name
        self.thief = False
        """It was stolen: whoever has it goes on with the token that is in it."""
        self._chance = chance
        self._url = url
        self._users = users
        self._recorder = recorder
        self._http = http
        self._transport = WebSocketTransport(url)
        self._connection: _Connection | None = None
        self._token = ""

    @property
    def token(self) -> str:
        """A token; a thief's is never a new one."""
        if not (self.thief and self._token):
            self._token = self._users.token(self.person.uid, self.name)
        return self._token

    @property
    def connected(self) -> bool:
        """Whether it was welcomed, and nothing has ended that."""
        return self._connection is not None and self._connection.open

    async def connect(self) -> Reply:
        """Open a connection and say hello; what it was answered."""
        await self.drop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                connection = _Connection(await self._transport.connect(), self.known)
        except (LinkLost, TimeoutError):
            return SILENCE
        self._connection = connection
        hello = encode({"token": self.token, "device_id": self.name})
        reply = await connection.ask("hello", hello, HELLO_ID)
        if reply.answer is None:
            await self.drop()
        return reply

    async def drop(self) -> None:
        """Lose the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def close(self) -> None:
        """For good."""
        await self.drop()
        await self._transport.close()

    async def ask(self, op: str, body: dict[str, object]) -> Reply:
        """Ask over the socket, or over HTTP: always where there is no connection."""
        connection = self._connection
        if connection is None or not connection.open or self._chance.random() < OVER_HTTP:
            return await self._ask_http(op, encode(body))
        return await connection.ask(op, encode(body))

    async def _ask_http(self, op: str, body: bytes) -> Reply:
        token = self.token
        login = self._users.of(token)
        asked = self._recorder.asked(self.person.uid, self.name, op, body, login.name if login else "")
        reply = await self._post(op, body, token)
        if reply.answer is not None:
            self._recorder.answered(asked, reply.answer)
            self.known.take_answer(op, reply.answer, body)
        elif reply.error is not None:
            self._recorder.refused(asked, reply.error)
        else:
            self._recorder.silent(asked)
        return reply

    async def _post(self, op: str, body: bytes, token: str) -> Reply:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            async with self._http.post(f"{self._url}/v1/{op}", data=body, headers=headers) as response:
                said = await response.read()
                if response.status == 200:
                    return Reply(said)
                return Reply(None, msgspec.json.decode(said, type=_HttpError).error)
        except (aiohttp.ClientError, OSError, TimeoutError, msgspec.DecodeError):
            return SILENCE  # also where something between us and the server answered in its stead
