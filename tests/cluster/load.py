"""People who use a cluster while it breaks: SDK devices and plain HTTP, all of it written down for the checker."""

import asyncio
import itertools
import json
import random
import time
from typing import Any

import aiohttp
import msgspec
from msgspec import Raw

import sixin
from sixin.client import Client
from sixin.core.ids import Uid, pair_session_id
from sixin.core.wire.bodies import ErrorView
from sixin.core.wire.codec import encode
from sixin.core.wire.views import message_view
from sixin.server.store.base import Store
from sixin.trial.copies import device_copy
from sixin.verify.history import Call, History, Queued
from tests.cluster.nodes import token
from tests.ends import stored_of

PEOPLE = [Uid(uid) for uid in range(1001, 1007)]
TALKERS = [Uid(uid) for uid in range(2001, 2005)]
ANSWER_TIMEOUT_S = 5.0
SETTLE_S = 60.0


class Crowd:
    """Everybody, and what they saw. `url`: of the load balancer."""

    def __init__(self, url: str, seed: int) -> None:
        self.history = History()
        self.acknowledged_at: list[float] = []
        """When each send was answered."""
        self.attempts_refused = 0
        self._url = url
        self._chance = random.Random(seed)
        self._order = itertools.count(1)
        self._stop = asyncio.Event()
        self._settled = 0
        """Of the people and programs, those who have nothing more to say."""

    async def run(self) -> None:
        """Talk until `stop`; then let every device catch up, and write down what it holds."""
        async with asyncio.TaskGroup() as people:
            for uid in PEOPLE:
                people.create_task(self._live(uid))
            for uid in TALKERS:
                people.create_task(self._talk(uid))

    def stop(self) -> None:
        self._stop.set()

    async def _live(self, uid: Uid) -> None:
        """One person, on two devices: one speaks, both listen."""
        chance = random.Random(self._chance.random())
        async with sixin.connect(self._url, token(uid)) as phone, sixin.connect(self._url, token(uid)) as tab:
            for nth in itertools.count():
                if self._stop.is_set():
                    break
                await self._queue(uid, phone, chance.choice([to for to in PEOPLE if to != uid]), nth)
                await asyncio.sleep(chance.uniform(0.02, 0.15))
            async with asyncio.timeout(SETTLE_S):
                self._settled += 1
                while self._settled < len(PEOPLE) + len(TALKERS):  # noqa: ASYNC110 - the others' doing
                    await asyncio.sleep(0.05)
                await asyncio.gather(phone.synced(), tab.synced())
            self.history.ends += [
                device_copy(me.local_copy(), me.outbox(), name) for me, name in ((phone, "phone"), (tab, "tab"))
            ]

    async def _queue(self, uid: Uid, phone: Client, to: Uid, nth: int) -> None:
        content = {"type": "text", "text": f"{uid} says {nth}"}
        session_id = pair_session_id(uid, to)
        start = next(self._order)
        pending = await phone.send(to, content)
        self.history.events.append(
            Queued(next(self._order), str(uid), "phone", session_id, Raw(json.dumps(content).encode()))
        )
        message = await pending.delivered()
        self.acknowledged_at.append(time.monotonic())
        body = {"session_id": session_id, "seq_id": pending.seq_id, "content": content}
        answer = Raw(b'{"message":' + encode(message_view(message)) + b"}")
        self.history.events.append(
            Call(start, str(uid), "phone", "send", Raw(json.dumps(body).encode()), end=next(self._order), answer=answer)
        )

    async def _talk(self, uid: Uid) -> None:
        """One program, over HTTP: it repeats a send until it is answered, on whichever node it comes to."""
        chance = random.Random(self._chance.random())
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector) as client:
            for seq_id in itertools.count(1):
                if self._stop.is_set():
                    break
                to = chance.choice([one for one in TALKERS if one != uid])
                content = {"type": "text", "text": f"{uid} says {seq_id}"}
                body = {"session_id": pair_session_id(uid, to), "seq_id": seq_id, "content": content}
                answer = None
                async with asyncio.timeout(SETTLE_S):
                    while answer is None:
                        answer = await self._ask(client, uid, "send", body)
                self.acknowledged_at.append(time.monotonic())
                await self._meddle(client, uid, chance, answer["message"])
                await asyncio.sleep(chance.uniform(0.02, 0.1))
        self._settled += 1

    async def _meddle(self, client: aiohttp.ClientSession, uid: Uid, chance: random.Random, message: Any) -> None:
        named = {"session_id": message["session_id"], "msg_id": message["msg_id"]}
        draw = chance.random()
        if draw < 0.1:
            await self._ask(client, uid, "recall", named)
        elif draw < 0.2:
            await self._ask(client, uid, "read", named)
        elif draw < 0.3:
            await self._ask(client, uid, "pull_new", {"session_id": message["session_id"], "after_version": 0})

    async def _ask(self, client: aiohttp.ClientSession, uid: Uid, op: str, body: dict[str, Any]) -> Any:
        """One attempt, written down; None where it was refused or nobody answered."""
        headers = {"Authorization": f"Bearer {token(uid)}"}
        raw, start, status, answer = Raw(json.dumps(body).encode()), next(self._order), 0, b""
        try:
            async with (
                asyncio.timeout(ANSWER_TIMEOUT_S),
                client.post(f"{self._url}/v1/{op}", data=bytes(raw), headers=headers) as response,
            ):
                status, answer = response.status, await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError):
            pass  # silence: nobody knows what became of it
        if status == 200:
            self._note(Call(start, str(uid), "http", op, raw, end=next(self._order), answer=Raw(answer)))
            return json.loads(answer)
        self.attempts_refused += 1
        if not status:
            self._note(Call(start, str(uid), "http", op, raw))
            await asyncio.sleep(0.05)
            return None
        error = msgspec.json.decode(answer, type=_Error).error
        self._note(Call(start, str(uid), "http", op, raw, end=next(self._order), error=error))
        await asyncio.sleep(0.05)
        return None

    def _note(self, call: Call) -> None:
        self.history.events.append(call)

    async def take_end(self, store: Store) -> None:
        """What the database holds, row by row."""
        self.history.ends += await stored_of(store, PEOPLE + TALKERS)

    def longest_silence_s(self, begun: float, ended: float) -> float:
        """The longest time in an interval in which nobody's send was answered."""
        moments = [begun, *(at for at in self.acknowledged_at if begun < at < ended), ended]
        return max(later - earlier for earlier, later in itertools.pairwise(moments))


class _Error(msgspec.Struct):
    error: ErrorView
