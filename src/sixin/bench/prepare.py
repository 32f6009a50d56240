"""What a run finds when it begins: messages and contacts made beforehand, as fast as the server takes them."""

import asyncio
from collections.abc import Callable, Sequence

from sixin.bench.link import Calls, Link
from sixin.bench.plan import Plan
from sixin.bench.spawn import Target
from sixin.bench.tokens import mint
from sixin.bench.traffic import Sends, text_content
from sixin.core.ids import Uid

FILLING_AT_ONCE = 100
"""Requests of one connection under way: below the number at which the server stops reading."""


async def open_link(target: Target, uid: Uid, number: int = 0) -> tuple[Link, Calls]:
    """A connection of this user."""
    link = Link(number, lambda *_: None)
    await link.open(target.host, target.port, mint(target.secret, uid))
    return link, Calls(link)


class _Filling(Sends):
    """Sends a number of messages over all links, each link waiting for its answers."""

    def __init__(self, plan: Plan, total: int, say: Callable[[str], None]) -> None:
        super().__init__(plan)
        self._left = self._unanswered = total
        self._say = say
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def next(self, link: Link) -> None:
        if self._left:
            self._left -= 1
            link.write(self.request(link, 0.0)[1])

    def heard(self, link: Link, request_id: int, payload: bytes, now: float) -> None:
        if payload.find(b'"ok"', 6, 32) < 0 and not self.done.done():
            self.done.set_exception(RuntimeError(f"A message could not be prepared: {payload.decode()}"))
        self._unanswered -= 1
        if self._unanswered % 50_000 == 0:
            self._say(f"{self._unanswered} messages still to prepare")
        if not self._unanswered and not self.done.done():
            self.done.set_result(None)
        self.next(link)


async def fill(target: Target, plan: Plan, messages: int, say: Callable[[str], None] = lambda line: None) -> None:
    """Send so many messages, over the plan's links and to their users' peers in turn."""
    if not messages:
        return
    links = [(await open_link(target, plan.population.uid(number), number))[0] for number in plan.links]
    filling = _Filling(plan, messages, say)
    try:
        for link in links:
            link.answered = filling.heard
        for _ in range(max(1, min(FILLING_AT_ONCE, 2_000 // len(links)))):
            for link in links:
                filling.next(link)
        await filling.done
    finally:
        for link in links:
            link.close()


async def send_to_each(calls: Calls, peers: Sequence[Uid], *, first_seq: int, text_bytes: int = 100) -> None:
    """One message from this connection to each of these."""
    content = text_content(text_bytes).decode()
    text = content.split('"text":"', 1)[1].rsplit('"', 1)[0]
    gate = asyncio.Semaphore(FILLING_AT_ONCE)

    async def send(peer: Uid) -> None:
        async with gate:
            body = {"to": str(peer), "seq_id": first_seq, "content": {"type": "text", "text": text}}
            await calls.call("send", body)

    for start in range(0, len(peers), 1_000):
        async with asyncio.TaskGroup() as sending:
            for peer in peers[start : start + 1_000]:
                sending.create_task(send(peer))
