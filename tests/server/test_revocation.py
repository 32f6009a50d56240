"""A token that was revoked or has expired opens no door, and the connections and requests that stand on it end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sixin.core import errors
from sixin.core.ids import SessionId, Uid
from sixin.core.message import Message
from sixin.core.timeline import MessagePage
from sixin.server.auth import Tokens
from sixin.server.store.base import Transaction
from sixin.server.store.memory import MemoryStore
from tests.server.house import DEADLINE_S, Answer, House, open_house, until

BOUND_S = 1.0
"""On the node that is asked; another node learns it by the bus, or within `REVOCATIONS_POLL_S`."""


async def revoke(house: House, uid: int) -> None:
    answer = await house.post("/v1/admin/revoke", f'{{"uid":"{uid}"}}'.encode(), token=house.token(1, role="admin"))
    assert answer.ok is not None, answer


async def test_a_revoked_connection_is_told_and_ends_within_the_bound(house: House) -> None:
    phone, other = await house.device(1001), await house.device(1002)
    await revoke(house, 1001)
    async with asyncio.timeout(BOUND_S):
        assert (await phone.notice("bye"))["code"] == "revoked"
    await other.say(1001, "are you there?", 1)
    assert await phone.rest() == []


async def test_a_revoked_token_is_refused_at_both_doors_and_a_later_one_is_not(house: House) -> None:
    old = house.token(1001)
    await revoke(house, 1001)
    refused = await house.post("/v1/unread", b"{}", token=old)
    assert refused.code == "unauthenticated"
    device = await house.connect()
    greeted = await device.ask_raw("hello", json.dumps({"token": old}).encode())
    assert greeted.code == "unauthenticated"
    later = house.node.tokens.mint(Uid(1001), now_s=house.node.clock_ms() / 1_000 + 1, ttl_s=60)
    assert (await house.post("/v1/unread", b"{}", token=later)).ok is not None


async def test_only_an_admin_may_revoke(house: House) -> None:
    refused = await house.post("/v1/admin/revoke", b'{"uid":"1002"}', token=house.token(1001))
    assert refused.code == "forbidden"


def test_a_token_checked_before_it_was_revoked_is_refused_when_it_is_used() -> None:
    tokens = Tokens("x" * 32)
    identity = tokens.check(tokens.mint(Uid(7), now_s=100, ttl_s=60), now_s=101)
    tokens.refuse_ended(identity, now_s=159)
    with pytest.raises(errors.Unauthenticated):
        tokens.refuse_ended(identity, now_s=160)
    tokens.revoke(Uid(7), 101)
    with pytest.raises(errors.Unauthenticated):
        tokens.refuse_ended(identity, now_s=102)


class SlowStore(MemoryStore):
    """Lets whoever asks it wait, from the moment it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.waiting = 0

    async def wait(self) -> None:
        """Until it goes on."""
        self.waiting += 1
        await self.goes_on.wait()
        self.waiting -= 1

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        await self.wait()
        async with super().transaction() as transaction:
            yield transaction

    async def pull_old(
        self, owner: Uid, session_id: SessionId, *, before_sort_key: int | None, limit: int
    ) -> MessagePage:
        await self.wait()
        return await super().pull_old(owner, session_id, before_sort_key=before_sort_key, limit=limit)

    async def messages(self, session_id: SessionId, *, before_sort_key: int | None, limit: int) -> list[Message]:
        await self.wait()
        return await super().messages(session_id, before_sort_key=before_sort_key, limit=limit)


async def ends_while_it_waits(house: House, store: SlowStore, asking: asyncio.Task[Answer], how: str) -> Answer:
    """A request that waits for the store, and whose token ends meanwhile: what it is answered."""
    async with asyncio.timeout(DEADLINE_S):
        await until(lambda: store.waiting > 0)
        if how == "expires":
            house.clock.ahead_ms += 61_000
        else:
            house.node.hub.revoked(Uid(1001), int(house.clock() / 1_000) + 1)
        store.goes_on.set()
        return await asking


@pytest.mark.parametrize("how", ["expires", "is revoked"])
async def test_what_is_read_for_a_token_that_ends_meanwhile_is_not_handed_out(how: str) -> None:
    """What came after the end may be on that page, and whoever has the token would read it."""
    store = SlowStore()
    async with open_house(store=store, cache=False) as house:
        await house.done("http", 1002, "send", to="1001", seq_id=1, content={"type": "text", "text": "for you alone"})
        store.goes_on.clear()
        token = house.token(1001, ttl_s=60)
        asking = asyncio.create_task(house.post("/v1/pull_old", b'{"to":"1002"}', token=token))
        answer = await ends_while_it_waits(house, store, asking, how)
        assert (answer.status, answer.code) == (503, "unavailable")
        assert (await house.post("/v1/pull_old", b'{"to":"1002"}', token=token)).code == "unauthenticated"


@pytest.mark.parametrize("how", ["expires", "is revoked"])
async def test_what_was_done_for_a_token_that_ended_meanwhile_is_found_out_with_the_next(how: str) -> None:
    """It is not refused, which would say that it was not done."""
    store = SlowStore()
    async with open_house(store=store) as house:
        store.goes_on.clear()
        said = b'{"to":"1002","seq_id":1,"content":{"type":"text","text":"once"}}'
        asking = asyncio.create_task(house.post("/v1/send", said, token=house.token(1001, ttl_s=60)))
        answer = await ends_while_it_waits(house, store, asking, how)
        assert (answer.status, answer.code) == (503, "unavailable")
        house.clock.ahead_ms += 2_000  # a token of the second of a revocation is refused too
        again = await house.post("/v1/send", said, token=house.token(1001))
        assert again.ok is not None
        assert again.ok["message"]["ordinal"] == 1
        assert len(house.state()["messages"]) == 1


@pytest.mark.parametrize("how", ["expires", "is revoked"])
async def test_the_inspector_shows_nothing_to_a_token_that_ended_meanwhile(how: str) -> None:
    store = SlowStore()
    async with open_house(store=store) as house:
        await house.done("http", 1001, "send", to="1002", seq_id=1, content={"type": "text", "text": "secret"})
        store.goes_on.clear()

        async def inspect() -> Answer:
            token = house.token(1001, ttl_s=60, role="admin")
            status, said = await house.get("/v1/admin/inspect/session/1001:1002", token=token)
            return Answer(None, json.loads(said).get("error"), status)

        answer = await ends_while_it_waits(house, store, asyncio.create_task(inspect()), how)
        assert (answer.status, answer.code) == (503, "unavailable")


async def test_nothing_is_done_for_a_body_that_outlasted_its_token(house: House) -> None:
    said = b'{"to":"1002","seq_id":1,"content":{"type":"text","text":"late"}}'
    head = f"POST /v1/send HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {house.token(1001, ttl_s=60)}\r\n"
    head += f"Content-Length: {len(said)}\r\nConnection: close\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", house.listener.port)
    writer.write(head.encode() + said[:-1])
    await writer.drain()
    await until(lambda: house.listener.connections > 0)
    await house.done("http", 1002, "unread")  # by now the door waits for the rest
    house.clock.ahead_ms += 61_000
    writer.write(said[-1:])
    async with asyncio.timeout(DEADLINE_S):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert house.state()["messages"] == {}


async def test_a_token_of_the_handshake_that_ended_before_the_hello_is_refused(house: House) -> None:
    device = await house.connect(token=house.token(1001, ttl_s=60))
    house.clock.ahead_ms += 61_000
    assert (await device.ask_raw("hello", b"{}")).code == "unauthenticated"
